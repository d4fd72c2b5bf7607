"""Watches as clients read them: over gRPC, as server-sent events and as lines of JSON; and recordings of them, with
breaks that come by themselves or on purpose."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import grpc
import httpx
from google.protobuf import json_format
from google.rpc import code_pb2

from fenix_grpc.clock import SystemClock
from fenix_grpc.v1.project_service_pb2 import WatchProjectRequest, WatchProjectResponse
from fenix_grpc.v1.session_service_pb2 import WatchSessionRequest, WatchSessionResponse
from tests.e2e.service import PATIENCE_S, REST_DOORS, Service

Request = WatchSessionRequest | WatchProjectRequest
Response = Any
#: Responses until the stream has ended as it should; raises Broken when it ended otherwise.
Reader = Callable[[Service, Request], AsyncGenerator[Response, None]]

_RETRY_S = 0.25


class Broken(Exception):
    """The connection is gone, or the server says that it stops: go on from the last token."""


async def over_grpc(service: Service, request: Request) -> AsyncGenerator[Response, None]:
    """As messages."""
    client = service.client
    watch: Any = client.sessions.WatchSession
    if isinstance(request, WatchProjectRequest):
        watch = client.projects.WatchProject
    call = watch(request)
    try:
        async for response in call:
            yield response
    except grpc.aio.AioRpcError as err:
        if err.code() is not grpc.StatusCode.UNAVAILABLE:
            raise
        raise Broken(err.details()) from err
    finally:
        call.cancel()


async def as_lines(door: str, service: Service, request: Request) -> AsyncGenerator[Response, None]:
    """As newline-delimited JSON."""
    async with _opened(door, service, request, {}) as response:
        async for line in _lines(response):
            said = json.loads(line)
            if "error" in said:
                raise _broken(said["error"])
            yield _parsed(request, said["result"])


async def as_events(
    door: str, service: Service, request: Request
) -> AsyncGenerator[Response, None]:
    """As server-sent events, resumed as browsers do."""
    headers = {"accept": "text/event-stream"}
    if request.after:
        headers["last-event-id"] = request.after
    async with _opened(door, service, request, headers) as response:
        if response.status_code == 204:  # nothing follows: browsers do not come again
            return
        event: dict[str, str] = {}
        async for line in _lines(response):
            if line:
                name, _, value = line.partition(": ")
                event[name] = value
                continue
            said = json.loads(event["data"])
            kind = event.get("event", "message")
            if kind == "end":
                return
            if kind == "error":
                raise _broken(said["error"])
            message = _parsed(request, said)
            assert event["id"] == message.token
            assert (kind == "bookmark") == (len(message.ListFields()) == 1)
            yield message
            event = {}
        raise Broken("it was cut off")


READERS: Mapping[str, Reader] = {
    "grpc": over_grpc,
    **{f"lines {door}": partial(as_lines, door) for door in REST_DOORS},
    **{f"events {door}": partial(as_events, door) for door in REST_DOORS},
}


async def record(
    read: Reader,
    service: Service,
    request: Request,
    *,
    anew_after: int = 0,
    enough: Callable[[Response], bool] = lambda _: False,
) -> list[Response]:
    """All responses, from the last token on after every break, until the stream ends or `enough` is true of one.

    With `anew_after` the connection is given up after so many responses each time.
    """
    recording: list[Response] = []
    request = _copy(request)
    async with asyncio.timeout(2 * PATIENCE_S):
        while True:
            try:
                async with aclosing(read(service, request)) as responses:
                    number = 0
                    async for response in responses:
                        recording.append(response)
                        if enough(response):
                            return recording
                        number += 1
                        if number == anew_after:
                            break
                    else:
                        return recording
            except Broken:
                clock = SystemClock()
                await clock.sleep_until(clock.now() + timedelta(seconds=_RETRY_S))
            if recording:
                request = _copy(request)
                request.after = recording[-1].token
                if isinstance(request, WatchSessionRequest):
                    request.snapshot = False


@asynccontextmanager
async def _opened(
    door: str, service: Service, request: Request, headers: Mapping[str, str]
) -> AsyncIterator[httpx.Response]:
    by_header = "last-event-id" in headers
    try:
        async with service.http[door].stream(
            "GET", _path(request), params=_query(request, by_header), headers=dict(headers)
        ) as response:
            if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                raise Broken(await response.aread())
            assert response.status_code in (200, 204), await response.aread()
            yield response
    except httpx.TransportError as err:
        raise Broken(str(err)) from err


def _path(request: Request) -> str:
    if isinstance(request, WatchProjectRequest):
        return f"/v1/projects/{request.project_id}:watch"
    return f"/v1/maintenance/{request.session_id}:watch".replace("/:", ":")


def _query(request: Request, by_header: bool) -> dict[str, str]:
    said = {} if by_header else {"after": request.after}
    if isinstance(request, WatchSessionRequest):
        said |= {"follow": str(request.follow), "snapshot": str(request.snapshot)}
    return {name: value for name, value in said.items() if value}


async def _lines(response: httpx.Response) -> AsyncIterator[str]:
    """Lines end with LF and nothing else."""
    rest = b""
    async for chunk in response.aiter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode()
    assert not rest


def _parsed(request: Request, said: Any) -> Response:
    session = isinstance(request, WatchSessionRequest)
    return json_format.ParseDict(
        said, WatchSessionResponse() if session else WatchProjectResponse()
    )


def _broken(status: Mapping[str, Any]) -> Broken:
    assert status["code"] == code_pb2.UNAVAILABLE, status
    return Broken(status["message"])


def _copy(request: Request) -> Any:
    return type(request).FromString(request.SerializeToString())
