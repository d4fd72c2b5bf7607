"""Every event survives being written down, whatever its fields hold; strangers and gaps are met as promised."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from types import MappingProxyType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenix_grpc.core.errors import JournalUnreadable
from fenix_grpc.core.events import KINDS, Event, ProjectAsked, ProjectReplied, SessionCreated
from fenix_grpc.core.model import Answer, InstanceAction, NoticeKind
from fenix_grpc.store.codec import decode, encode

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PLAIN: Mapping[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=20),
    int: st.integers(-(2**53), 2**53),
    float: NUMBERS,
    bool: st.booleans(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    Any: st.recursive(
        st.none() | st.booleans() | NUMBERS | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=5,
    ),
}


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of an annotated type, optional fields included."""
    if kind in PLAIN:
        return PLAIN[kind]
    arguments = get_args(kind)
    if get_origin(kind) in (types.UnionType, Union):
        return st.one_of(st.none() if arm is type(None) else values_of(arm) for arm in arguments)
    if get_origin(kind) is tuple:
        return st.lists(values_of(arguments[0]), max_size=3).map(tuple)
    if arguments:
        return st.dictionaries(values_of(arguments[0]), values_of(arguments[1]), max_size=3)
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    assert is_dataclass(kind), kind
    hints = get_type_hints(kind)
    return st.builds(kind, **{field.name: values_of(hints[field.name]) for field in fields(kind)})


@given(st.one_of([values_of(kind) for kind in KINDS.values()]))
def test_an_event_comes_back_as_it_was(event: Event) -> None:
    assert decode(*encode(event)) == event


def test_enum_keys_and_times_come_back_in_their_types() -> None:
    replied = ProjectReplied(
        notice_id="n",
        project_id="p",
        kind=NoticeKind.MAINTENANCE,
        answer=Answer.ACK,
        instance_actions={"i": InstanceAction.OWN_ACTION},
    )
    back = decode(*encode(replied))
    assert isinstance(back, ProjectReplied)
    assert type(back.instance_actions["i"]) is InstanceAction
    asked = ProjectAsked(
        notice_id="n",
        project_id="p",
        kind=NoticeKind.SCALE_IN,
        reply_at=datetime(2030, 1, 1, tzinfo=UTC),
    )
    back = decode(*encode(asked))
    assert isinstance(back, ProjectAsked)
    assert back.reply_at is not None
    assert back.reply_at.tzinfo is not None


def test_any_mapping_can_be_written() -> None:
    created = SessionCreated(
        maintenance_at=datetime(2030, 1, 1, tzinfo=UTC), metadata=MappingProxyType({"a": 1})
    )
    back = decode(*encode(created))
    assert isinstance(back, SessionCreated)
    assert back.metadata == {"a": 1}


def test_missing_fields_take_their_defaults_and_strange_ones_are_passed_over() -> None:
    data = '{"maintenance_at": "2030-01-01T00:00:00Z", "from_the_future": 1}'
    assert decode("SessionCreated", data) == SessionCreated(
        maintenance_at=datetime(2030, 1, 1, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("kind", "data", "told"),
    [
        ("HostPainted", "{}", "HostPainted.* later"),
        ("HostChanged", "{}", "HostChanged.* `host`"),
        ("HostChanged", "nonsense", "HostChanged.* cannot be read"),
    ],
)
def test_what_cannot_be_read_is_named(kind: str, data: str, told: str) -> None:
    with pytest.raises(JournalUnreadable, match=told):
        decode(kind, data)


def test_what_has_no_place_in_an_event_is_refused() -> None:
    created = SessionCreated(
        maintenance_at=datetime(2030, 1, 1, tzinfo=UTC), metadata={"a": object()}
    )
    with pytest.raises(NotImplementedError, match="object has no place"):
        encode(created)
