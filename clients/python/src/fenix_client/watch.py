"""Watches that go on by themselves: what a reader must do after a broken connection, done once and rightly.

A watch is resumed from the token of the last response that was handed out, so nothing is lost and nothing comes twice.
Definite errors end it; the reader decides what then.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import grpc
import grpc.aio

from fenix_client.connection import Client
from fenix_client.errors import CallFailed
from fenix_grpc.v1.project_service_pb2 import WatchProjectRequest, WatchProjectResponse
from fenix_grpc.v1.session_service_pb2 import WatchSessionRequest, WatchSessionResponse

T = TypeVar("T")

#: Errors that say "try again": the server went away, is shutting down, or dropped a reader that was too slow.
PASSING = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        # gRPC API: a server with too many pending calls resets new ones, which arrives as CANCELLED.
        grpc.StatusCode.CANCELLED,
    }
)


def _ignore(*_: object) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How to go on after a break: waits double up to `most_s`, each shortened at random so that readers spread out."""

    first_s: float = 0.2
    most_s: float = 15.0
    #: Failures in a row after which it is given up; None for never.
    attempts: int | None = None
    #: Told whenever a server has begun to answer a watch.
    on_open: Callable[[], None] = _ignore
    #: Told of every break and of the seconds until the next try.
    on_break: Callable[[CallFailed, float], None] = _ignore
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep  # noqa: TID251 - the client's only sleep
    random: Callable[[], float] = random.random

    def wait_s(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row, at least half of the full wait."""
        full_s = min(self.most_s, self.first_s * 2.0 ** min(failures - 1, 30))
        return full_s * (0.5 + self.random() / 2)

    async def after(self, failed: CallFailed, failures: int) -> None:
        """Waits before the next try. Raises `failed` when there is none."""
        if failed.code not in PASSING or failures == self.attempts:
            raise failed
        wait_s = self.wait_s(failures)
        self.on_break(failed, wait_s)
        await self.sleep(wait_s)


class _Response(Protocol):
    @property
    def token(self) -> str: ...


R = TypeVar("R", bound=_Response)


async def patiently(call: Callable[[], Awaitable[T]], backoff: Backoff | None = None) -> T:
    """The result of a call that may safely be repeated, as soon as the server answers. Raises CallFailed."""
    backoff = backoff or Backoff()
    failures = 0
    while True:
        try:
            return await call()
        except CallFailed as failed:
            failures += 1
            await backoff.after(failed, failures)


async def _resumed(
    start: Callable[[str], Any], token: str, backoff: Backoff, *, ends: bool, renews: bool
) -> AsyncGenerator[Any, None]:
    """Responses of `start(token)`, started anew from the last token after every passing error.

    A stream that `ends` may end well; for another that is a break like any other. When `start` `renews` what it proves
    itself with, a stream that has run until that expired is started anew, too.
    """
    failures = 0
    while True:
        call, heard = start(token), False
        try:
            await call.initial_metadata()
            if not call.done():
                backoff.on_open()
            async for response in call:
                failures, heard = 0, True
                token = response.token or token
                yield response
            if ends:
                return
            failed = CallFailed(grpc.StatusCode.UNAVAILABLE, "the server ended the stream")
        except grpc.aio.AioRpcError as err:
            failed = CallFailed.of(err)
            if renews and heard and failed.code is grpc.StatusCode.UNAUTHENTICATED:
                continue
        finally:
            call.cancel()
        failures += 1
        await backoff.after(failed, failures)


async def watch_session(
    client: Client,
    session_id: str = "",
    *,
    after: str = "",
    snapshot: bool = False,
    follow: bool = True,
    backoff: Backoff | None = None,
) -> AsyncGenerator[WatchSessionResponse, None]:
    """What happens to a session, or to all: batches of events, each with the token to resume from.

    Ends after the last event of one session, or after what there is when `follow` is false. Raises CallFailed. A reader
    that leaves early closes it (`contextlib.aclosing`).
    """

    def start(token: str) -> Any:
        request = WatchSessionRequest(
            session_id=session_id, after=token, snapshot=snapshot and not token, follow=follow
        )
        return client.sessions.WatchSession(request, metadata=client.metadata)

    renews = callable(client.token)
    async for response in _resumed(start, after, backoff or Backoff(), ends=True, renews=renews):
        yield response


async def watch_project(
    client: Client, project_id: str, *, after: str = "", backoff: Backoff | None = None
) -> AsyncGenerator[WatchProjectResponse, None]:
    """What a project is told: batches of notices, each with the token to resume from.

    Without `after` it begins with the notices that still await a reply. Does not end by itself. Raises CallFailed.
    While it runs, fenix counts the project's manager as listening.
    """

    def start(token: str) -> Any:
        request = WatchProjectRequest(project_id=project_id, after=token)
        return client.projects.WatchProject(request, metadata=client.metadata)

    renews = callable(client.token)
    async for response in _resumed(start, after, backoff or Backoff(), ends=False, renews=renews):
        yield response
