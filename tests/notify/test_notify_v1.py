"""What goes out, as v1 clients decode it: the decoders of the two known clients, rebuilt from the facts, read all."""

from __future__ import annotations

import ast
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fenix_grpc.core.model import InstanceAction, NoticeKind
from fenix_grpc.core.notices import NoticeInstance, ProjectNotice
from fenix_grpc.notify import v1
from fenix_grpc.testing_sink import AT, told

URL = "http://fenix.example:12347"
SESSION_URL = f"{URL}/v1/maintenance/s1/red"
THREE = '["MIGRATE", "LIVE_MIGRATE", "OWN_ACTION"]'


def doctor(text: str) -> Any:
    """Strips u', then reads YAML; only where it sees a bracket."""
    return yaml.safe_load(text.replace("u'", "'")) if "[" in text or "{" in text else text


def tacker(text: str) -> Any:
    """Evaluates what begins with a bracket."""
    return ast.literal_eval(text) if text[:1] in ("[", "{") else text


def payload(kind: NoticeKind, *, per_instance: bool = False, **fields: Any) -> v1.Payload:
    (notice,) = told(1, kind).notices
    values = {name: getattr(notice, name) for name in ProjectNotice.__dataclass_fields__}
    notice = ProjectNotice(**{**values, **fields})
    return v1.project_payload(notice, public_url=URL, per_instance=per_instance)


@pytest.mark.parametrize("kind", ["MAINTENANCE", "SCALE_IN", "MAINTENANCE_COMPLETE"])
@pytest.mark.parametrize("per_instance", [True, False])
def test_whole_project_states_are_a_url_and_allow_nothing(kind: str, per_instance: bool) -> None:
    """D29, D30, D32."""
    said = payload(NoticeKind(kind), per_instance=per_instance)
    assert said == {
        "service": "fenix",
        "project_id": "red",
        "session_id": "s1",
        "state": kind,
        "instance_ids": SESSION_URL,
        "allowed_actions": "[]",
        "actions_at": "2030-01-01T12:00:00+00:00",
        "reply_at": "2030-01-01T12:00:40+00:00",
        "reply_url": SESSION_URL,
        "metadata": '{"os": "Ubuntu"}',
    }


@pytest.mark.parametrize("kind", ["PREPARE_MAINTENANCE", "PLANNED_MAINTENANCE"])
def test_leaving_a_host_is_told_in_the_style_of_the_project(kind: str) -> None:
    plain = payload(NoticeKind(kind))
    assert (plain["instance_ids"], plain["reply_url"]) == (SESSION_URL, SESSION_URL)
    single = payload(NoticeKind(kind), per_instance=True)
    assert (single["instance_ids"], single["reply_url"]) == ('["i1"]', f"{SESSION_URL}/i1")
    assert plain["allowed_actions"] == single["allowed_actions"] == THREE
    several = (NoticeInstance(instance_id="i1"), NoticeInstance(instance_id="i2"))
    together = payload(NoticeKind(kind), per_instance=True, instances=several)
    assert together["instance_ids"] == SESSION_URL


def test_a_finished_action_names_its_one_instance_and_no_times() -> None:
    """D29, 4.3: both times null, metadata empty."""
    said = payload(NoticeKind.INSTANCE_ACTION_DONE, actions_at=None, reply_at=None)
    assert said["instance_ids"] == '["i1"]'
    assert said["metadata"] == "{}"
    assert said["allowed_actions"] == "[]"
    assert said["actions_at"] is said["reply_at"] is None
    assert {name for name, *_ in v1.traits(said)} == said.keys() - {"actions_at", "reply_at"}


