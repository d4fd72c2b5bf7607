"""Rewrites what v1 clients send into the JSON form of the request messages.

Every leniency here is owed to a client or document that exists; the D numbers are those of the table in `v1.py`. Only
what the rewriting itself needs to know is checked: the rest is checked once, by whoever performs the call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway import words
from gateway.errors import invalid
from gateway.transcode import Fields

_CREATE_KEYS = frozenset(
    (
        "hosts",
        "state",
        "maintenance_at",
        "workflow",
        "metadata",
        "download",
        "actions",
        "options",
        "request_id",
    )
)
_UPDATE_KEYS = frozenset(("session_id", "state", "window_end", "request_id"))
_ACTION_KEYS = frozenset(("plugin", "type", "metadata"))
_REPLY_KEYS = ("session_id", "project_id", "instance_id", "reason", "notice_id", "request_id")

#: D17: a blank or a T, with or without fraction and zone.
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?", re.ASCII
)
#: D16: a name that design documents used.
_WORKFLOW_ALIASES = {"nfv": "vnf"}
#: D33: words of design documents of neighbouring projects.
_REPLY_ALIASES = {"MAINTENANCE_COMPLETE_ACK": "ACK_MAINTENANCE_COMPLETE"}
_NOTICE_ALIASES = {
    "DOWN_SCALE": "SCALE_IN",
    "IN_SCALE": "SCALE_IN",
    "ADMIN_ACTION_DONE": "INSTANCE_ACTION_DONE",
    "ADMIN_ACTION_FALLBACK": "INSTANCE_ACTION_FALLBACK",
}
#: Told without a question; Tacker replies to the first of them all the same.
_NEED_NO_REPLY = frozenset(
    {
        "INSTANCE_ACTION_DONE",
        "INSTANCE_ACTION_FALLBACK",
        "MAINTENANCE_FAILED",
        "SESSION_DELETED",
    }
)
#: Options that are one word.
_OPTION_WORDS = {
    "preference": words.PREFERENCE,
    "slow_live": words.SLOW_LIVE,
    "host_down": words.HOST_DOWN,
}
#: D21.
_ACTION_ALIASES = {"MIGRATION": "MIGRATE", "LIVE_MIGRATION": "LIVE_MIGRATE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Instead:
    """Another call to make in place of the one that the path stands for."""

    method: str
    fields: Fields


def create(said: Fields) -> Fields:
    """E1. Raises RpcError INVALID_ARGUMENT."""
    _refuse_unknown(said, _CREATE_KEYS)
    if said.get("state") not in (None, "MAINTENANCE"):  # D14
        raise invalid("state", "a session starts in MAINTENANCE")
    if not isinstance(said.get("metadata"), dict | None):
        raise invalid("metadata", "must be an object")
    fields = {key: said[key] for key in ("metadata", "request_id") if said.get(key) is not None}
    if said.get("options") is not None:
        fields["options"] = _options(said["options"])
    fields["hosts"] = _list(said, "hosts")  # D8
    if said.get("maintenance_at") is not None:
        fields["maintenance_at"] = _time("maintenance_at", said["maintenance_at"])
    workflow = said.get("workflow")
    if workflow is not None:
        fields["workflow"] = _WORKFLOW_ALIASES.get(_text("workflow", workflow), workflow)
    fields["actions"] = [
        _action_spec(f"actions[{i}]", action) for i, action in enumerate(_list(said, "actions"))
    ]
    fields["packages"] = [
        _package(f"download[{i}]", package) for i, package in enumerate(_list(said, "download"))
    ]
    return fields


def update(said: Fields) -> Fields:
    """E4. Without a state the session goes on from the one before the failure. Raises RpcError INVALID_ARGUMENT."""
    _refuse_unknown(said, _UPDATE_KEYS)
    fields = dict(said)
    state = fields.pop("state", None)
    if state is not None:
        fields["state"] = words.STATE.name(_text("state", state))
        if fields["state"] is None:
            raise invalid("state", f"must be one of {', '.join(words.STATE)}")
    if fields.get("window_end") is not None:
        fields["window_end"] = _time("window_end", fields["window_end"])
    return fields


def plan(said: Fields) -> Fields:
    """A dry run is specified like a new session. Raises RpcError INVALID_ARGUMENT."""
    specification = said.get("specification")
    if specification is None:
        return said
    if not isinstance(specification, dict):
        raise invalid("body", "must be a JSON object")
    return {**said, "specification": create(specification)}


def list_all(said: Fields) -> Fields:
    """E2, and lists of constraints. v1 knows no pages: as many as one page can hold."""
    return {"page_size": 1000, **said}


def reply(said: Fields) -> Fields | Instead:
    """E8 and E9. Other keys are ignored: Tacker and Doctor send some (D19). Raises RpcError INVALID_ARGUMENT."""
    answer, notice = _reply_state(said.get("state"))
    if notice in _NEED_NO_REPLY:
        # Nothing to record, but the caller and the session are checked as for any reply.
        project = {"session_id": said["session_id"], "project_id": said["project_id"]}
        return Instead(method="/fenix.v1.ProjectService/GetProjectSession", fields=project)
    fields = {key: said[key] for key in _REPLY_KEYS if said.get(key) is not None}
    if "instance_id" in fields:
        _text("instance_id", fields["instance_id"])
    fields["answer"] = words.ANSWER.name(answer)
    fields["kind"] = words.NOTICE.name(notice)
    for key in ("instance_actions", "instance_action"):  # D18: the second wins
        _put_action(fields, key, said.get(key))
    return fields


def _reply_state(state: Any) -> tuple[str, str]:
    """(`ACK`, `PLANNED_MAINTENANCE`)"""
    said = _text("state", state)
    answer, _, notice = _REPLY_ALIASES.get(said, said).partition("_")
    notice = _NOTICE_ALIASES.get(notice, notice)
    if words.ANSWER.name(answer) is None or words.NOTICE.name(notice) is None:
        raise invalid("state", "must be ACK_ or NACK_ and the state replied to, as ACK_SCALE_IN")
    return answer, notice


def _put_action(fields: Fields, key: str, said: Any) -> None:
    """A word is for every instance concerned, an object is looked up by instance (D18); neither is needed (D20)."""
    if said is None or said == "":
        return
    instance_id = fields.get("instance_id")
    if not isinstance(said, Mapping):
        fields["action"] = instance_action(key, said)
    elif instance_id is None:
        actions = {i: instance_action(f"{key}[{i}]", word) for i, word in said.items()}
        fields["instance_actions"] = actions
    elif instance_id in said:
        fields["action"] = instance_action(f"{key}[{instance_id}]", said[instance_id])


def instance_action(key: str, said: Any) -> str:
    """The name in the proto files (D21). Raises RpcError INVALID_ARGUMENT."""
    word = _text(key, said)
    name = words.INSTANCE_ACTION.name(_ACTION_ALIASES.get(word, word))
    if name is None:
        raise invalid(key, f"must be one of {', '.join(words.INSTANCE_ACTION)}")
    return name


def _action_spec(key: str, said: Any) -> Fields:
    if not isinstance(said, dict):
        raise invalid(key, "must be an object")
    _refuse_unknown(said, _ACTION_KEYS, key)
    kind = words.ACTION_TYPE.name(_text(f"{key}.type", said.get("type")).upper())  # D11
    if kind is None:
        known = ", ".join(word.lower() for word in words.ACTION_TYPE)
        raise invalid(f"{key}.type", f"must be one of {known}")
    return {**said, "type": kind}  # D12: metadata is optional


def _package(key: str, said: Any) -> Fields:
    """D9: a URL, or an object with one inside."""
    if isinstance(said, str):
        return {"url": said}
    if not isinstance(said, dict):
        raise invalid(key, "must be a URL, or an object with one")
    digest = said.get("sha256")
    others = [value for name, value in said.items() if name != "sha256"]
    urls = [value for value in others if isinstance(value, str) and "://" in value]
    url = said.get("url", urls[0] if len(urls) == 1 else None)
    fields = {"url": _text(f"{key}.url", url)}
    return fields if digest is None else {**fields, "sha256": _text(f"{key}.sha256", digest)}


def _options(said: Any) -> Fields:
    """Not of v1, but a word and a time in them are written as everywhere else in its bodies."""
    if not isinstance(said, dict):
        raise invalid("options", "must be an object")
    fields = {key: value for key, value in said.items() if value is not None}
    if "window_end" in fields:
        fields["window_end"] = _time("options.window_end", fields["window_end"])
    for key, enum in _OPTION_WORDS.items():
        if key in fields:
            fields[key] = _option_word(f"options.{key}", fields[key], enum)
    if "failed_live" in fields:
        said = _list(fields, "failed_live")
        enum = words.FAILED_LIVE
        fields["failed_live"] = [_option_word("options.failed_live", word, enum) for word in said]
    return fields


def _option_word(key: str, said: Any, enum: words.Words) -> str:
    """A word in any case, with its prefix or without."""
    word = _text(key, said).upper()
    name = word if word in map(enum.name, enum) else enum.name(word)
    if name is None:
        raise invalid(key, f"must be one of {', '.join(enum)}")
    return name


def _time(key: str, said: Any) -> str:
    """RFC 3339, UTC."""
    try:
        if not _TIME.fullmatch(_text(key, said)):
            raise ValueError
        when = datetime.fromisoformat(said)
        when = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        raise invalid(
            key, "must be a time that exists, YYYY-MM-DD HH:MM:SS in UTC or ISO 8601"
        ) from None
    return when.isoformat()


def _text(key: str, said: Any) -> str:
    if not isinstance(said, str):
        raise invalid(key, "is required" if said is None else "must be a string")
    return said


def _list(said: Fields, key: str) -> list[Any]:
    value = said.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise invalid(key, "must be a list")
    return value


def _refuse_unknown(said: Fields, known: frozenset[str], where: str = "body") -> None:
    unknown = sorted(said.keys() - known)
    if unknown:
        raise invalid(where, f"unknown keys: {', '.join(unknown)}")
