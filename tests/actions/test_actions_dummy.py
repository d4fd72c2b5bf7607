"""The dummy takes the time it is told, and fails where it is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fenix_grpc.actions.dummy import create
from fenix_grpc.clock import VirtualClock
from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.core.model import HostKind
from fenix_grpc.ports import ActionRequest


def a_request(host: str = "compute-1", **metadata: Any) -> ActionRequest:
    return ActionRequest(
        session_id="s1",
        host=host,
        host_kind=HostKind.COMPUTE,
        type="HOST",
        metadata=metadata,
        timeout_s=60,
    )


async def test_it_does_nothing_at_once() -> None:
    clock = VirtualClock()
    start = clock.now()
    dummy = create({}, clock)
    assert (await dummy.run(a_request(colour="blue"))).ok
    assert dummy.idempotent
    assert clock.now() == start


async def test_it_takes_as_long_as_it_is_told() -> None:
    clock = VirtualClock()
    start = clock.now()
    assert (await create({}, clock).run(a_request(seconds=90))).ok
    assert clock.now() == start + timedelta(seconds=90)


@pytest.mark.parametrize(("host", "ok"), [("compute-1", False), ("compute-2", True), ("", True)])
async def test_it_fails_on_the_named_host_only(host: str, ok: bool) -> None:
    result = await create({}, VirtualClock()).run(a_request(host, fail_on="compute-1"))
    assert result.ok is ok
    assert ("fails on compute-1" in result.detail) is not ok


@pytest.mark.parametrize("seconds", ["long", -1, 1e9, None])
async def test_wrong_metadata_is_a_failure_that_names_it(seconds: object) -> None:
    result = await create({}, VirtualClock()).run(a_request(seconds=seconds))
    assert not result.ok
    assert "metadata.seconds" in result.detail


def test_it_has_no_options() -> None:
    with pytest.raises(InvalidRequest, match="options"):
        create({"seconds": 3}, VirtualClock())
