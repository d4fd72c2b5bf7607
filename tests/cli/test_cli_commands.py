"""Commands against a real server that answers as told: what is sent, what is printed, how it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import grpc
import pytest
from click.testing import Result
from fenix_client.testing import STAY, Failure, ScriptedFenix
from google.protobuf.message import Message
from typer.testing import CliRunner

from fenix_grpc.cli.app import app
from fenix_grpc.v1 import events_pb2 as e
from fenix_grpc.v1 import project_service_pb2 as p
from fenix_grpc.v1 import session_service_pb2 as s
from fenix_grpc.v1.types_pb2 import (
    Answer,
    InstanceAction,
    NoticeKind,
    ProjectNotice,
    Session,
    SessionDetail,
    SessionState,
)

ID = "4f2c1a9e-0000-4000-8000-000000000000"
DONE = SessionState.SESSION_STATE_MAINTENANCE_DONE
FAILED = SessionState.SESSION_STATE_MAINTENANCE_FAILED
SCALE_IN = SessionState.SESSION_STATE_SCALE_IN


class Shell:
    """Runs commands beside a scripted server."""

    def __init__(self, fenix: ScriptedFenix) -> None:
        self.fenix = fenix

    async def run(self, *words: str) -> Result:
        arguments = [*words, "--server", self.fenix.target]
        return await asyncio.to_thread(CliRunner().invoke, app, arguments)


@pytest.fixture
async def shell() -> AsyncIterator[Shell]:
    async with ScriptedFenix() as fenix:
        yield Shell(fenix)


def a_session(state: SessionState = SCALE_IN, seq: int = 1) -> Session:
    return Session(session_id=ID, state=state, workflow="default", percent_done=40, seq=seq)


def happened(*events: Message) -> s.WatchSessionResponse:
    """One response with these events, numbered from 1."""
    kinds = e.SessionEvent.DESCRIPTOR.oneofs_by_name["event"].fields
    names = {field.message_type.full_name: field.name for field in kinds}
    return s.WatchSessionResponse(
        events=[
            e.SessionEvent(session_id=ID, seq=seq, **{names[event.DESCRIPTOR.full_name]: event})
            for seq, event in enumerate(events, 1)
        ],
        token="t",
    )


def entered(state: SessionState) -> e.StateEntered:
    return e.StateEntered(state=state)


# What is sent


async def test_create_sends_what_was_typed(shell: Shell) -> None:
    shell.fenix.reply("CreateSession", s.CreateSessionResponse(session=a_session()))
    words = "session create --host h1 --host h2 --at 2030-01-31T22:00Z --metadata release=7"
    result = await shell.run(*words.split(), "--action", "host:dummy", "--request-id", "r1")
    [request] = shell.fenix.requests["CreateSession"]
    assert result.exit_code == 0
    assert list(request.hosts) == ["h1", "h2"]
    assert request.maintenance_at.ToDatetime(tzinfo=UTC) == datetime(2030, 1, 31, 22, tzinfo=UTC)
    assert dict(request.metadata) == {"release": "7"}
    assert [action.plugin for action in request.actions] == ["dummy"]
    assert request.request_id == "r1"


async def test_the_token_is_sent(shell: Shell) -> None:
    shell.fenix.reply("GetSession", s.GetSessionResponse(session=a_session()))
    await shell.run("session", "show", ID, "--token", "secret")
    assert shell.fenix.metadata["x-auth-token"] == "secret"


async def test_continue_may_name_a_state(shell: Shell) -> None:
    shell.fenix.reply("UpdateSession", s.UpdateSessionResponse(session=a_session()))
    await shell.run("session", "continue", ID, "--state", "scale_in")
    assert shell.fenix.requests["UpdateSession"][0].state == SCALE_IN


async def test_delete_says_nothing_when_all_is_well(shell: Shell) -> None:
    shell.fenix.reply("DeleteSession", s.DeleteSessionResponse())
    result = await shell.run("session", "delete", ID)
    assert (result.exit_code, result.output) == (0, "")


async def test_a_reply_is_to_what_was_asked_last(shell: Shell) -> None:
    notice = ProjectNotice(notice_id="n7", kind=NoticeKind.NOTICE_KIND_PLANNED_MAINTENANCE)
    shell.fenix.reply("GetProjectSession", p.GetProjectSessionResponse(notice=notice))
    shell.fenix.reply("ReplyProjectSession", p.ReplyProjectSessionResponse(counted=True))
    words = f"project reply {ID} web ack --action live_migrate --action i1=own_action"
    result = await shell.run(*words.split())
    [request] = shell.fenix.requests["ReplyProjectSession"]
    assert result.exit_code == 0
    assert (request.notice_id, request.kind) == ("n7", notice.kind)
    assert request.answer == Answer.ANSWER_ACK
    assert request.action == InstanceAction.INSTANCE_ACTION_LIVE_MIGRATE
    assert dict(request.instance_actions) == {"i1": InstanceAction.INSTANCE_ACTION_OWN_ACTION}


# What is printed


async def test_show_is_a_table_for_a_person_and_json_for_a_program(shell: Shell) -> None:
    shell.fenix.reply("GetSession", s.GetSessionResponse(session=a_session()))
    table = await shell.run("session", "show", ID)
    assert "SCALE_IN" in table.output
    document = json.loads((await shell.run("session", "show", ID, "-o", "json")).output)
    assert document["sessionId"] == ID
    assert document["state"] == "SESSION_STATE_SCALE_IN"
    assert document["reason"] == ""


async def test_list_reads_all_pages(shell: Shell) -> None:
    shell.fenix.reply(
        "ListSessions",
        s.ListSessionsResponse(sessions=[a_session()], next_page_token="2"),
        s.ListSessionsResponse(sessions=[Session(session_id="last")]),
    )
    document = json.loads((await shell.run("session", "list", "--output", "json")).output)
    assert [session["sessionId"] for session in document["sessions"]] == [ID, "last"]
    assert [r.page_token for r in shell.fenix.requests["ListSessions"]] == ["", "2"]


async def test_an_empty_list_says_what_to_do(shell: Shell) -> None:
    shell.fenix.reply("ListSessions", s.ListSessionsResponse())
    assert "fenix session create" in (await shell.run("session", "list")).output


async def test_detail_prints_the_whole_session(shell: Shell) -> None:
    detail = SessionDetail(session=a_session(), owed_hosts=["h1"])
    shell.fenix.reply("GetSessionDetail", s.GetSessionDetailResponse(detail=detail))
    assert "out of service for now: h1" in (await shell.run("session", "detail", ID)).output


async def test_project_show_tells_what_is_asked(shell: Shell) -> None:
    notice = ProjectNotice(kind=NoticeKind.NOTICE_KIND_SCALE_IN, reason="no room")
    shell.fenix.reply(
        "GetProjectSession", p.GetProjectSessionResponse(notice=notice, instance_ids=["i1"])
    )
    output = (await shell.run("project", "show", ID, "web")).output
    assert all(word in output for word in ("SCALE_IN", "awaited", "no room", "i1"))


# Watching


async def test_watch_prints_a_line_per_event_and_ends_with_the_session(shell: Shell) -> None:
    shell.fenix.reply("WatchSession", [happened(entered(SCALE_IN), entered(DONE))])
    result = await shell.run("session", "watch", ID)
    assert result.exit_code == 0
    assert [line.split()[1] for line in result.output.splitlines()] == [
        "SCALE_IN",
        "MAINTENANCE_DONE",
    ]


async def test_watch_ends_with_code_3_when_the_session_failed(shell: Shell) -> None:
    shell.fenix.reply("WatchSession", [happened(entered(FAILED)), STAY])
    shell.fenix.reply("GetSession", s.GetSessionResponse(session=a_session(FAILED, seq=1)))
    assert (await shell.run("session", "watch", ID)).exit_code == 3


async def test_a_failure_that_was_continued_since_does_not_end_a_watch(shell: Shell) -> None:
    failed, goes_on = happened(entered(FAILED)), happened(entered(DONE))
    shell.fenix.reply("WatchSession", [failed, goes_on])
    shell.fenix.reply("GetSession", s.GetSessionResponse(session=a_session(SCALE_IN, seq=5)))
    assert (await shell.run("session", "watch", ID)).exit_code == 0


async def test_watch_ends_with_code_3_when_the_session_was_deleted(shell: Shell) -> None:
    shell.fenix.reply("WatchSession", [happened(e.SessionDeleted(), e.SessionClosed())])
    assert (await shell.run("session", "watch", ID)).exit_code == 3


async def test_watch_may_leave_at_a_state(shell: Shell) -> None:
    shell.fenix.reply("WatchSession", [happened(entered(SCALE_IN)), STAY])
    assert (await shell.run("session", "watch", ID, "--until", "scale_in")).exit_code == 0


async def test_watch_prints_a_document_per_event(shell: Shell) -> None:
    shell.fenix.reply("WatchSession", [happened(entered(SCALE_IN), entered(DONE))])
    result = await shell.run("session", "watch", ID, "--output", "json")
    states = [json.loads(line)["stateEntered"]["state"] for line in result.output.splitlines()]
    assert states == ["SESSION_STATE_SCALE_IN", "SESSION_STATE_MAINTENANCE_DONE"]


async def test_watch_of_all_sessions_names_them(shell: Shell) -> None:
    shell.fenix.reply("WatchSession", [happened(entered(DONE))])
    result = await shell.run("session", "watch", "--no-follow")
    assert result.output.startswith("4f2c1a9e  ")
    assert not shell.fenix.requests["WatchSession"][0].follow


async def test_create_and_watch_ends_as_the_session_does(shell: Shell) -> None:
    shell.fenix.reply("CreateSession", s.CreateSessionResponse(session=a_session()))
    shell.fenix.reply("WatchSession", [happened(entered(FAILED)), STAY])
    shell.fenix.reply("GetSession", s.GetSessionResponse(session=a_session(FAILED, seq=1)))
    assert (await shell.run("session", "create", "--watch")).exit_code == 3


async def test_watch_goes_on_after_a_break_and_says_so(shell: Shell) -> None:
    gone = Failure(code=grpc.StatusCode.UNAVAILABLE, message="the server stops")
    shell.fenix.reply(
        "WatchSession", [happened(entered(SCALE_IN)), gone], [happened(entered(DONE))]
    )
    result = await shell.run("session", "watch", ID)
    assert result.exit_code == 0
    assert result.stderr == "fenix: the server stops; trying again\n"


# How it ends when it does not go well


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, 2),
        (grpc.StatusCode.NOT_FOUND, 4),
        (grpc.StatusCode.FAILED_PRECONDITION, 5),
        (grpc.StatusCode.PERMISSION_DENIED, 5),
        (grpc.StatusCode.UNAVAILABLE, 6),
        (grpc.StatusCode.INTERNAL, 1),
    ],
)
async def test_every_failure_has_an_exit_code_and_a_line(
    shell: Shell, code: grpc.StatusCode, exit_code: int
) -> None:
    shell.fenix.reply("GetSession", Failure(code=code, message="that did not work"))
    result = await shell.run("session", "show", ID)
    assert result.exit_code == exit_code
    assert (result.stdout, result.stderr) == ("", "fenix: that did not work\n")


async def test_wrong_fields_are_named(shell: Shell) -> None:
    failure = Failure(
        code=grpc.StatusCode.INVALID_ARGUMENT,
        message="the request is wrong",
        fields={"hosts": "h9 is not known"},
    )
    shell.fenix.reply("CreateSession", failure)
    result = await shell.run("session", "create")
    assert result.stderr == "fenix: the request is wrong\n  hosts: h9 is not known\n"


@pytest.mark.parametrize("words", [["list"], ["watch", ID], ["create", "--watch"]])
def test_without_a_server_it_says_how_to_start_one(words: list[str]) -> None:
    result = CliRunner().invoke(app, ["session", *words, "--server", "127.0.0.1:1"])
    assert result.exit_code == 6
    assert "`fenix serve`" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        "session create --at soon",
        "session create --action dummy",
        "session watch x --until asleep",
        "project reply x y perhaps",
        "session show",
        "vnfm web --action fly",
        "states --unknown",
    ],
)
def test_wrong_usage_is_code_2(words: str) -> None:
    result = CliRunner().invoke(app, words.split())
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_help_tells_the_exit_codes() -> None:
    assert "3 the session failed" in " ".join(CliRunner().invoke(app, ["--help"]).output.split())
