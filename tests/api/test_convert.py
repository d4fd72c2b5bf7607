"""Core and contract share their names: any difference fails here, with the name of what differs."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import ModuleType
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor
from google.protobuf.timestamp_pb2 import Timestamp

from fenix_grpc.api.convert import (
    INTERNAL,
    enum_words,
    from_number,
    from_struct,
    from_timestamp,
    snake_case,
    to_message,
    to_session_event,
    to_struct,
    to_timestamp,
)
from fenix_grpc.core import constraints, events, model, notices, session_plan
from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.core.pace import Pace
from fenix_grpc.core.planner import BlockerKind
from fenix_grpc.ports import Recorded
from fenix_grpc.v1 import events_pb2, plan_pb2, types_pb2

AT = datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
MESSAGES: dict[str, Descriptor] = {
    **types_pb2.DESCRIPTOR.message_types_by_name,
    **events_pb2.DESCRIPTOR.message_types_by_name,
    **plan_pb2.DESCRIPTOR.message_types_by_name,
}
#: Messages that views.py fills from the fold of a session, or creation.py reads; they have no type of their own in the
#: core.
VIEWS = {
    "SessionOptions",
    "Session",
    "SessionDetail",
    "HostDetail",
    "InstanceDetail",
    "ProjectDetail",
    "StepDetail",
    "PackageDetail",
}
#: Types of the core that are never sent.
UNSENT = {"ConstraintSet", "Inventory"}


def dataclasses_of(module: ModuleType) -> list[type[Any]]:
    return [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == module.__name__
    ]


CORE = {
    kind.__name__: kind
    for kind in (
        *(
            k
            for m in (constraints, model, events, notices, session_plan)
            for k in dataclasses_of(m)
        ),
        Pace,
    )
    if kind.__name__ not in UNSENT
}
ENUMS = {
    kind.__name__: kind
    for kind in vars(model).values()
    if isinstance(kind, type) and issubclass(kind, StrEnum) and kind.__module__ == model.__name__
}


def test_every_message_has_its_type_and_every_type_its_message() -> None:
    assert MESSAGES.keys() - VIEWS - {"SessionEvent"} == CORE.keys()


@pytest.mark.parametrize("name", CORE)
def test_fields_have_the_same_names(name: str) -> None:
    own = {field.name for field in fields(CORE[name])} - INTERNAL.get(name, frozenset())
    assert own == set(MESSAGES[name].fields_by_name)


def test_what_is_left_out_by_name_exists() -> None:
    for name, hidden in INTERNAL.items():
        assert hidden <= {field.name for field in fields(CORE[name])}


@pytest.mark.parametrize("name", ENUMS)
def test_enums_have_the_same_words(name: str) -> None:
    descriptor = types_pb2.DESCRIPTOR.enum_types_by_name[name]
    assert set(enum_words(descriptor)) == set(ENUMS[name])
    assert all(
        value.name.endswith("_UNSPECIFIED") for value in descriptor.values if not value.number
    )


def test_every_enum_of_the_contract_is_one_of_the_core() -> None:
    assert set(types_pb2.DESCRIPTOR.enum_types_by_name) == ENUMS.keys()


def test_every_reason_not_to_plan_a_host_has_its_word() -> None:
    words = enum_words(plan_pb2.DESCRIPTOR.enum_types_by_name["BlockerKind"])
    assert set(words) == {*BlockerKind, session_plan.HOST_UNFIT}


def test_a_plan_can_be_sent() -> None:
    """With a value in every field."""
    kind = session_plan.SessionPlan
    sent = to_message(kind(**{field.name: example(field.type) for field in fields(kind)}))
    unset = {f.name for f in sent.DESCRIPTOR.fields} - {f.name for f, _ in sent.ListFields()}
    assert not unset
    assert sent.blockers[0].kind == plan_pb2.BLOCKER_KIND_HOST_UNFIT


def test_every_event_has_its_place_in_a_session_event() -> None:
    places = events_pb2.SessionEvent.DESCRIPTOR.oneofs_by_name["event"].fields
    assert {field.name: field.message_type.name for field in places} == {
        snake_case(kind): kind for kind in events.KINDS
    }


@pytest.mark.parametrize("kind", events.KINDS.values(), ids=lambda kind: kind.__name__)
def test_every_event_can_be_sent(kind: type[Any]) -> None:
    """With a value in every field, so that each converter runs."""
    full = kind(**{field.name: example(field.type) for field in fields(kind)})
    recorded = Recorded(session_id="s", seq=1, position=1, at=AT, event=full)
    sent = to_session_event(recorded)
    assert sent.WhichOneof("event") == snake_case(kind.__name__)
    inner = getattr(sent, snake_case(kind.__name__))
    unset = {f.name for f in inner.DESCRIPTOR.fields} - {f.name for f, _ in inner.ListFields()}
    assert not unset


def example(annotation: Any) -> Any:
    """A value that is not the default, by the text of an annotation."""
    name = str(annotation).removesuffix(" | None")
    if name.startswith("tuple["):
        return (example(name[6:].split(",")[0].rstrip("]")),)
    if name.startswith("Mapping["):
        value = name[8:-1].split(", ")[1]
        return {"key": "value" if value == "Any" else example(value)}
    plain = {"str": "text", "int": 7, "float": 1.5, "bool": True, "datetime": AT}
    if name in plain:
        return plain[name]
    if name in ENUMS:
        return next(iter(ENUMS[name]))
    kind = CORE.get(name) or getattr(model, name)
    if name == "Policy":
        return kind()
    if name == "PlanBlocker":
        return kind(kind=session_plan.HOST_UNFIT, subject="host:h", reason="why", proven=True)
    return kind(**{field.name: example(field.type) for field in fields(kind)})


def test_values_arrive() -> None:
    asked = events.ProjectAsked(
        notice_id="n1",
        project_id="p1",
        kind=model.NoticeKind.PLANNED_MAINTENANCE,
        instance_ids=("i1", "i2"),
        allowed_actions=(model.InstanceAction.MIGRATE, model.InstanceAction.OWN_ACTION),
        reply_at=AT,
        needed=model.Resources(vcpus=2),
    )
    assert json_format.MessageToDict(to_message(asked)) == {
        "noticeId": "n1",
        "projectId": "p1",
        "kind": "NOTICE_KIND_PLANNED_MAINTENANCE",
        "instanceIds": ["i1", "i2"],
        "allowedActions": ["INSTANCE_ACTION_MIGRATE", "INSTANCE_ACTION_OWN_ACTION"],
        "replyAt": "2030-01-02T03:04:05.678901Z",
        "needed": {"vcpus": "2"},
    }


def test_maps_of_enums_arrive() -> None:
    replied = events.ProjectReplied(
        notice_id="n",
        project_id="p",
        kind=model.NoticeKind.MAINTENANCE,
        answer=model.Answer.NACK,
        instance_actions={"i": model.InstanceAction.LIVE_MIGRATE},
    )
    sent = to_message(replied)
    assert isinstance(sent, events_pb2.ProjectReplied)
    assert dict(sent.instance_actions) == {"i": types_pb2.INSTANCE_ACTION_LIVE_MIGRATE}
    assert sent.action == types_pb2.INSTANCE_ACTION_UNSPECIFIED


def test_metadata_is_what_json_would_be() -> None:
    value = {"a": 1, "b": 2.5, "c": [True, None, {"d": "é"}], "e": {}, "f": 2**60}
    assert from_struct(to_struct(value)) == {**value, "f": float(2**60)}
    assert type(from_struct(to_struct(value))["a"]) is int


def test_times_are_exact_and_bounded() -> None:
    for at in (AT, datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)):
        assert from_timestamp(to_timestamp(at), "at") == at
    with pytest.raises(InvalidRequest, match=r"maintenance_at: .* is not a time"):
        from_timestamp(Timestamp(seconds=2**62), "maintenance_at")


def test_numbers_of_another_version_are_refused() -> None:
    assert from_number(model.Answer, 0, "answer") is None
    assert from_number(model.Answer, 2, "answer") is model.Answer.NACK
    with pytest.raises(InvalidRequest, match="answer: 9 is not one of ACK, NACK"):
        from_number(model.Answer, 9, "answer")
