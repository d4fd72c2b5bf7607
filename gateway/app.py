"""The ASGI application: finds the RPC, translates the request, makes the call, translates what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
from google.protobuf.descriptor import ServiceDescriptor
from google.rpc import code_pb2

from gateway import rules, streams, transcode, v1
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

_VERSION = {"id": "v1", "status": "CURRENT", "links": [{"rel": "self", "href": "/v1/"}]}
#: Paths that belong to the gateway itself.
_PAGES: Mapping[str, bytes] = {
    "": msgspec.json.encode({"versions": [_VERSION]}),
    "/v1": msgspec.json.encode({"version": _VERSION}),
    "/healthz": msgspec.json.encode({"status": "ok"}),
}


class App:
    """ASGI 3. Made by `create_app`."""

    def __init__(
        self,
        backend: Backend,
        *,
        services: Sequence[ServiceDescriptor],
        views: Mapping[str, v1.View],
        errors: ErrorView,
        aliases: bool,
        limits: Limits,
    ) -> None:
        self._backend = backend
        self._routes = rules.routes(services, aliases=aliases)
        self._methods = rules.methods(services)
        self._views = views
        self._plain = v1.View(response=lambda response, _body: to_json(response), errors=errors)
        self._errors = errors
        self._limits = limits
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
        try:
            answer = await self._answer(request, receive, send)
        except ClientGone:
            return
        except HttpError as err:
            answer = http_answer(err, self._errors)
        except RpcError as err:
            answer = rpc_answer(err, self._errors)
        except Exception as err:
            answer = rpc_answer(incident(err), self._errors)
        if answer is not None:
            await send_answer(send, answer, request.echoed(), request.method)

    async def _answer(self, request: Request, receive: Receive, send: Send) -> Answer | None:
        """None when the answer was a stream and is sent."""
        page = _PAGES.get(request.raw_path.removesuffix("/"))
        if page is not None:
            return _check_verb(request, ("GET", "HEAD")) or Answer(status=200, body=page)
        found = self._find(request)
        options = _check_verb(request, _verbs(found))
        if options is not None:
            return options
        binding = found.bindings["GET" if request.method == "HEAD" else request.method]
        body = await self._body(request, binding, receive)
        if not binding.method.streaming:
            return await self._unary(request, binding, found.values, body)
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
        body = transcode.parse_body(await request.body(receive, self._limits))
        if body and not binding.body:
            raise HttpError(400, f"{request.method} takes no body here")
        return body

    async def _unary(
        self, request: Request, binding: Binding, values: Sequence[str], body: transcode.Json
    ) -> Answer:
        method = binding.method
        view = self._views.get(method.name, self._plain)
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
            open_wait_s=self._limits.stream_open_s,
            resumed=bool(fields.get("after")),
        )


def create_app(
    backend: Backend,
    *,
    view: Literal["v1", "standard"] = "v1",
    aliases: bool = True,
    limits: Limits | None = None,
    services: Sequence[ServiceDescriptor] = rules.SERVICES,
) -> App:
    """An ASGI application over a back end.

    View `v1` speaks as v1 clients expect on the documented paths; `standard` is grpc-gateway's mapping everywhere.
    `aliases` serves `/maintenance...` as `/v1/maintenance...` too. Raises ValueError for annotations that cannot be
    served.
    """
    legacy = view == "v1"
    return App(
        backend,
        services=services,
        views=v1.VIEWS if legacy else {},
        errors=v1.ERRORS if legacy else ErrorView(),
        aliases=aliases,
        limits=limits or Limits(),
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
