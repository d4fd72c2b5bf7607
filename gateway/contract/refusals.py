"""How calls are refused: which HTTP statuses an RPC may be answered with, when, and with which body.

From the google.rpc.Codes that its comment names, by way of the view that it has, and from what the gateway itself
refuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.rpc import code_pb2

from gateway.contract.schemas import Json
from gateway.errors import HTTP_STATUS, ErrorView

#: Any call may be answered with them, whatever its comment says.
_ALWAYS = {
    "INVALID_ARGUMENT": "a field is wrong; the details name it",
    "INTERNAL": "an incident; the message has its number",
    "DEADLINE_EXCEEDED": "there was no answer in time",
    "RESOURCE_EXHAUSTED": "a limit of the server was hit",
}
_MALFORMED = "The request cannot be read."
_TOO_MANY = "RESOURCE_EXHAUSTED: a limit of the server was hit that time helps."
_WITH_BODY = {408: "The body did not arrive in time.", 413: "The body is too long."}
_RETRY_AFTER = {
    "Retry-After": {"description": "Seconds.", "required": True, "schema": {"type": "integer"}}
}
_STATUS_DETAIL = {
    "description": "A google.protobuf.Any: ErrorInfo, and BadRequest, PreconditionFailure, ResourceInfo or RetryInfo.",
    "type": "object",
    "properties": {"@type": {"type": "string"}},
    "required": ["@type"],
    "additionalProperties": True,
}
STATUS: Json = {
    "description": "An error as google.rpc.Status.",
    "type": "object",
    "properties": {
        "code": {"description": "A google.rpc.Code.", "type": "integer"},
        "message": {"description": "For the person who must act.", "type": "string"},
        "details": {"type": "array", "items": _STATUS_DETAIL},
    },
    "required": ["code", "message", "details"],
}
V1_ERROR: Json = {
    "description": "An error as v1 clients know it (`error`, `status`), and as google.rpc.Status.",
    "type": "object",
    "properties": {
        "error": {"description": "For a person.", "type": "string"},
        "status": {"description": "The HTTP status.", "type": "integer"},
        **STATUS["properties"],
    },
    "required": ["error", "status", *STATUS["required"]],
}


class Refusals:
    """Collects responses that methods have in common, in the `responses` of a document."""

    def __init__(self) -> None:
        self.responses: dict[str, Json] = {}

    def of(self, errors: Mapping[str, str], view: ErrorView, *, with_body: bool) -> Json:
        """By HTTP status. `errors` says when a call is answered with which google.rpc.Code."""
        lines: dict[int, list[str]] = {400: [_MALFORMED]}
        if with_body:
            lines |= {status: [text] for status, text in _WITH_BODY.items()}
        for name, when in {**_ALWAYS, **errors}.items():
            code = code_pb2.Code.Value(name)
            status = view.status.get(code) or HTTP_STATUS[code]
            lines.setdefault(status, []).append(f"{name}: {when}." if when else f"{name}.")
        lines.setdefault(429, [_TOO_MANY])
        schema = "v1.Error" if view.legacy else "Status"
        return {
            str(status): self._response(schema, status, " ".join(texts))
            for status, texts in sorted(lines.items())
        }

    def _response(self, schema: str, status: int, text: str) -> Json:
        """What most methods have in common is written once."""
        response: Json = {"description": text}
        if status == 503:
            response["headers"] = _RETRY_AFTER
        response |= json_content({"$ref": f"#/components/schemas/{schema}"})
        name = f"{schema}.{status}"
        if self.responses.setdefault(name, response) != response:
            return response
        return {"$ref": f"#/components/responses/{name}"}


def json_content(schema: Json, **more: Any) -> Json:
    return {**more, "content": {"application/json": {"schema": schema}}}
