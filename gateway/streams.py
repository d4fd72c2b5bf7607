"""Sends a stream of responses over HTTP, as newline-delimited JSON or as server-sent events.

A stream ends in one of four ways: the call ended, it failed, the client left, or the gateway is stopping. The call is
ended at once in each of them, and whoever still listens is told how to go on. Resuming rests on one convention of the
proto files: the `token` of a response goes into `after` of the next request.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

import msgspec
from google.protobuf.message import Message
from google.rpc import code_pb2

from gateway.asgi import Header, Receive, Request, Send
from gateway.backend import RpcError
from gateway.errors import incident, status_json
from gateway.proto_json import to_json
from gateway.rules import Method
from gateway.transcode import Fields


class Framing(Protocol):
    """How messages follow each other on the wire."""

    headers: Sequence[Header]

    def message(self, message: Message) -> bytes:
        """One response of the call."""

    def error(self, error: RpcError) -> bytes:
        """The last thing of a stream that failed."""

    def end(self) -> bytes:
        """The last thing of a stream that ended well."""


class JsonLines:
    """grpc-gateway's form: a line with `result` for each message, a line with `error` at a failure."""

    headers: Sequence[Header] = ((b"content-type", b"application/x-ndjson"),)

    def message(self, message: Message) -> bytes:
        return msgspec.json.encode({"result": to_json(message)}) + b"\n"

    def error(self, error: RpcError) -> bytes:
        return msgspec.json.encode({"error": status_json(error)}) + b"\n"

    def end(self) -> bytes:
        return b""


class ServerSentEvents:
    """For browsers: `id` is the token, so that a reconnect resumes by itself. Idle bookmarks are events of their own
    type, which move the id on without disturbing who waits for messages."""

    headers: Sequence[Header] = (
        (b"content-type", b"text/event-stream"),
        (b"cache-control", b"no-cache"),
        (b"x-accel-buffering", b"no"),  # nginx would otherwise hold events back
    )

    def message(self, message: Message) -> bytes:
        said = {field.name: value for field, value in message.ListFields()}
        token = said.get("token", "")
        kind = b"event: bookmark\n" if said.keys() == {"token"} else b""
        data = msgspec.json.encode(to_json(message))
        return b"%sid: %s\ndata: %s\n\n" % (kind, token.encode(), data)

    def error(self, error: RpcError) -> bytes:
        return b"event: error\ndata: %s\n\n" % msgspec.json.encode({"error": status_json(error)})

    def end(self) -> bytes:
        return b"event: end\ndata: {}\n\n"


def framing(request: Request) -> Framing:
    """Events for who asks for them, lines for everybody else."""
    accept = request.headers.get("accept", "")
    return ServerSentEvents() if "text/event-stream" in accept else JsonLines()


def resume(method: Method, fields: Fields, request: Request) -> Fields:
    """The fields of the request with what a stream over HTTP means by default: it follows, and goes on after the last
    event that the client has seen."""
    known = method.request.DESCRIPTOR.fields_by_name
    fields = dict(fields)
    if "follow" in known:
        fields.setdefault("follow", True)
    last_seen = request.headers.get("last-event-id", "")
    if last_seen and "after" in known:
        fields["after"] = last_seen
        fields.pop("snapshot", None)  # was sent before the first event
    return fields


class _Wire:
    """The response, opened by the first thing that is said."""

    def __init__(self, send: Send, headers: Sequence[Header]) -> None:
        self._send = send
        self._headers = list(headers)
        self._turn = asyncio.Lock()
        self.opened = False

    async def open(self) -> None:
        async with self._turn:
            await self._open(200)

    async def write(self, chunk: bytes) -> None:
        async with self._turn:
            await self._open(200)
            await self._body(chunk, more=True)

    async def close(self, chunk: bytes, status_if_silent: int = 200) -> None:
        async with self._turn:
            await self._open(status_if_silent)
            await self._body(chunk, more=False)

    async def _open(self, status: int) -> None:
        if not self.opened:
            self.opened = True
            await self._send(
                {"type": "http.response.start", "status": status, "headers": self._headers}
            )

    async def _body(self, chunk: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": chunk, "more_body": more})


async def relay(
    messages: AsyncIterator[Message],
    framing: Framing,
    send: Send,
    receive: Receive,
    *,
    headers: Sequence[Header],
    stopping: asyncio.Event,
    open_wait_s: float,
    resumed: bool,
) -> None:
    """Sends all messages. Raises RpcError when the call failed before anything was sent.

    `open_wait_s` is how long to wait for a first message or error before the head of the response goes out. A `resumed`
    stream of events with nothing more to come is answered with 204, which tells browsers not to reconnect.
    """
    if stopping.is_set():
        raise _stopped()
    wire = _Wire(send, [*framing.headers, *headers])
    async with asyncio.TaskGroup() as tasks:
        pump = tasks.create_task(_pump(messages, framing, wire))
        gone = tasks.create_task(_client_gone(receive))
        stop = tasks.create_task(stopping.wait())
        racers: list[asyncio.Task[Any]] = [pump, gone, stop]
        first = asyncio.FIRST_COMPLETED
        done, _ = await asyncio.wait(racers, timeout=open_wait_s, return_when=first)
        if not done:
            await wire.open()
            done, _ = await asyncio.wait(racers, return_when=first)
        for task in racers:
            task.cancel()
    if gone in done:
        return
    failure = pump.result() if pump in done else _stopped()
    if failure is None:
        nothing_more = resumed and isinstance(framing, ServerSentEvents) and not wire.opened
        await wire.close(b"" if nothing_more else framing.end(), 204 if nothing_more else 200)
    elif wire.opened:
        await wire.close(framing.error(failure))
    else:
        raise failure


async def _pump(messages: AsyncIterator[Message], framing: Framing, wire: _Wire) -> RpcError | None:
    """Sends until the call ends; returns its error."""
    try:
        async for message in messages:
            await wire.write(framing.message(message))
    except RpcError as err:
        return err
    except Exception as err:
        return incident(err)
    finally:
        end_call = getattr(messages, "aclose", None)
        if end_call is not None:
            await end_call()
    return None


def _stopped() -> RpcError:
    return RpcError(code_pb2.UNAVAILABLE, "the gateway is stopping; resume from the last token")


async def _client_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
