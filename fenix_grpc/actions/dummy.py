"""An action that does nothing, for demonstrations and for trying a session without touching a host.

Metadata of the action: `seconds` to take, and `fail_on`, the name of a host on which to fail.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

import msgspec

from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.options import read_options
from fenix_grpc.ports import ActionRequest, ActionResult, Clock


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """There are none."""


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What it heeds in the metadata of an action; the rest is somebody else's."""

    seconds: Annotated[float, msgspec.Meta(ge=0, le=86400)] = 0.0
    fail_on: str = ""


class Dummy:
    """Waits as long as it is told, and says how it went."""

    idempotent = True

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def run(self, request: ActionRequest) -> ActionResult:
        """Does nothing to the host."""
        try:
            metadata = read_options(request.metadata, Metadata, "metadata")
        except InvalidRequest as err:
            return ActionResult(ok=False, detail=str(err))
        await self._clock.sleep_until(self._clock.now() + timedelta(seconds=metadata.seconds))
        if request.host and request.host == metadata.fail_on:
            return ActionResult(ok=False, detail=f"fails on {request.host}, as its metadata says")
        return ActionResult(ok=True, detail="did nothing, as is its nature")


def create(options: Mapping[str, Any], clock: Clock) -> Dummy:
    """The action as configured."""
    read_options(options, Options, "options")
    return Dummy(clock)
