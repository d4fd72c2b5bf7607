"""Watches that go on after a break: nothing lost, nothing twice, definite errors end them."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace

import grpc
import pytest
from fenix_client import (
    Backoff,
    CallFailed,
    Client,
    connect,
    patiently,
    watch_project,
    watch_session,
)
from fenix_client.testing import STAY, Failure, ScriptedFenix

from fenix_grpc.v1.project_service_pb2 import (
    ReplyProjectSessionRequest,
    ReplyProjectSessionResponse,
    WatchProjectResponse,
)
from fenix_grpc.v1.session_service_pb2 import WatchSessionResponse
from fenix_grpc.v1.types_pb2 import ProjectNotice

GONE = Failure(code=grpc.StatusCode.UNAVAILABLE)


class Waits:
    """A sleep that takes no time and notes how long it should have been."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.backoff = Backoff(first_s=1, most_s=4, sleep=self._sleep, random=lambda: 1.0)

    async def _sleep(self, wait_s: float) -> None:
        self.seconds.append(wait_s)


def told(notice_id: str) -> WatchProjectResponse:
    return WatchProjectResponse(notices=[ProjectNotice(notice_id=notice_id)], token=notice_id)


def happened(token: str) -> WatchSessionResponse:
    return WatchSessionResponse(token=token)


async def tokens(client: Client, count: int, backoff: Backoff) -> list[str]:
    """Tokens of the first responses of a project watch."""
    seen: list[str] = []
    async with aclosing(watch_project(client, "p", backoff=backoff)) as watch:
        async for response in watch:
            seen.append(response.token)
            if len(seen) == count:
                break
    return seen


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.CANCELLED,
    ],
)
async def test_a_watch_resumes_from_the_last_token(code: grpc.StatusCode) -> None:
    async with ScriptedFenix() as fenix, connect(fenix.target) as client:
        fenix.reply("WatchProject", [told("1"), told("2"), Failure(code=code)], [told("3"), STAY])
        assert await tokens(client, 3, Waits().backoff) == ["1", "2", "3"]
    assert [request.after for request in fenix.requests["WatchProject"]] == ["", "2"]


async def test_waits_double_up_to_the_most_and_start_anew_after_an_answer() -> None:
    waits = Waits()
    async with ScriptedFenix() as fenix, connect(fenix.target) as client:
        fenix.reply("WatchProject", *[GONE] * 4, [told("1"), GONE], [told("2"), STAY])
        await tokens(client, 2, waits.backoff)
    assert waits.seconds == [1, 2, 4, 4, 1]


async def test_a_project_watch_that_ends_well_is_started_again() -> None:
    async with ScriptedFenix() as fenix, connect(fenix.target) as client:
        fenix.reply("WatchProject", [told("1")], [told("2"), STAY])
        assert await tokens(client, 2, Waits().backoff) == ["1", "2"]


async def test_a_session_watch_ends_with_its_session() -> None:
    async with ScriptedFenix() as fenix, connect(fenix.target) as client:
        fenix.reply("WatchSession", [happened("1"), GONE], [happened("2")])
        watch = watch_session(client, "s", backoff=Waits().backoff)
        assert [response.token async for response in watch] == ["1", "2"]


async def test_a_snapshot_is_asked_for_until_it_came() -> None:
    async with ScriptedFenix() as fenix, connect(fenix.target) as client:
        fenix.reply("WatchSession", GONE, [happened("1"), GONE], [])
        watch = watch_session(client, "s", snapshot=True, backoff=Waits().backoff)
        assert [response.token async for response in watch] == ["1"]
    asked = [(request.snapshot, request.after) for request in fenix.requests["WatchSession"]]
    assert asked == [(True, ""), (True, ""), (False, "1")]


async def test_a_definite_error_ends_a_watch() -> None:
    async with ScriptedFenix() as fenix, connect(fenix.target) as client:
        fenix.reply("WatchProject", Failure(code=grpc.StatusCode.PERMISSION_DENIED))
        with pytest.raises(CallFailed) as caught:
            await tokens(client, 1, Waits().backoff)
    assert caught.value.code is grpc.StatusCode.PERMISSION_DENIED


async def test_a_watch_gives_up_after_the_attempts_it_has() -> None:
    waits = Waits()
    async with connect("127.0.0.1:1") as client:
        with pytest.raises(CallFailed):
            await tokens(client, 1, replace(waits.backoff, attempts=3))
    assert waits.seconds == [1, 2]


async def test_a_watch_goes_on_after_the_server_was_restarted() -> None:
    fenix = ScriptedFenix()
    fenix.reply("WatchProject", [told("1"), STAY], [told("2"), STAY])
    await fenix.start()
    seen: list[str] = []
    async with connect(fenix.target) as client, aclosing(watch_project(client, "p")) as watch:
        async for response in watch:
            seen.append(response.token)
            if len(seen) == 2:
                break
            await fenix.stop()
            await fenix.start(fenix.target)
    await fenix.stop()
    assert seen == ["1", "2"]


async def test_a_repeatable_call_is_made_until_it_is_answered() -> None:
    async with ScriptedFenix() as fenix, connect(fenix.target) as client:
        fenix.reply("ReplyProjectSession", GONE, GONE, ReplyProjectSessionResponse(counted=True))
        request = ReplyProjectSessionRequest(session_id="s", project_id="p")
        response = await patiently(
            lambda: client.call(client.projects.ReplyProjectSession, request), Waits().backoff
        )
    assert response.counted


async def test_a_watch_outlives_its_token_when_that_can_be_renewed() -> None:
    expired = Failure(code=grpc.StatusCode.UNAUTHENTICATED)
    shown: list[str] = []

    def renewed() -> str:
        shown.append(f"t{len(shown)}")
        return shown[-1]

    async with ScriptedFenix() as fenix:
        fenix.reply("WatchProject", [told("1"), expired], [told("2"), expired], expired)
        async with connect(fenix.target, renewed) as client:
            assert await tokens(client, 2, Waits().backoff) == ["1", "2"]
            fenix.requests.clear()
            shown.clear()
            fenix.forget("WatchProject")
            fenix.reply("WatchProject", [told("1"), expired], [told("2"), expired], expired)
            with pytest.raises(CallFailed, match="told to fail"):  # a new one is refused at once
                await tokens(client, 3, Waits().backoff)
        assert [request.after for request in fenix.requests["WatchProject"]] == ["", "1", "2"]
        assert shown == ["t0", "t1", "t2"]
        assert fenix.metadata["x-auth-token"] == "t2"

        fenix.forget("WatchProject")
        fenix.reply("WatchProject", [told("1"), expired])
        async with connect(fenix.target, "always the same") as client:
            with pytest.raises(CallFailed):
                await tokens(client, 2, Waits().backoff)
