"""Core values as protobuf messages and the parts of requests as core values, by name.

A dataclass becomes the message of the same name, a field the field of the same name, an enum word the number whose name
is the enum's prefix and that word. So a new field needs no line here; tests/api/test_convert.py fails on any
difference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.ports import Recorded
from fenix_grpc.v1 import constraint_service_pb2, events_pb2, plan_pb2, types_pb2

#: Fields of the core that no message has: what only fenix itself needs.
INTERNAL: Mapping[str, frozenset[str]] = {
    "ActionSpec": frozenset({"idempotent", "timeout_s", "attempts"}),
}

#: Larger whole numbers are not exact in a Struct.
_EXACT = 2**53
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_ENUMS = {
    **types_pb2.DESCRIPTOR.enum_types_by_name,
    **constraint_service_pb2.DESCRIPTOR.enum_types_by_name,
}

E = TypeVar("E", bound=StrEnum)


def to_message(value: Any) -> Any:
    """The message of the same name with all fields that are not None."""
    kind: Any = type(value)
    message: Message = _message_type(kind.__name__)()
    for name, write in _writers(kind):
        part = getattr(value, name)
        if part is not None:
            write(message, part)
    return message


def to_session_event(recorded: Recorded) -> events_pb2.SessionEvent:
    """An entry of the journal as it is sent."""
    event = to_message(recorded.event)
    message = events_pb2.SessionEvent(
        session_id=recorded.session_id, seq=recorded.seq, at=to_timestamp(recorded.at)
    )
    getattr(message, snake_case(type(recorded.event).__name__)).CopyFrom(event)
    return message


@cache
def snake_case(name: str) -> str:
    """SessionCreated as session_created: how the contract names fields and this package handlers."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def to_number(word: StrEnum | None) -> Any:
    """The number of an enum word in the contract; 0 for None."""
    return 0 if word is None else enum_words(_ENUMS[type(word).__name__])[word]


def to_timestamp(at: datetime) -> Timestamp:
    """Exact to the microsecond."""
    seconds, rest = divmod(at - _EPOCH, timedelta(seconds=1))
    return Timestamp(seconds=seconds, nanos=rest.microseconds * 1000)


def to_struct(value: Mapping[str, Any]) -> Struct:
    """JSON-like values only."""
    struct = Struct()
    struct.update(dict(value))
    return struct


def from_number(kind: type[E], number: int, field: str) -> E | None:
    """The enum word of a number; None for 0. Raises InvalidRequest for a number that this version does not know."""
    if not number:
        return None
    for word, known in enum_words(_ENUMS[kind.__name__]).items():
        if known == number:
            return kind(word)
    raise InvalidRequest(field, f"{number} is not one of {', '.join(kind)}")


def from_timestamp(at: Timestamp, field: str) -> datetime:
    """Rounded down to microseconds. Raises InvalidRequest for what is no time."""
    try:
        return _EPOCH + timedelta(seconds=at.seconds, microseconds=at.nanos // 1000)
    except OverflowError as err:
        raise InvalidRequest(
            field, f"{at.seconds} s is not a time between years 1 and 9999"
        ) from err


def from_struct(struct: Struct) -> dict[str, Any]:
    """As JSON would give it: whole numbers are int."""
    return {key: _from_value(value) for key, value in struct.fields.items()}


def _from_value(value: Value) -> Any:
    match value.WhichOneof("kind"):
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() and abs(number) <= _EXACT else number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_from_value(item) for item in value.list_value.values]
        case "struct_value":
            return from_struct(value.struct_value)
        case _:
            return None


@cache
def enum_words(descriptor: EnumDescriptor) -> Mapping[str, int]:
    """Word to number: NOTICE_KIND_SCALE_IN of NoticeKind is SCALE_IN. Without the unspecified one."""
    prefix = snake_case(descriptor.name).upper() + "_"
    return {
        value.name.removeprefix(prefix): value.number for value in descriptor.values if value.number
    }


@cache
def _message_type(name: str) -> type[Message]:
    for module in (types_pb2, events_pb2, plan_pb2):
        if name in module.DESCRIPTOR.message_types_by_name:
            found: type[Message] = getattr(module, name)
            return found
    raise LookupError(f"no message is named {name}")


Write = Callable[[Any, Any], None]


@cache
def _writers(kind: Any) -> tuple[tuple[str, Write], ...]:
    described = _message_type(kind.__name__).DESCRIPTOR.fields_by_name
    hidden = INTERNAL.get(kind.__name__, frozenset())
    return tuple(
        (field.name, _writer(described[field.name]))
        for field in fields(kind)
        if field.name not in hidden
    )


def _writer(field: Any) -> Write:
    name = field.name
    if field.message_type and field.message_type.GetOptions().map_entry:
        convert = _converter(field.message_type.fields_by_name["value"])
        return lambda message, value: getattr(message, name).update(
            {key: convert(item) for key, item in value.items()}
        )
    convert = _converter(field)
    if field.is_repeated:
        return lambda message, value: getattr(message, name).extend(map(convert, value))
    if field.message_type:
        return lambda message, value: getattr(message, name).CopyFrom(convert(value))
    return lambda message, value: setattr(message, name, convert(value))


def _converter(field: Any) -> Callable[[Any], Any]:
    """From one core value to one value of a field."""
    if field.enum_type:
        return enum_words(field.enum_type).__getitem__
    if not field.message_type:
        return lambda value: value
    known: Mapping[str, Callable[[Any], Any]] = {
        "google.protobuf.Timestamp": to_timestamp,
        "google.protobuf.Struct": to_struct,
    }
    return known.get(field.message_type.full_name, to_message)
