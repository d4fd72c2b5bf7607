"""Watching over REST: newline-delimited JSON and server-sent events."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
import pytest
from google.rpc import code_pb2

from fenix_grpc.v1 import events_pb2
from fenix_grpc.v1 import project_service_pb2 as project_pb
from fenix_grpc.v1 import session_service_pb2 as session_pb
from fenix_grpc.v1 import types_pb2 as pb
from gateway import Backend, Limits
from tests.gateway.listener import Listener
from tests.gateway.memory import SESSIONS, MemoryBackend, Recorder, refused

EVENTS = {"accept": "text/event-stream"}


def _entered(seq: int) -> session_pb.WatchSessionResponse:
    return session_pb.WatchSessionResponse(
        token=f"t{seq}",
        events=[
            events_pb2.SessionEvent(
                session_id="s",
                seq=seq,
                state_entered=events_pb2.StateEntered(state=pb.SESSION_STATE_SCALE_IN),
            )
        ],
    )


def _bookmark(token: str) -> session_pb.WatchSessionResponse:
    return session_pb.WatchSessionResponse(token=token)


async def test_lines_carry_results_as_they_come_and_the_stream_ends(
    door: Backend, memory: MemoryBackend
) -> None:
    session_id = memory.add()
    listener = Listener(door)
    async with listener.request("GET", f"/v1/maintenance/{session_id}:watch"):
        await memory.until_watchers(1)
        await memory.say(_entered(1))
        line = await listener.line()
        assert line["result"]["token"] == "t1"
        assert line["result"]["events"] == [
            {
                "sessionId": "s",
                "seq": "1",
                "at": None,
                "stateEntered": {
                    "state": "SESSION_STATE_SCALE_IN",
                    "reason": "",
                    "host": "",
                    "keepsAsks": False,
                },
            }
        ]
        assert await listener.status() == 200
        assert await listener.header("content-type") == "application/x-ndjson"
        await memory.say(_bookmark("t2"), None)
        assert await listener.line() == {"result": {"events": [], "token": "t2", "snapshot": []}}
        assert await listener.chunk() == b""
    assert memory.watchers == 0


async def test_events_carry_the_token_as_id(door: Backend, memory: MemoryBackend) -> None:
    listener = Listener(door)
    async with listener.request("GET", "/v1/maintenance:watch", EVENTS):
        await memory.say(_entered(1), _bookmark("t2"), None)
        first = await listener.chunk()
        assert await listener.header("content-type") == "text/event-stream"
        assert await listener.header("cache-control") == "no-cache"
        head, data = first.split(b"data: ")
        assert head == b"id: t1\n"
        assert data.endswith(b"\n\n")
        assert msgspec.json.decode(data)["events"][0]["seq"] == "1"
        bookmark = await listener.chunk()
        assert bookmark.startswith(b"event: bookmark\nid: t2\ndata: {")
        assert await listener.chunk() == b"event: end\ndata: {}\n\n"


async def test_watch_of_a_project(memory: MemoryBackend) -> None:
    listener = Listener(memory)
    async with listener.request("GET", "/v1/projects/p:watch"):
        notice = pb.ProjectNotice(notice_id="n", kind=pb.NOTICE_KIND_SCALE_IN)
        await memory.say(project_pb.WatchProjectResponse(notices=[notice], token="t"), None)
        result = (await listener.line())["result"]
        assert result["notices"][0]["kind"] == "NOTICE_KIND_SCALE_IN"


@pytest.mark.parametrize(
    ("query", "headers", "sent"),
    [
        ("", {}, {"follow": True}),
        ("?follow=false", {}, {"follow": False}),
        ("?follow=true&after=3", {}, {"follow": True, "after": "3"}),
        ("?after=1", {"last-event-id": "2"}, {"follow": True, "after": "2"}),
        ("?snapshot=true", {}, {"follow": True, "snapshot": True}),
        ("?snapshot=true", {"last-event-id": "2"}, {"follow": True, "after": "2"}),
    ],
)
async def test_stream_follows_and_resumes(
    memory: MemoryBackend, query: str, headers: dict[str, str], sent: dict[str, Any]
) -> None:
    await memory.say(None, None, None, None)
    recorder = Recorder(memory)
    listener = Listener(recorder)
    async with listener.request("GET", f"/maintenance:watch{query}", headers):
        assert await listener.status() == 200
    assert recorder.calls[0][1] == session_pb.WatchSessionRequest(**sent)


async def test_browser_that_has_seen_all_is_told_not_to_come_back(memory: MemoryBackend) -> None:
    await memory.say(None)
    listener = Listener(memory)
    async with listener.request(
        "GET", "/v1/maintenance:watch?follow=false", {**EVENTS, "last-event-id": "1"}
    ):
        assert await listener.status() == 204
        assert await listener.chunk() == b""


async def test_error_before_the_first_message_is_a_status(door: Backend) -> None:
    listener = Listener(door, limits=Limits(stream_open_s=60))
    async with listener.request("GET", "/v1/maintenance/none:watch"):
        assert await listener.status() == 404
        body = await listener.line()
        assert body["message"] == body["error"] == "session none is not known"
    listener = Listener(door, limits=Limits(stream_open_s=60))
    async with listener.request("GET", "/v1/maintenance:watch?after=forgotten", EVENTS):
        assert await listener.status() == 400
        assert (await listener.line())["code"] == code_pb2.OUT_OF_RANGE


async def test_request_that_cannot_be_read_is_refused(memory: MemoryBackend) -> None:
    listener = Listener(memory)
    async with listener.request("GET", "/v1/maintenance:watch?follow=perhaps"):
        assert await listener.status() == 400


@pytest.mark.parametrize("headers", [{}, EVENTS], ids=["lines", "events"])
async def test_error_in_the_middle_is_sent_in_the_stream(
    door: Backend, memory: MemoryBackend, headers: dict[str, str]
) -> None:
    listener = Listener(door)
    async with listener.request("GET", "/v1/maintenance:watch", headers):
        await memory.say(_entered(1), refused(code_pb2.RESOURCE_EXHAUSTED, "too slow"))
        await listener.chunk()
        last = await listener.chunk()
    prefix = b"event: error\ndata: " if headers else b""
    assert last.startswith(prefix)
    assert msgspec.json.decode(last.removeprefix(prefix)) == {
        "error": {"code": code_pb2.RESOURCE_EXHAUSTED, "message": "too slow", "details": []}
    }


async def test_what_nobody_expected_is_logged_and_ends_the_stream(
    memory: MemoryBackend, caplog: pytest.LogCaptureFixture
) -> None:
    memory.failures[SESSIONS + "WatchSession"] = KeyError("secret")
    listener = Listener(memory, limits=Limits(stream_open_s=60))
    with caplog.at_level(logging.ERROR):
        async with listener.request("GET", "/v1/maintenance:watch"):
            assert await listener.status() == 500
            assert (await listener.line())["message"].startswith("internal error, incident ")
    assert "secret" in caplog.text


async def test_silent_stream_is_opened_all_the_same(memory: MemoryBackend) -> None:
    listener = Listener(memory, limits=Limits(stream_open_s=0))
    async with listener.request("GET", "/v1/maintenance:watch"):
        assert await listener.status() == 200
        assert len(listener.sent) == 1
        listener.leave()


@pytest.mark.parametrize("said", [0, 1], ids=["silent", "talking"])
async def test_client_that_leaves_ends_the_call(
    door: Backend, memory: MemoryBackend, said: int
) -> None:
    listener = Listener(door)
    async with listener.request("GET", "/v1/maintenance:watch"):
        await memory.until_watchers(1)
        await memory.say(*[_entered(1)] * said)
        for _ in range(said):
            await listener.chunk()
        listener.leave()
        await memory.until_watchers(0)
    assert all(event.get("more_body", True) for event in listener.sent)


@pytest.mark.parametrize("headers", [{}, EVENTS], ids=["lines", "events"])
async def test_stopping_ends_streams_and_says_so(
    door: Backend, memory: MemoryBackend, headers: dict[str, str]
) -> None:
    listener = Listener(door)
    async with listener.request("GET", "/v1/maintenance:watch", headers):
        await memory.say(_entered(1))
        await listener.chunk()
        listener.app.stop()
        assert b"the gateway is stopping; resume from the last token" in await listener.chunk()
        await memory.until_watchers(0)
    listener = Listener(door)
    listener.app.stop()
    async with listener.request("GET", "/v1/maintenance:watch"):
        assert await listener.status() == 503