def test_a_replaced_action_is_told_like_a_finished_one() -> None:
    """4.8: no client of v1 knows it, so nothing may depend on its arriving; 5.4: it asks nothing."""
    said = payload(NoticeKind.INSTANCE_ACTION_FALLBACK, actions_at=None, reply_at=None)
    assert said["state"] == "INSTANCE_ACTION_FALLBACK"
    assert said["instance_ids"] == '["i1"]'
    assert said["metadata"] == "{}"
    assert said["allowed_actions"] == "[]"
    assert said["actions_at"] is said["reply_at"] is None
    assert said["reply_url"] == f"{SESSION_URL}/i1"
    assert NoticeKind.INSTANCE_ACTION_FALLBACK not in v1.KNOWN_TO_V1


def test_times_are_utc_and_never_later_than_they_are() -> None:
    """D31. As a trait a time has no zone."""
    at = datetime(2030, 1, 1, 14, 0, 0, 999_999, tzinfo=UTC) + timedelta()
    said = payload(NoticeKind.MAINTENANCE, actions_at=at)
    assert said["actions_at"] == "2030-01-01T14:00:00+00:00"
    assert ["actions_at", 4, "2030-01-01T14:00:00"] in v1.traits(said)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({}, "{}"),
        ({"os": "Ubuntu"}, '{"os": "Ubuntu"}'),
        ({"a": True, "b": None, "n": 3.0}, '{"a": "true", "b": "", "n": 3}'),
        ({"deep": {"l": [1, False]}}, '{"deep": {"l": [1, "false"]}}'),
        ({"long": "x" * 300, "short": "y"}, '{"short": "y"}'),
    ],
)
def test_metadata_is_text_that_both_clients_read(metadata: dict[str, Any], said: str) -> None:
    """4.8, W6: double quotes, no truths, no nulls, never cut."""
    text = payload(NoticeKind.MAINTENANCE, metadata=metadata)["metadata"]
    assert text == said
    assert doctor(text) == tacker(text) == json.loads(said)


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=40)


@given(st.dictionaries(texts, st.one_of(texts, st.booleans(), st.none(), st.integers())))
def test_whatever_metadata_is_given_what_is_sent_fits_and_can_be_read(
    metadata: dict[str, Any],
) -> None:
    text = payload(NoticeKind.MAINTENANCE, metadata=metadata)["metadata"]
    assert len(text) <= v1.LONGEST
    decoded = tacker(text)
    assert decoded.keys() | set(v1.left_out(metadata)) == metadata.keys()
    if "u'" not in text and text.isprintable():
        assert doctor(text) == decoded


@pytest.mark.parametrize("kind", list(NoticeKind))
@pytest.mark.parametrize("per_instance", [True, False])
def test_tacker_can_act_upon_every_notice_of_v1(kind: NoticeKind, per_instance: bool) -> None:
    """It needs four traits, and lists where an instance is concerned."""
    traits = {name: value for name, _, value in v1.traits(payload(kind, per_instance=per_instance))}
    assert {"instance_ids", "session_id", "state", "reply_url"} <= traits.keys()
    if per_instance and "ED_MAINT" in kind:
        assert tacker(traits["allowed_actions"]) == list(InstanceAction)
        assert tacker(traits["instance_ids"]) == ["i1"]


def test_an_opaque_id_is_a_segment_of_its_reply_url() -> None:
    """2.2: ids are opaque; one with a slash must not lead elsewhere."""
    odd = (NoticeInstance(instance_id="pod/a b"),)
    said = payload(NoticeKind.PLANNED_MAINTENANCE, per_instance=True, instances=odd)
    assert said["reply_url"] == f"{SESSION_URL}/pod%2Fa%20b"


def test_the_same_notice_has_the_same_message_id() -> None:
    entry, other = told(1).entry, told(2).entry
    assert v1.message_id(entry, "x") == v1.message_id(entry, "x") != v1.message_id(other, "x")
    assert entry.at == AT


def test_structured_payloads_have_lists_and_objects() -> None:
    said = v1.structured(payload(NoticeKind.PLANNED_MAINTENANCE, per_instance=True))
    assert said["instance_ids"] == ["i1"]
    assert said["metadata"] == {"os": "Ubuntu"}
    assert said["allowed_actions"] == list(InstanceAction)
    assert said["reply_url"] == f"{SESSION_URL}/i1"
