"""The conformance suite finds what it is there to find: a driver with one fault fails the checks that speak of it."""

from __future__ import annotations

from typing import Any

import pytest

from fenix_grpc.clouds.simulated import SimulatedCloud
from fenix_grpc.core.errors import CloudRefused, CloudUnavailable
from fenix_grpc.core.model import Inventory
from fenix_grpc.ports import MoveResult
from fenix_grpc.testing import CLOUD_CHECKS
from tests.clouds.lab import a_lab


class Driver:
    """Hands everything on; those below do one thing wrong."""

    def __init__(self, real: SimulatedCloud) -> None:
        self.real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class LooksOnce(Driver):
    seen: Inventory | None = None

    async def inventory(self) -> Inventory:
        self.seen = self.seen or await self.real.inventory()
        return self.seen


class DisablesAgain(Driver):
    async def disable_host(self, host: str, reason: str) -> None:
        await self.real.set_enabled(host, False, reason)


class EnablesAll(Driver):
    async def enable_host(self, host: str, reason: str) -> None:
        await self.real.set_enabled(host, True)


class ForgetsTheTarget(Driver):
    async def move_instance(self, *args: Any, target: str, **more: Any) -> MoveResult:
        return await self.real.move_instance(*args, **more)


class DoesNotWait(Driver):
    async def move_instance(self, *args: Any, **more: Any) -> MoveResult:
        try:
            return await self.real.move_instance(*args, **more | {"timeout_s": 0})
        except CloudUnavailable:
            return MoveResult(host=more["target"])


class MissesTheSource(Driver):
    async def move_instance(self, instance_id: str, *args: Any, **more: Any) -> MoveResult:
        views = (await self.real.inventory()).instances
        here = {view.instance_id: view.host for view in views}.get(instance_id, "")
        return await self.real.move_instance(instance_id, *args, **more | {"source": here})


class RefusesInVain(Driver):
    async def move_instance(self, *args: Any, **more: Any) -> MoveResult:
        try:
            return await self.real.move_instance(*args, **more)
        except CloudRefused:
            return MoveResult(host=more["source"])


class NeverHurries(Driver):
    async def move_instance(self, *args: Any, **more: Any) -> MoveResult:
        return await self.real.move_instance(*args, **more | {"live": None})


class BelievesItMoved(Driver):
    async def evacuate_instance(self, *args: Any, **more: Any) -> MoveResult:
        return MoveResult(host=more["target"])


class RemovesAnything(Driver):
    async def remove_host(self, host: str, reason: str) -> None:
        pass


FOUND_BY = {
    RemovesAnything: {"removes_nothing_that_serves"},
    NeverHurries: {"aborts_what_is_slow", "forces_what_is_slow"},
    BelievesItMoved: {"evacuates_the_dead_only"},
    LooksOnce: {"shows_what_is_now", "moves_to_the_target"},
    DisablesAgain: {"leaves_what_others_disabled"},
    EnablesAll: {"leaves_what_others_disabled", "leaves_what_others_disabled_since"},
    ForgetsTheTarget: {"keeps_instances_off_disabled_hosts", "refuses_unknown_hosts"},
    DoesNotWait: {"moves_to_the_target", "moves_where_the_scheduler_likes"},
    MissesTheSource: {"moves_to_the_target", "finds_instances_gone_or_elsewhere"},
    RefusesInVain: {"refuses_to_break_a_group", "keeps_instances_off_disabled_hosts"},
}


@pytest.mark.parametrize("driver", FOUND_BY, ids=lambda driver: driver.__name__)
async def test_a_broken_driver_is_found_by(driver: type[Driver]) -> None:
    found = set()
    for check in CLOUD_CHECKS:
        async with a_lab(driver=driver) as lab:
            try:
                await check(lab)
            except (AssertionError, CloudRefused, CloudUnavailable):
                found.add(check.__name__)
    assert found >= FOUND_BY[driver]
