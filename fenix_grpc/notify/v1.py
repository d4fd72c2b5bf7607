"""Notices as v1 clients know them: event types, payloads, and the traits that come out of a payload on the way to them.

The names D.. and W.. are those of the v1 facts. Clients decode traits by means that break on anything but plain text,
so what is a list or an object elsewhere is written as text here, in the one way that all of them read alike: double
quotes, no truths and no nulls, and never more than 255 characters, as the rest would be cut off without a word (W6).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from fenix_grpc.core.announcements import HostNotice, SessionNotice
from fenix_grpc.core.model import ASKING, NoticeKind
from fenix_grpc.core.notices import CHOOSING, ProjectNotice
from fenix_grpc.ports import Letter, Recorded

#: Event types (D25: whatever the documents call the first).
SCHEDULED, HOST, SESSION = "maintenance.scheduled", "maintenance.host", "maintenance.session"
#: D36.
SERVICE = "fenix"
#: Longest text that gets through (ceilometer: traits of type text).
LONGEST = 255
#: Kinds that clients of v1 know. They answer all others with an error, so nothing may depend on those.
KNOWN_TO_V1 = ASKING | {NoticeKind.INSTANCE_ACTION_DONE}
#: Kinds upon which an application changes its size: doing it twice does harm.
SCALING = frozenset({NoticeKind.SCALE_IN, NoticeKind.MAINTENANCE_COMPLETE})
#: Kinds that are about one instance even for a project that said nothing of its instances.
_ACTIONS = frozenset({NoticeKind.INSTANCE_ACTION_DONE, NoticeKind.INSTANCE_ACTION_FALLBACK})
_OF_INSTANCES = CHOOSING | _ACTIONS
_NAMESPACE = uuid.UUID("4f6f6d5e-51c8-5b0e-9a0c-1d7b6f0a7c11")

Payload = Mapping[str, Any]


def project_payload(notice: ProjectNotice, *, public_url: str, per_instance: bool) -> Payload:
    """`maintenance.scheduled`, as text where v1 clients see text.

    A project that is told `per_instance` gets the id and a reply URL of its own where a notice is about one instance,
    any other the URL at which the ids are read (D29).
    """
    session_url = f"{public_url}/v1/maintenance/{notice.session_id}/{quote(notice.project_id)}"
    ids = [instance.instance_id for instance in notice.instances]
    done = notice.kind in _ACTIONS
    one = done or (per_instance and notice.kind in _OF_INSTANCES and len(ids) == 1)
    return {
        "service": SERVICE,
        "project_id": notice.project_id,
        "session_id": notice.session_id,
        "state": notice.kind.value,
        "instance_ids": as_text(ids) if one else session_url,
        "allowed_actions": as_text(notice.allowed_actions if notice.kind in CHOOSING else ()),
        "actions_at": _time(notice.actions_at),
        "reply_at": _time(notice.reply_at),
        "reply_url": f"{session_url}/{quote(ids[0], safe='')}" if one else session_url,
        "metadata": as_text({} if done else fitting(notice.metadata)),
    }


def host_payload(notice: HostNotice, project_id: str) -> Payload:
    """`maintenance.host`; `project_id` is the administrators' (D27)."""
    return {
        "service": SERVICE,
        "project_id": project_id,
        "host": notice.host,
        "state": notice.state.value,
        "session_id": notice.session_id,
    }


def session_payload(notice: SessionNotice, project_id: str) -> Payload:
    """`maintenance.session` (D34)."""
    return {
        "service": SERVICE,
        "project_id": project_id,
        "session_id": notice.session_id,
        "state": notice.state.value,
        "percent_done": notice.percent_done,
    }


def project_letter(
    notice: ProjectNotice,
    entry: Recorded,
    payload: Payload,
    *,
    lane: str,
    address: str,
    patience: timedelta,
) -> Letter:
    """A notice on its way. One that asks is worth nothing once the answer is overdue."""
    return Letter(
        session_id=notice.session_id,
        position=entry.position,
        lane=lane,
        address=address,
        subject=f"project:{notice.project_id}",
        title=notice.kind.value,
        event_type=SCHEDULED,
        message_id=message_id(entry, SCHEDULED, notice.project_id, address),
        at=entry.at,
        payload=payload,
        deadline=notice.reply_at or entry.at + patience,
        repeatable=notice.kind not in SCALING,
        optional=notice.kind not in ASKING,
    )


def message_id(entry: Recorded, *names: str) -> str:
    """The same whenever the same is sent: by it a receiver knows what it has already got."""
    return str(uuid.uuid5(_NAMESPACE, "/".join((entry.session_id, str(entry.seq), *names))))


def fitting(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """As many entries, in their order, as fit into a trait."""
    kept: dict[str, Any] = {}
    for name, value in metadata.items():
        if len(as_text({**kept, name: value})) <= LONGEST:
            kept[name] = value
    return kept


def left_out(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the entries that alarms cannot carry."""
    return tuple(name for name in metadata if name not in fitting(metadata))


def as_text(value: Mapping[str, Any] | Iterable[Any]) -> str:
    """A list or an object as all v1 clients read it."""
    plain = value if isinstance(value, Mapping) else list(value)
    return json.dumps(_plain(plain), ensure_ascii=False)


def traits(payload: Payload) -> list[list[Any]]:
    """A payload as it leaves the telemetry service: [name, type, value], what is null dropped."""
    return [_trait(name, value) for name, value in payload.items() if value is not None]


def _trait(name: str, value: Any) -> list[Any]:
    if isinstance(value, int):
        return [name, 2, value]
    if name.endswith("_at"):
        return [name, 4, value.removesuffix("+00:00")]
    return [name, 1, value[:LONGEST]]


def _plain(value: Any) -> Any:
    """Without truths and nulls, which the clients evaluate in ways of their own."""
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return "" if value is None else value


def _time(when: datetime | None) -> str | None:
    """ISO 8601, UTC, whole seconds (D31); never later than it is."""
    return when.astimezone(UTC).replace(microsecond=0).isoformat() if when else None


def structured(payload: Payload) -> Payload:
    """Lists and objects as such again."""
    return {
        name: json.loads(value) if isinstance(value, str) and value[:1] in ("[", "{") else value
        for name, value in payload.items()
    }
