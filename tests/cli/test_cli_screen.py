"""The live picture against a real server: it follows, and leaves the end on the terminal."""

from __future__ import annotations

import io

import grpc
import pytest
from fenix_client import CallFailed, connect
from fenix_client.testing import STAY, Failure, ScriptedFenix
from rich.console import Console

from fenix_grpc.cli.calls import Exit
from fenix_grpc.cli.watching import Screen
from fenix_grpc.v1 import events_pb2 as e
from fenix_grpc.v1 import session_service_pb2 as s
from fenix_grpc.v1.types_pb2 import Session, SessionDetail, SessionState

ID = "4f2c1a9e-0000-4000-8000-000000000000"
DONE = SessionState.SESSION_STATE_MAINTENANCE_DONE
SCALE_IN = SessionState.SESSION_STATE_SCALE_IN
FAILED = SessionState.SESSION_STATE_MAINTENANCE_FAILED


def entered(state: SessionState) -> s.WatchSessionResponse:
    event = e.SessionEvent(session_id=ID, seq=1, state_entered=e.StateEntered(state=state))
    return s.WatchSessionResponse(events=[event], token="t")


def detail(state: SessionState, reason: str = "") -> s.GetSessionDetailResponse:
    session = Session(session_id=ID, state=state, reason=reason, seq=1)
    return s.GetSessionDetailResponse(detail=SessionDetail(session=session))


async def shown(fenix: ScriptedFenix) -> tuple[Exit, str]:
    """How it ended, and all that was written to the terminal."""
    terminal = Console(file=io.StringIO(), force_terminal=True, width=100, height=30)
    async with connect(fenix.target) as client:
        outcome = await Screen(client, ID, terminal, fenix.target).run()
    assert isinstance(terminal.file, io.StringIO)
    return outcome, terminal.file.getvalue()


async def test_it_ends_with_the_session_and_shows_its_last_state() -> None:
    async with ScriptedFenix() as fenix:
        fenix.reply("WatchSession", [entered(DONE)])
        fenix.reply("GetSessionDetail", detail(DONE))
        outcome, output = await shown(fenix)
    assert outcome is Exit.OK
    assert "MAINTENANCE_DONE" in output


async def test_a_failed_session_ends_it_with_the_reason() -> None:
    async with ScriptedFenix() as fenix:
        fenix.reply("WatchSession", [entered(FAILED), STAY])
        fenix.reply("GetSession", s.GetSessionResponse(session=Session(seq=1)))
        fenix.reply("GetSessionDetail", detail(FAILED, "no room"))
        outcome, output = await shown(fenix)
    assert outcome is Exit.SESSION_FAILED
    assert "no room" in output


async def test_a_break_is_told_and_survived() -> None:
    async with ScriptedFenix() as fenix:
        gone = Failure(code=grpc.StatusCode.UNAVAILABLE)
        fenix.reply("WatchSession", [entered(SCALE_IN), gone], [entered(DONE)])
        fenix.reply("GetSessionDetail", detail(DONE))
        outcome, output = await shown(fenix)
    assert outcome is Exit.OK
    assert "trying again" in output


async def test_an_unknown_session_is_an_error_and_no_picture() -> None:
    async with ScriptedFenix() as fenix:
        missing = Failure(code=grpc.StatusCode.NOT_FOUND, message="session x is not known")
        fenix.reply("WatchSession", missing)
        fenix.reply("GetSessionDetail", missing)
        with pytest.RaisesGroup(CallFailed):
            await shown(fenix)
