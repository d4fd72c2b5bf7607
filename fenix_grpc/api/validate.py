"""What holds for every request, read from its descriptor: required fields are set and texts can be kept.

Whatever depends on the meaning of a field is its handler's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.message import Message

from fenix_grpc.core.errors import InvalidRequest

#: Longest text by name of field; others are bounded by the size of a message.
LONGEST = {
    "request_id": 128,
    "session_id": 64,
    "reason": 4096,
    "warnings": 1024,
    "url": 2048,
    "secret": 1024,
}
#: Longest id of any other kind, and longest name of a host.
LONGEST_ID = 255

#: Fields with words for a person, which may have several lines. All other texts are names.
_WORDS = frozenset({"reason"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def check_request(request: Message) -> None:
    """Raises InvalidRequest that names the first field that is wrong."""
    said = request.ListFields()
    required = _required(request.DESCRIPTOR)
    if required:
        names = {field.name for field, _ in said}
        for name in required:
            if name not in names:
                raise InvalidRequest(name, "must be set")
    for field, value in said:
        if field.cpp_type == field.CPPTYPE_STRING:
            for text in value if field.is_repeated else (value,):
                check_text(field.name, text, _longest(field.name))


def check_text(field: str, text: str, longest: int) -> None:
    """Raises InvalidRequest for a text that is too long, for a name with control characters, which would disturb logs
    and terminals, and for NUL, which not every database can keep."""
    if len(text) > longest:
        raise InvalidRequest(field, f"at most {longest} characters, not {len(text)}")
    if "\0" in text:
        raise InvalidRequest(field, "must not contain the character NUL")
    if field not in _WORDS and _CONTROL.search(text):
        raise InvalidRequest(field, "must not contain control characters")


def check_unique(field: str, names: Sequence[str]) -> None:
    """Raises InvalidRequest for an empty name or one that is there twice."""
    seen: set[str] = set()
    for name in names:
        if not name:
            raise InvalidRequest(field, "a name must not be empty")
        if name in seen:
            raise InvalidRequest(field, f"{name} is there twice")
        seen.add(name)


def _longest(name: str) -> int:
    return LONGEST.get(name, LONGEST_ID)


@cache
def _required(descriptor: Any) -> tuple[str, ...]:
    behaviour = field_behavior_pb2.field_behavior
    return tuple(
        field.name
        for field in descriptor.fields
        if field_behavior_pb2.REQUIRED in field.GetOptions().Extensions[behaviour]
    )
