"""Errors as HTTP: which status, which body.

The body is google.rpc.Status as JSON, as grpc-gateway writes it. The v1 view adds the keys that v1 clients know:
`error` (a text for a person) and `status` (the HTTP code).
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import msgspec
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2

from gateway.asgi import Answer, Header, HttpError
from gateway.backend import RpcError
from gateway.proto_json import to_json

_log = logging.getLogger(__name__)

#: grpc-gateway: HTTPStatusFromCode.
HTTP_STATUS: Mapping[int, int] = {
    code_pb2.CANCELLED: 499,
    code_pb2.UNKNOWN: 500,
    code_pb2.INVALID_ARGUMENT: 400,
    code_pb2.DEADLINE_EXCEEDED: 504,
    code_pb2.NOT_FOUND: 404,
    code_pb2.ALREADY_EXISTS: 409,
    code_pb2.PERMISSION_DENIED: 403,
    code_pb2.RESOURCE_EXHAUSTED: 429,
    code_pb2.FAILED_PRECONDITION: 400,
    code_pb2.ABORTED: 409,
    code_pb2.OUT_OF_RANGE: 400,
    code_pb2.UNIMPLEMENTED: 501,
    code_pb2.INTERNAL: 500,
    code_pb2.UNAVAILABLE: 503,
    code_pb2.DATA_LOSS: 500,
    code_pb2.UNAUTHENTICATED: 401,
}

#: How much of a request an error repeats: a key or a value may be a megabyte.
_QUOTED_CHARS = 300

#: When to come back after a 503 that does not say.
_RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorView:
    """How the errors of some paths look where that differs from grpc-gateway."""

    #: HTTP status by google.rpc.Code.
    status: Mapping[int, int] = field(default_factory=dict)
    #: The text of `error` by google.rpc.Code.
    text: Mapping[int, str] = field(default_factory=dict)
    #: Whether bodies have the keys `error` and `status`.
    legacy: bool = False


def invalid(name: str, problem: str) -> RpcError:
    """A field of the request is wrong. Both texts may quote the request, and are cut."""
    name, problem = name[:_QUOTED_CHARS], problem[:_QUOTED_CHARS]
    message = f"{name}: {problem}"
    status = status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message=message)
    violation = error_details_pb2.BadRequest.FieldViolation(field=name, description=problem)
    status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
    return RpcError(code_pb2.INVALID_ARGUMENT, message, status)


def incident(err: BaseException) -> RpcError:
    """Logs what nobody expected; the client is told only how to find it in the log."""
    number = uuid.uuid4().hex[:12]
    _log.error("incident %s in the gateway", number, exc_info=err)
    return RpcError(code_pb2.INTERNAL, f"internal error, incident {number}")


def status_json(error: RpcError) -> dict[str, Any]:
    """google.rpc.Status as JSON."""
    details = error.status.details if error.status is not None else ()
    return {
        "code": error.code,
        "message": error.message,
        "details": [_detail(detail) for detail in details],
    }


def rpc_answer(error: RpcError, view: ErrorView) -> Answer:
    """The response for a call that failed."""
    status = view.status.get(error.code) or HTTP_STATUS.get(error.code, 500)
    headers: list[Header] = []
    passing = error.code == code_pb2.RESOURCE_EXHAUSTED and _has_retry(error)
    if passing:  # not the sessions at once of v1, which take more than a moment
        status = HTTP_STATUS[error.code]
    if status == 503 or passing:
        headers.append((b"retry-after", str(_retry_after_s(error)).encode()))
    elif status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    text = error.message
    if error.code != code_pb2.NOT_FOUND or _missing(error) in ("", "session"):
        text = error.message if passing else view.text.get(error.code, text)
    return _answer(status, status_json(error), text, headers, view)


def http_answer(error: HttpError, view: ErrorView) -> Answer:
    """The response for a request that was refused before any call."""
    body = {"code": error.code, "message": error.message, "details": []}
    return _answer(error.status, body, error.message, error.headers, view)


def _answer(
    status: int, body: dict[str, Any], text: str, headers: Sequence[Header], view: ErrorView
) -> Answer:
    if view.legacy:
        body = {"error": text, "status": status, **body}
    return Answer(status=status, body=msgspec.json.encode(body), headers=tuple(headers))


def _detail(detail: Any) -> Any:
    """A google.protobuf.Any as every other message is written: with unpopulated fields."""
    try:
        kind = descriptor_pool.Default().FindMessageTypeByName(detail.TypeName())
        message = message_factory.GetMessageClass(kind).FromString(detail.value)
    except (KeyError, DecodeError):  # a type that this process does not know, or knows otherwise
        return {"@type": detail.type_url}
    written = to_json(message)
    return {
        "@type": detail.type_url,
        **(written if isinstance(written, dict) else {"value": written}),
    }


def _unpacked(error: RpcError, kind: Any) -> Any:
    """The first detail of a kind, or an empty one."""
    found = kind()
    for detail in error.status.details if error.status is not None else ():
        if detail.Unpack(found):
            break
    return found


def _has_retry(error: RpcError) -> bool:
    return bool(_unpacked(error, error_details_pb2.RetryInfo).HasField("retry_delay"))


def _retry_after_s(error: RpcError) -> int:
    delay = _unpacked(error, error_details_pb2.RetryInfo).retry_delay
    return ceil(int(delay.ToMilliseconds()) / 1000) or _RETRY_AFTER_S


def _missing(error: RpcError) -> str:
    """What kind of thing was not found, where the error says it."""
    kind: str = _unpacked(error, error_details_pb2.ResourceInfo).resource_type
    return kind
