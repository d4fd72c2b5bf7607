"""Messages as core values, by name: the way back from convert.py, for whoever reads a journal through the API.

A message becomes the dataclass of the same name and a field the field of the same name, so a new field needs no line
here. What no message carries (convert.INTERNAL) has its default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from fenix_grpc.api.convert import INTERNAL, enum_words, from_struct, from_timestamp
from fenix_grpc.core import constraints, events, model
from fenix_grpc.core.errors import JournalUnreadable
from fenix_grpc.ports import Recorded
from fenix_grpc.v1.events_pb2 import SessionEvent

_NAMES: Mapping[str, Any] = {**vars(model), **vars(constraints), **vars(events)}

Read = Callable[[Any], Any]


def from_session_event(message: SessionEvent) -> Recorded:
    """An entry of a journal as it was sent; its position among other sessions is not sent and is 0 here.

    Raises JournalUnreadable for an event that this version does not know.
    """
    kind = message.WhichOneof("event")
    if kind is None:
        raise JournalUnreadable(
            f"event {message.seq} of session {message.session_id} is of a kind that this version does not know; "
            "use the version of the server or a later one"
        )
    return Recorded(
        session_id=message.session_id,
        seq=message.seq,
        position=0,
        at=from_timestamp(message.at, "at"),
        event=from_message(getattr(message, kind)),
    )


def from_message(message: Any) -> Any:
    """The core value of the same name. A field that was not set has its default. Raises JournalUnreadable."""
    kind, readers = _plan(message.DESCRIPTOR)
    values = {}
    for name, read in readers:
        value = read(message)
        if value is not None:
            values[name] = value
    return kind(**values)


@cache
def _plan(descriptor: Descriptor) -> tuple[Any, tuple[tuple[str, Read], ...]]:
    """The type of a message and how each of its fields is read."""
    kind = _NAMES[descriptor.name]
    hidden = INTERNAL.get(descriptor.name, frozenset())
    names = [field.name for field in fields(kind) if field.name not in hidden]
    return kind, tuple((name, _reader(descriptor.fields_by_name[name])) for name in names)


def _reader(field: FieldDescriptor) -> Read:
    """From a message to the value of one field; None where it says nothing."""
    name = field.name
    if field.message_type and field.message_type.GetOptions().map_entry:
        convert = _converter(field.message_type.fields_by_name["value"])
        return lambda message: {k: convert(v) for k, v in getattr(message, name).items()}
    convert = _converter(field)
    if field.is_repeated:
        return lambda message: tuple(map(convert, getattr(message, name)))
    if field.message_type:
        return lambda message: convert(getattr(message, name)) if message.HasField(name) else None
    return lambda message: convert(getattr(message, name))


def _converter(field: FieldDescriptor) -> Read:
    """From one value of a field to one core value."""
    if field.enum_type:
        return _word(field.enum_type)
    if not field.message_type:
        return lambda value: value
    known: Mapping[str, Read] = {
        "google.protobuf.Timestamp": lambda at: from_timestamp(at, field.name),
        "google.protobuf.Struct": from_struct,
    }
    return known.get(field.message_type.full_name, from_message)


def _word(descriptor: EnumDescriptor) -> Read:
    """From a number to its word; None for 0. Raises JournalUnreadable for a number that this version does not know."""
    kind = _NAMES[descriptor.name]
    words = {number: kind(word) for word, number in enum_words(descriptor).items()}

    def read(number: int) -> Any:
        if number and number not in words:
            raise JournalUnreadable(f"{number} is no {descriptor.name} that this version knows")
        return words.get(number)

    return read
