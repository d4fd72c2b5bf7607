"""Writes messages as JSON values, in the form of grpc-gateway's default marshaler.

That is the standard proto3 JSON mapping with lowerCamelCase names and unpopulated fields printed: null for an unset
message, nothing for an unset member of a oneof. The writer of the protobuf library walks descriptors anew for every
message; this one compiles each message type once, because every event of every REST watcher passes here. A test holds
it to the library's output.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from functools import cache
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

_Write = Callable[[Any], Any]


def to_json(message: Message) -> Any:
    """The message as a JSON value."""
    return _message_writer(message.DESCRIPTOR)(message)


@cache
def _message_writer(descriptor: Descriptor) -> _Write:
    if descriptor.full_name.startswith("google.protobuf."):
        return json_format.MessageToDict
    # Compiled at first use, not here: message types may contain themselves.
    compiled: list[tuple[str, str, bool, bool, _Write]] = []

    def write(message: Any) -> dict[str, Any]:
        if not compiled:
            compiled.extend(_field_writer(field) for field in descriptor.fields)
        written = {}
        for name, key, may_be_unset, print_null, write_value in compiled:
            if not may_be_unset or message.HasField(name):
                written[key] = write_value(getattr(message, name))
            elif print_null:
                written[key] = None
        return written

    return write


def _field_writer(field: FieldDescriptor) -> tuple[str, str, bool, bool, _Write]:
    """Name, JSON name, whether it may be unset, whether it is then null, and the writer of its value."""
    in_oneof = field.containing_oneof is not None
    write = _value_writer(field)
    if field.is_repeated:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            return field.name, field.json_name, False, False, _map_writer(field.message_type)
        return field.name, field.json_name, False, False, lambda values: [write(v) for v in values]
    may_be_unset = in_oneof or field.message_type is not None
    return field.name, field.json_name, may_be_unset, not in_oneof, write


def _map_writer(entry: Descriptor) -> _Write:
    write = _value_writer(entry.fields_by_name["value"])
    if entry.fields_by_name["key"].type == FieldDescriptor.TYPE_BOOL:
        return lambda values: {str(key).lower(): write(values[key]) for key in values}
    return lambda values: {str(key): write(values[key]) for key in values}


def _value_writer(field: FieldDescriptor) -> _Write:
    if field.message_type is not None:
        return _message_writer(field.message_type)
    if field.enum_type is not None:
        names = {value.number: value.name for value in field.enum_type.values}
        return lambda number: names.get(number, number)
    return _SCALARS.get(field.cpp_type if field.type != FieldDescriptor.TYPE_BYTES else -1, _same)


def _same(value: Any) -> Any:
    return value


def _finite(value: float) -> Any:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


_SCALARS: dict[int, _Write] = {
    -1: lambda value: base64.b64encode(value).decode(),
    FieldDescriptor.CPPTYPE_INT64: str,
    FieldDescriptor.CPPTYPE_UINT64: str,
    FieldDescriptor.CPPTYPE_DOUBLE: _finite,
    FieldDescriptor.CPPTYPE_FLOAT: _finite,
}
