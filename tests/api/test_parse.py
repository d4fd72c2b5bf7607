"""What is sent as a message comes back as it was."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from fenix_grpc.api.convert import to_session_event
from fenix_grpc.api.parse import from_message, from_session_event
from fenix_grpc.core import events, model
from fenix_grpc.core.errors import JournalUnreadable
from fenix_grpc.ports import Recorded
from fenix_grpc.v1 import events_pb2
from tests.api.test_convert import AT, example


def recorded(event: events.Event) -> Recorded:
    return Recorded(session_id="s", seq=3, position=0, at=AT, event=event)


@pytest.mark.parametrize("kind", events.KINDS.values(), ids=lambda kind: kind.__name__)
def test_every_event_comes_back(kind: type[Any]) -> None:
    """With a value in every field; what no message carries has its default."""
    full = kind(**{field.name: example(field.type) for field in fields(kind)})
    if isinstance(full, events.SessionCreated):
        specs = full.actions
        plain = tuple(replace(s, idempotent=False, timeout_s=0.0, attempts=1) for s in specs)
        full = replace(full, actions=plain, metadata={"key": "value"}, policy=model.Policy())
    assert from_session_event(to_session_event(recorded(full))) == recorded(full)


def test_what_was_not_set_has_its_default() -> None:
    asked = events.ProjectAsked(
        notice_id="n1", project_id="p1", kind=model.NoticeKind.MAINTENANCE_COMPLETE
    )
    assert from_session_event(to_session_event(recorded(asked))).event == asked


def test_events_of_a_later_version_are_refused() -> None:
    with pytest.raises(JournalUnreadable, match="event 7 of session s is of a kind"):
        from_session_event(events_pb2.SessionEvent(session_id="s", seq=7))
    with pytest.raises(JournalUnreadable, match="99 is no SessionState"):
        from_message(events_pb2.StateEntered(state=99))  # type: ignore[arg-type]
