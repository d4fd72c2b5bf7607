"""Turns an HTTP request into the request message of an RPC.

Everything a request says, body, query and path, is first merged into one JSON object by field name: that is where the
v1 view (`v1.py`) rewrites. The protobuf library then parses it by the standard mapping. Where grpc-gateway ignores what
was said, this does not: an unknown key of a body is refused (a mistyped `hosts` would select the whole cloud), and so
is a body where none is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from urllib.parse import parse_qs

import msgspec
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from gateway.asgi import HttpError
from gateway.errors import invalid
from gateway.rules import Binding, Method

#: Any JSON value.
Json = Any
#: A request as one JSON object, by field name.
Fields = dict[str, Any]

_BOOLS = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}


def parse_body(raw: bytes) -> Json:
    """The JSON value of a body, an empty object when it is empty. Raises HttpError 400."""
    if not raw.strip():
        return {}
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        raise HttpError(400, f"the body is not JSON: {err}") from None
    except RecursionError:
        raise HttpError(400, "the body is nested too deeply") from None


def merge(binding: Binding, values: Sequence[str], query: bytes, body: Json) -> Fields:
    """One object of all that was said. The path wins over the rest (D19). Raises RpcError INVALID_ARGUMENT."""
    request = binding.method.request.DESCRIPTOR
    if binding.body == "*":
        if not isinstance(body, dict):
            raise invalid("body", "must be a JSON object")
        fields = dict(body)
    else:
        fields = _from_query(request, query)
        if binding.body:
            fields[binding.body] = body
    for name, value in zip(binding.variables, values, strict=True):
        fields.pop(request.fields_by_name[name].json_name, None)
        fields[name] = value
    return fields


def to_message(method: Method, fields: Fields) -> Message:
    """The request message. Raises RpcError INVALID_ARGUMENT with the parser's reason."""
    texts = _text_fields(method.request.DESCRIPTOR)
    if all(name in texts and isinstance(value, str) for name, value in fields.items()):
        return method.request(**fields)  # most requests without a body; ten times cheaper
    message = method.request()
    try:
        json_format.ParseDict(fields, message)
    # The parser lets some of Python's own errors through for values of the wrong shape.
    except (json_format.ParseError, AttributeError, TypeError, ValueError) as err:
        raise invalid("request", str(err).partition("\n")[0]) from None
    return message


@cache
def _text_fields(request: Any) -> frozenset[str]:
    return frozenset(
        field.name
        for field in request.fields
        if field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated
    )


def _from_query(request: Any, query: bytes) -> Fields:
    """Fields named by the query, also nested (`a.b=1`) and repeated. Unknown names are ignored, as by grpc-gateway."""
    fields: Fields = {}
    if not query:
        return fields
    try:
        said = parse_qs(query.decode(), keep_blank_values=True, errors="strict")
    except ValueError as err:
        raise HttpError(400, f"the query cannot be read: {err}") from None
    for path, texts in said.items():
        chain = _resolve(request, path)
        if chain is None:
            continue
        *outer, field = chain
        parsed = [_from_text(field, path, text) for text in texts]
        if not field.is_repeated and len(parsed) > 1:
            raise invalid(path, "is given more than once")
        inner = fields
        for message in outer:
            inner = inner.setdefault(message.name, {})
            if not isinstance(inner, dict):
                raise invalid(path, "does not go together with the rest of the query")
        if field.name in inner:  # by its other name
            raise invalid(path, "is given more than once")
        inner[field.name] = parsed if field.is_repeated else parsed[0]
    return fields


def _resolve(message: Any, path: str) -> list[FieldDescriptor] | None:
    """The fields that a path leads through, by either name. Lists of messages and maps have no form in a query."""
    chain: list[FieldDescriptor] = []
    for name in path.split("."):
        if message is None:
            return None
        field = message.fields_by_name.get(name) or message.fields_by_camelcase_name.get(name)
        if field is None or (field.is_repeated and field.message_type is not None):
            return None
        chain.append(field)
        message = field.message_type
    return chain


def _from_text(field: FieldDescriptor, path: str, text: str) -> Any:
    """Numbers, enums and times stay text: the JSON mapping accepts them as such."""
    if field.type != FieldDescriptor.TYPE_BOOL:
        return text
    if text.lower() not in _BOOLS:
        raise invalid(path, "must be true or false")
    return _BOOLS[text.lower()]
