"""The ASGI application: finds the RPC, translates the request, makes the call, translates what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
from google.protobuf.descriptor import ServiceDescriptor
from google.rpc import code_pb2

from gateway import pages, rules, streams, transcode, v1
from gateway.asgi import (
    Answer,
    ClientGone,
    HttpError,
    Limits,
    Receive,
    Request,
    Scope,
    Send,
    send_answer,
)
from gateway.backend import Backend, RpcError
from gateway.errors import ErrorView, http_answer, incident, rpc_answer
from gateway.proto_json import to_json
from gateway.rules import Binding, Found
from gateway.v1_requests import Instead

#: An answer that whoever runs the gateway gives at a path of its own.
Page = Callable[[], Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How requests and answers look."""

    name: str
    #: By full name of the RPC.
    views: Mapping[str, v1.View]
    #: Of all others.
    plain: v1.View

    @classmethod
    def of(cls, name: str, views: Mapping[str, v1.View], errors: ErrorView) -> Dialect:
        """The standard mapping wherever there is no view."""
        plain = v1.View(response=lambda response, _body: to_json(response), errors=errors)
        return cls(name=name, views=views, plain=plain)


_DIALECTS = {
    "v1": Dialect.of("v1", v1.VIEWS, v1.ERRORS),
    "standard": Dialect.of("standard", {}, ErrorView()),
}


class App:
    """ASGI 3. Made by `create_app`."""

    def __init__(
        self,
        backend: Backend,
        *,
        services: Sequence[ServiceDescriptor],
        dialect: Dialect,
        aliases: bool,
        limits: Limits,
        pages: Mapping[str, Page],
    ) -> None:
        self._backend = backend
        self._routes = rules.routes(services, aliases=aliases)
        self._methods = rules.methods(services)
        self._dialect = dialect
        self.limits = limits
        self._pages = pages
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ends all streams, each with a word on how to resume. Other requests are still answered."""
        self._stopping.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(Request(scope), receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            raise RuntimeError(f"the gateway does not speak {scope['type']}")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            event = (await receive())["type"]
            await send({"type": f"{event}.complete"})
            if event == "lifespan.shutdown":
                self.stop()
                return

    async def _http(self, request: Request, receive: Receive, send: Send) -> None:
        """The boundary: whatever happens, the client gets an answer and never a traceback."""
        dialect = _DIALECTS["standard"] if _asks_for_standard(request) else self._dialect
        try:
            answer = await self._answer(request, dialect, receive, send)
        except ClientGone:
            return
        except HttpError as err:
            answer = http_answer(err, dialect.plain.errors)
        except RpcError as err:
            answer = rpc_answer(err, dialect.plain.errors)
        except Exception as err:
            answer = rpc_answer(incident(err), dialect.plain.errors)
        if answer is not None:
            await send_answer(send, answer, request.echoed(), request.method)

    async def _answer(
        self, request: Request, dialect: Dialect, receive: Receive, send: Send
    ) -> Answer | None:
        """None when the answer was a stream and is sent."""
        path = request.raw_path.removesuffix("/")
        page = self._pages[path]() if path in self._pages else pages.at(path, dialect.name)
        if page is not None:
            return _check_verb(request, ("GET", "HEAD")) or page
        found = self._find(request)
        options = _check_verb(request, _verbs(found))
        if options is not None:
            return options
        binding = found.bindings["GET" if request.method == "HEAD" else request.method]
        body = await self._body(request, binding, receive)
        if not binding.method.streaming:
            return await self._unary(request, dialect, binding, found.values, body)
        await self._stream(request, binding, found.values, body, receive, send)
        return None

    def _find(self, request: Request) -> Found:
        try:
            found = self._routes.find(request.raw_path)
        except UnicodeDecodeError:
            raise HttpError(400, "the path is not UTF-8") from None
        if found is None:
            raise HttpError(404, "there is nothing at this path", code=code_pb2.NOT_FOUND)
        return found

    async def _body(self, request: Request, binding: Binding, receive: Receive) -> transcode.Json:
        if not request.may_have_body:
            return {}
        body = transcode.parse_body(await request.body(receive, self.limits))
        if body and not binding.body:
            raise HttpError(400, f"{request.method} takes no body here")
        return body

    async def _unary(
        self,
        request: Request,
        dialect: Dialect,
        binding: Binding,
        values: Sequence[str],
        body: transcode.Json,
    ) -> Answer:
        method = binding.method
        view = dialect.views.get(method.name, dialect.plain)
        try:
            fields = view.request(transcode.merge(binding, values, request.query, body))
            if isinstance(fields, Instead):
                method, fields = self._methods[fields.method], fields.fields
            message = transcode.to_message(method, fields)
            response = await self._backend.unary(method.name, message, request.metadata())
        except RpcError as err:
            return rpc_answer(err, view.errors)
        return Answer(status=200, body=msgspec.json.encode(view.response(response, body)))

    async def _stream(
        self,
        request: Request,
        binding: Binding,
        values: Sequence[str],
        body: transcode.Json,
        receive: Receive,
        send: Send,
    ) -> None:
        said = transcode.merge(binding, values, request.query, body)
        fields = streams.resume(binding.method, said, request)
        message = transcode.to_message(binding.method, fields)
        await streams.relay(
            self._backend.stream(binding.method.name, message, request.metadata()),
            streams.framing(request),
            send,
            receive,
            headers=request.echoed(),
            stopping=self._stopping,
            open_wait_s=self.limits.stream_open_s,
            resumed=bool(fields.get("after")),
        )


def create_app(
    backend: Backend,
    *,
    view: Literal["v1", "standard"] = "v1",
    aliases: bool = True,
    limits: Limits | None = None,
    services: Sequence[ServiceDescriptor] = rules.SERVICES,
    pages: Mapping[str, Page] | None = None,
) -> App:
    """An ASGI application over a back end.

    View `v1` speaks as v1 clients expect on the documented paths; `standard` is grpc-gateway's mapping everywhere, and
    what a client gets that sends `Accept: application/json;profile=standard`.
    `aliases` serves `/maintenance...` as `/v1/maintenance...` too. `pages` answers at more paths. Raises ValueError for
    annotations that cannot be served.
    """
    return App(
        backend,
        services=services,
        dialect=_DIALECTS[view],
        aliases=aliases,
        limits=limits or Limits(),
        pages=pages or {},
    )


def _asks_for_standard(request: Request) -> bool:
    accept = request.headers.get("accept", "").lower().replace('"', "")
    return any(
        parameter.strip() == "profile=standard"
        for media_type in accept.split(",")
        for parameter in media_type.split(";")[1:]
    )


def _verbs(found: Found) -> list[str]:
    """What a path allows. HEAD of a stream would mean to open it for nothing."""
    verbs = list(found.bindings)
    get = found.bindings.get("GET")
    return [*verbs, "HEAD"] if get is not None and not get.method.streaming else verbs


def _check_verb(request: Request, allowed: Sequence[str]) -> Answer | None:
    """The answer to OPTIONS; None for a verb that is allowed. Raises HttpError 405 for any other."""
    if request.method in allowed:
        return None
    names = ", ".join(sorted([*allowed, "OPTIONS"]))
    headers = ((b"allow", names.encode()),)
    if request.method == "OPTIONS":
        return Answer(status=200, body=b"", headers=headers)
    raise HttpError(
        405,
        f"{request.method} is not allowed here; allowed: {names}",
        code=code_pb2.UNIMPLEMENTED,
        headers=headers,
    )
