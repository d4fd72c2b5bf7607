"""The bundled actions keep the contract of actions, and one that breaks it is found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fenix_grpc.actions import command, dummy, http
from fenix_grpc.clock import SystemClock
from fenix_grpc.ports import ActionRequest, ActionResult
from fenix_grpc.testing_action import ACTION_CHECKS, ActionCheck, ActionLab, a_request, check_action
from tests.actions.test_actions_command import alive
from tests.actions.test_actions_http import Says
from tests.packages.shop import a_shop

CLOCK = SystemClock()


def a_dummy(_: Path) -> ActionLab:
    return ActionLab(
        action=dummy.create({}, CLOCK),
        good=a_request(),
        bad=a_request(metadata={"fail_on": "host-1"}),
        endless=a_request(metadata={"seconds": 3600}),
    )


SCRIPT = """
case "$FENIX_METADATA" in
  *bad*) echo no space; exit 3;;
  *endless*) echo $$ >> pids; sleep 3600;;
esac
"""


def a_command(folder: Path) -> ActionLab:
    async def left() -> str:
        pids = (folder / "pids").read_text().split()
        return " ".join(pid for pid in pids if alive(pid))

    script = f"cd {folder}; {SCRIPT}"
    return ActionLab(
        action=command.create({"command": ["sh", "-c", script], "idempotent": True}, CLOCK),
        good=a_request(),
        bad=a_request(metadata={"bad": True}),
        endless=a_request(metadata={"endless": True}),
        left=left,
    )


@pytest.fixture
def service() -> Iterator[Callable[[Path], ActionLab]]:
    with a_shop() as there:
        for name in ("good", "good-too", "bad", "endless"):
            there.offers[f"/{name}"] = Says((202, {}), location=f"/jobs/{name}")
        there.offers |= {
            "/jobs/good": Says((200, {"state": "DONE"})),
            "/jobs/good-too": Says((200, {"state": "DONE"})),
            "/jobs/bad": Says((200, {"state": "FAILED", "reason": "no space"})),
            "/jobs/endless": Says((200, {"state": "RUNNING"})),
        }
        options = {"start": {"url": f"{there.url}/{{host}}"}, "poll": {"interval_s": 0.05}}
        yield lambda _: ActionLab(
            action=http.create({**options, "idempotent": True}, CLOCK),
            good=a_request(host="good"),
            bad=a_request(host="bad"),
            endless=a_request(host="endless"),
        )


@pytest.mark.parametrize("check", ACTION_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("lab", [a_dummy, a_command], ids=lambda lab: lab.__name__)
async def test_bundled(check: ActionCheck, lab: Callable[[Path], ActionLab], tmp_path: Path):
    await check(lab(tmp_path))


async def test_http(service: Callable[[Path], ActionLab], tmp_path: Path):
    await check_action(service(tmp_path))


class Bad:
    """Breaks the contract in one place."""

    idempotent = True

    def __init__(self, how: str) -> None:
        self.how = how
        if how == "says maybe":
            self.idempotent = "maybe"  # type: ignore[assignment]

    async def run(self, request: ActionRequest) -> ActionResult:
        if self.how == "returns nothing":
            return None  # type: ignore[return-value]
        if self.how == "talks without end":
            return ActionResult(ok=True, output="x" * 5000)
        if self.how == "knows no other metadata" and request.metadata:
            return ActionResult(ok=False, detail="unknown metadata")
        if self.how == "fails without a reason" and request.host == "bad":
            return ActionResult(ok=False)
        if request.host == "endless":
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if self.how != "swallows":
                    raise
        return ActionResult(ok=request.host != "bad", detail="it was to fail")


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        ("says maybe", "True or False"),
        ("returns nothing", "returned None"),
        ("talks without end", "5000 characters"),
        ("knows no other metadata", "need not know"),
        ("fails without a reason", "must have a reason"),
        ("swallows", "swallows CancelledError"),
    ],
)
async def test_what_breaks_the_contract_is_found(how: str, problem: str):
    lab = ActionLab(
        action=Bad(how),
        good=a_request(),
        bad=a_request(host="bad"),
        endless=a_request(host="endless"),
    )
    with pytest.raises(AssertionError, match=problem):
        await check_action(lab)
