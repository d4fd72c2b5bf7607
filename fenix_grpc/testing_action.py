"""The conformance suite of `ports.Action`: the sentences of its docstrings, as checks.

A plug-in passes when it passes every check with the requests of an `ActionLab`, which knows what makes it succeed, fail
and take its time. One that is not passed raises AssertionError, or what the plug-in raised. Needs no test framework:

    asyncio.run(check_action(ActionLab(action=mine, good=a_request(host="h1"))))
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fenix_grpc.core.model import HostKind
from fenix_grpc.ports import Action, ActionRequest, ActionResult

__all__ = ["ACTION_CHECKS", "ActionCheck", "ActionLab", "a_request", "check_action"]

#: Seconds within which a plug-in must end after it was cancelled, or after its time.
PATIENCE_S = 30.0
_SHORT_S = 2.0
_OUTPUT_KEPT = 4096


def a_request(
    host: str = "host-1", metadata: Mapping[str, Any] | None = None, **more: Any
) -> ActionRequest:
    """A request as the engine makes them."""
    given: dict[str, Any] = {
        "session_id": "9d0c1f5e-0b0e-4b5e-8a43-2f6f3f1f7a11",
        "host": host,
        "host_kind": HostKind.COMPUTE,
        "type": "HOST",
        "metadata": metadata or {},
        "timeout_s": 600.0,
        **more,
    }
    return ActionRequest(**given)


async def nothing() -> str:
    """What is left running of an action that leaves nothing that could be found."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionLab:
    """A plug-in, and requests to it."""

    action: Action
    #: Succeeds in a moment.
    good: ActionRequest
    #: Fails; None for a plug-in that cannot be made to.
    bad: ActionRequest | None = None
    #: Would take hours; None for a plug-in that never takes long.
    endless: ActionRequest | None = None
    #: What is still running of the endless run, in words; empty for nothing.
    left: Callable[[], Awaitable[str]] = nothing


ActionCheck = Callable[[ActionLab], Awaitable[None]]


async def check_action(lab: ActionLab) -> None:
    """Runs every check."""
    for check in ACTION_CHECKS:
        await check(lab)


async def declares_whether_it_may_be_repeated(lab: ActionLab) -> None:
    """The engine decides by it after an unknown outcome."""
    assert isinstance(lab.action.idempotent, bool), "idempotent must be True or False"


async def succeeds_with_a_result(lab: ActionLab) -> None:
    """A success says so, and its texts can be kept."""
    result = await _run(lab, lab.good)
    assert result.ok, f"it failed: {result.detail}"


async def fails_with_a_value(lab: ActionLab) -> None:
    """A failure is a result with a reason, not an exception."""
    if lab.bad is None:
        return
    result = await _run(lab, lab.bad)
    assert not result.ok, "it was to fail and did not"
    assert result.detail, "a failure must have a reason"


async def works_on_several_hosts_at_a_time(lab: ActionLab) -> None:
    """Runs do not disturb each other."""
    if not lab.good.host:
        return
    requests = [replace(lab.good, host=host) for host in (lab.good.host, f"{lab.good.host}-too")]
    results = await asyncio.gather(*(_run(lab, request) for request in requests))
    assert results[0].ok, f"it failed beside another: {results[0].detail}"


async def may_be_repeated_if_it_says_so(lab: ActionLab) -> None:
    """Running it again on the same host does no harm."""
    if lab.action.idempotent:
        for _ in range(2):
            result = await _run(lab, lab.good)
            assert result.ok, f"it failed when it was repeated: {result.detail}"


async def heeds_its_own_metadata_only(lab: ActionLab) -> None:
    """Metadata may hold what is meant for others."""
    foreign = {**lab.good.metadata, "fenix_conformance": {"meant": ["for", "others"]}}
    result = await _run(lab, replace(lab.good, metadata=foreign))
    assert result.ok, f"it failed because of metadata that it need not know: {result.detail}"


async def ends_when_it_is_cancelled(lab: ActionLab) -> None:
    """It lets CancelledError pass, soon, and leaves nothing running."""
    if lab.endless is None:
        return
    task = asyncio.ensure_future(lab.action.run(lab.endless))
    done, _ = await asyncio.wait([task], timeout=_SHORT_S)
    assert not done, "the endless run has ended by itself"
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=PATIENCE_S)
    assert done, f"it goes on {PATIENCE_S:.0f} s after it was cancelled"
    assert task.cancelled(), (
        "it swallows CancelledError, or raises something else when it is cancelled"
    )
    assert not (left := await lab.left()), f"left running after it was cancelled: {left}"


async def ends_with_its_time(lab: ActionLab) -> None:
    """When its time is over it ends by itself or can be cancelled, and leaves nothing running."""
    if lab.endless is None:
        return
    task = asyncio.ensure_future(lab.action.run(replace(lab.endless, timeout_s=_SHORT_S)))
    await asyncio.wait([task], timeout=_SHORT_S + PATIENCE_S / 3)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=PATIENCE_S)
    assert done, "it goes on after its time"
    assert task.cancelled() or not task.result().ok, "it says that it succeeded after its time"
    assert not (left := await lab.left()), f"left running after its time: {left}"


async def _run(lab: ActionLab, request: ActionRequest) -> ActionResult:
    result = await lab.action.run(request)
    assert isinstance(result, ActionResult), f"it returned {result!r}"
    assert isinstance(result.ok, bool), f"ok is {result.ok!r}"
    assert "\n" not in result.detail, f"detail is one line, not {result.detail!r}"
    assert len(result.output) <= _OUTPUT_KEPT, f"output has {len(result.output)} characters"
    return result


ACTION_CHECKS: tuple[ActionCheck, ...] = (
    declares_whether_it_may_be_repeated,
    succeeds_with_a_result,
    fails_with_a_value,
    works_on_several_hosts_at_a_time,
    may_be_repeated_if_it_says_so,
    heeds_its_own_metadata_only,
    ends_when_it_is_cancelled,
    ends_with_its_time,
)
