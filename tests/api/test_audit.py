"""Who did what, from where: a line of JSON per change, and per caller who could not prove who it is."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fenix_grpc.api.audit import CHANGING, write_to
from fenix_grpc.api.methods import METHODS
from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.v1 import constraint_service_pb2 as constraint_pb
from fenix_grpc.v1 import session_service_pb2 as pb
from tests.api.desk import PEER, a_desk, refused

CREATE = "/fenix.v1.SessionService/CreateSession"


class Lines(list[dict[str, Any]]):
    """What was written."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    def new(self) -> list[dict[str, Any]]:
        found = [
            json.loads(r.getMessage()) for r in self._caplog.records if r.name == "fenix.audit"
        ]
        self._caplog.clear()
        return found


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Lines]:
    with caplog.at_level(logging.INFO, logger="fenix.audit"):
        yield Lines(caplog)


def test_what_changes_something_is_known() -> None:
    verbs = ("Create", "Update", "Delete", "Reply", "Set")
    by_name = {m.full_name for m in METHODS.values() if m.name.startswith(verbs)}
    assert by_name == CHANGING


async def test_a_change_has_a_line_and_a_look_has_none(lines: Lines) -> None:
    async with a_desk() as desk:
        request = pb.CreateSessionRequest(maintenance_at=desk.in_s(60), request_id="r1")
        told = {"caller": "admin", "x-request-id": "c-1", "fenix-peer": "rest:192.0.2.7:1"}
        session_id = (await desk.api.chain.unary(CREATE, request, told, PEER)).session.session_id
        (line,) = lines.new()
        assert line.pop("time") == desk.clock.now().isoformat()
        assert line == {
            "who": "admin",
            "roles": ["admin"],
            "peer": "test",
            "forwarded_for": "rest:192.0.2.7:1",
            "method": CREATE,
            "session_id": session_id,
            "request_id": "r1",
            "correlation": "c-1",
            "event": "call",
            "outcome": "OK",
        }
        await desk.call(pb.GetSessionRequest(session_id=session_id))
        await desk.call(pb.ListSessionsRequest())
        assert lines.new() == []


@pytest.mark.parametrize(
    ("caller", "who", "outcome", "event"),
    [
        ("project:p1", "project:p1", "PERMISSION_DENIED", "call"),
        ("admin", "admin", "NOT_FOUND", "call"),
        ("", None, "UNAUTHENTICATED", "refused"),
    ],
)
async def test_what_was_refused_has_a_line_too(
    lines: Lines, caller: str, who: str | None, outcome: str, event: str
) -> None:
    async with a_desk() as desk:
        async with refused(outcome):
            await desk.call(pb.DeleteSessionRequest(session_id="no\u2028such"), caller)
        (line,) = lines.new()
        assert (line.get("who"), line["outcome"], line["event"]) == (who, outcome, event)
        assert desk.api.audit.refused == (event == "refused")


async def test_a_look_by_somebody_unknown_has_a_line(lines: Lines) -> None:
    async with a_desk() as desk:
        async with refused("UNAUTHENTICATED"):
            await desk.call(pb.ListSessionsRequest(), "")
        async with refused("UNAUTHENTICATED"):
            await anext(desk.watch(pb.WatchSessionRequest(), ""))
        assert [line["event"] for line in lines.new()] == ["refused", "refused"]
        assert desk.api.audit.refused == 2


async def test_nobody_can_write_lines_of_others(
    lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_desk() as desk:
        name = 'i"}\n{"who": "admin"'
        request = constraint_pb.DeleteInstanceConstraintRequest(instance_id=name)
        async with refused("INVALID_ARGUMENT"):
            await desk.call(request, "project:p1")
        (record,) = [r for r in caplog.records if r.name == "fenix.audit"]
        assert "\n" not in record.getMessage()
        assert lines.new()[0]["instance_id"] == name


async def test_a_file_takes_them_and_may_be_moved_away(tmp_path: Path) -> None:
    file, moved = tmp_path / "audit.jsonl", tmp_path / "audit.jsonl.1"
    async with a_desk() as desk:
        with write_to(file):
            await desk.create()
            file.rename(moved)
            await desk.create()
        await desk.create()
    first, second = (path.read_text().splitlines() for path in (moved, file))
    assert json.loads(first[0])["session_id"] != json.loads(second[0])["session_id"]
    assert (len(first), len(second)) == (1, 1)
    assert moved.stat().st_mode & 0o077 == 0
    with pytest.raises(InvalidRequest, match="cannot be written"), write_to(tmp_path / "no" / "x"):
        pass
