"""What may be typed, and what is said to what may not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import typer
from google.protobuf.json_format import MessageToDict

from fenix_grpc.cli.arguments import action_of, instance_action_of, metadata_of, time_of, word_of
from fenix_grpc.v1.types_pb2 import ActionType, InstanceAction, SessionState

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("now", NOW),
        ("+30s", NOW + timedelta(seconds=30)),
        ("+5m", NOW + timedelta(minutes=5)),
        ("+2h", NOW + timedelta(hours=2)),
        ("+1d", NOW + timedelta(days=1)),
        ("2030-02-01T22:00Z", datetime(2030, 2, 1, 22, tzinfo=UTC)),
        ("2030-02-01T22:00:00+02:00", datetime(2030, 2, 1, 20, tzinfo=UTC)),
        ("2030-02-01 22:00:00", datetime(2030, 2, 1, 22, tzinfo=UTC)),
    ],
)
def test_a_time_may_be_typed_in_many_ways(text: str, when: datetime) -> None:
    assert time_of(text, NOW) == when


@pytest.mark.parametrize("text", ["", "soon", "30s", "+30", "2030-02-31", "25:00"])
def test_what_is_no_time_is_refused_with_forms_that_work(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"use now, \+30s"):
        time_of(text, NOW)


def test_an_action_is_a_type_and_a_plugin_and_perhaps_hints() -> None:
    assert action_of("host:dummy").type == ActionType.ACTION_TYPE_HOST
    assert action_of("check:healthy").type == ActionType.ACTION_TYPE_CHECK
    hinted = action_of('compute:command:{"seconds": 2, "url": "http://a:1"}')
    assert hinted.plugin == "command"
    assert MessageToDict(hinted.metadata) == {"seconds": 2.0, "url": "http://a:1"}


@pytest.mark.parametrize(
    "text", ["dummy", "host:", "weekly:dummy", "host:dummy:nonsense", "host:dummy:[1]"]
)
def test_what_is_no_action_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        action_of(text)


def test_metadata_are_texts_by_key() -> None:
    struct = metadata_of(["release=2030.1", "note=a=b", "empty="])
    assert MessageToDict(struct) == {"release": "2030.1", "note": "a=b", "empty": ""}


@pytest.mark.parametrize("text", ["release", "=2030.1"])
def test_metadata_without_a_key_are_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="KEY=VALUE"):
        metadata_of([text])


def test_an_instance_action_is_for_all_or_for_those_named() -> None:
    live = InstanceAction.INSTANCE_ACTION_LIVE_MIGRATE
    assert instance_action_of("live_migrate", "--action") == ("*", live)
    assert instance_action_of("db-*=LIVE-MIGRATE", "--action") == ("db-*", live)


def test_an_unknown_word_is_refused_with_the_known_ones() -> None:
    with pytest.raises(typer.BadParameter, match="scale_in"):
        word_of(SessionState, "sleeping", "--until")
