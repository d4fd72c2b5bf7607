"""The sample VNFM that needs nothing but Python: as a process of its own, through the real REST gateway."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import fenix_client
import grpc
from fenix_client.testing import STAY, Failure, ScriptedFenix

from fenix_grpc.v1.project_service_pb2 import (
    GetProjectSessionResponse,
    ReplyProjectSessionRequest,
    ReplyProjectSessionResponse,
    WatchProjectResponse,
)
from fenix_grpc.v1.types_pb2 import (
    Answer,
    InstanceAction,
    NoticeInstance,
    NoticeKind,
    ProjectNotice,
)
from gateway.app import create_app
from gateway.channel import ChannelBackend
from gateway.serve import serve

SAMPLE = Path(fenix_client.__file__).with_name("rest_vnfm.py")
MIGRATE = InstanceAction.INSTANCE_ACTION_MIGRATE
PLANNED = NoticeKind.NOTICE_KIND_PLANNED_MAINTENANCE
MAINTENANCE = NoticeKind.NOTICE_KIND_MAINTENANCE
SCALE_IN = NoticeKind.NOTICE_KIND_SCALE_IN


def told(kind: NoticeKind, *, token: str) -> WatchProjectResponse:
    notice = ProjectNotice(
        notice_id=token,
        session_id="4f2c1a9e-0000-4000-8000-000000000000",
        project_id="web",
        kind=kind,
        instances=[NoticeInstance(instance_id="i1")],
        allowed_actions=[MIGRATE] if kind == PLANNED else [],
    )
    return WatchProjectResponse(notices=[notice], token=token)


class Replies:
    """Replies as they arrive."""

    def __init__(self, fenix: ScriptedFenix) -> None:
        self._queue: asyncio.Queue[ReplyProjectSessionRequest] = asyncio.Queue()
        fenix.reply("ReplyProjectSession", self._take)
        fenix.reply("GetProjectSession", GetProjectSessionResponse(instance_ids=["i1"]))

    def _take(self, request: ReplyProjectSessionRequest) -> ReplyProjectSessionResponse:
        self._queue.put_nowait(request)
        return ReplyProjectSessionResponse(counted=True)

    async def next(self) -> ReplyProjectSessionRequest:
        async with asyncio.timeout(20):
            return await self._queue.get()


@asynccontextmanager
async def running(fenix: ScriptedFenix, *options: str) -> AsyncIterator[None]:
    """The sample behind a gateway of its own."""
    stop = asyncio.Event()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with grpc.aio.insecure_channel(fenix.target) as channel, asyncio.TaskGroup() as tasks:
        app = create_app(ChannelBackend(channel))
        tasks.create_task(serve(app, "127.0.0.1", 0, stop=stop, on_ready=port.set_result))
        url = f"http://127.0.0.1:{await port}"
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(SAMPLE), "web", "--url", url, *options, env={"no_proxy": "*"}
        )
        try:
            yield
        finally:
            process.kill()
            await process.wait()
            stop.set()


async def test_it_agrees_and_chooses_an_action_for_every_instance() -> None:
    async with ScriptedFenix() as fenix:
        replies = Replies(fenix)
        fenix.reply("WatchProject", [told(MAINTENANCE, token="1"), told(PLANNED, token="2"), STAY])
        async with running(fenix):
            first, second = await replies.next(), await replies.next()
    assert (first.kind, first.answer) == (MAINTENANCE, Answer.ANSWER_ACK)
    assert (second.kind, dict(second.instance_actions)) == (PLANNED, {"i1": MIGRATE})


async def test_it_resumes_after_a_break_and_forgets_a_token_that_is_too_old() -> None:
    async with ScriptedFenix() as fenix:
        replies = Replies(fenix)
        fenix.reply(
            "WatchProject",
            [told(MAINTENANCE, token="1"), Failure(code=grpc.StatusCode.UNAVAILABLE)],
            Failure(code=grpc.StatusCode.OUT_OF_RANGE),
            [told(PLANNED, token="2"), STAY],
        )
        async with running(fenix):
            await replies.next()
            await replies.next()
    assert [request.after for request in fenix.requests["WatchProject"]] == ["", "1", ""]


async def test_a_hook_that_fails_is_a_nack() -> None:
    async with ScriptedFenix() as fenix:
        replies = Replies(fenix)
        fenix.reply("WatchProject", [told(SCALE_IN, token="1"), STAY])
        async with running(fenix, "--hook", f"{sys.executable} -c 'import sys; sys.exit(1)'"):
            reply = await replies.next()
    assert reply.answer == Answer.ANSWER_NACK


async def test_the_token_of_the_caller_is_passed_on() -> None:
    async with ScriptedFenix() as fenix:
        replies = Replies(fenix)
        fenix.reply("WatchProject", [told(MAINTENANCE, token="1"), STAY])
        async with running(fenix, "--token", "secret"):
            await replies.next()
    assert fenix.metadata["x-auth-token"] == "secret"
