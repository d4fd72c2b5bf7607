"""JSON schemas of the bodies that v1 clients get, by the message that they stand for.

They describe `v1_responses.py` and `v1_constraints.py`, and belong in the same commit as a change there; tests/contract
holds answers of a real server to them. A view without a word here is described by its message (`contract/v1.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway import words
from gateway.words import Words

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
TEXT_OR_NULL: Json = {"type": ["string", "null"]}
_NUMBER: Json = {"type": "integer"}
_TRUTH: Json = {"type": "boolean"}
_OBJECT: Json = {"type": "object"}
_NULL: Json = {"type": "null"}
_TIME: Json = {"type": "string", "format": "date-time"}
TIME_OR_NULL: Json = {"type": ["string", "null"], "format": "date-time"}


def list_of(items: Json) -> Json:
    return {"type": "array", "items": items}


def or_null(schema: Json) -> Json:
    return {"anyOf": [schema, _NULL]}


def word(of: Words, *, lower: bool = False) -> Json:
    return {"type": "string", "enum": [name.lower() if lower else name for name in of]}


def word_or_null(of: Words, *, lower: bool = False) -> Json:
    return {"type": ["string", "null"], "enum": [*word(of, lower=lower)["enum"], None]}


def _answer(properties: Json, *, optional: Json | None = None) -> Json:
    """All of `properties` are there."""
    schema = {"type": "object", "properties": {**properties, **(optional or {})}}
    return {**schema, "required": list(properties)} if properties else schema


_RESOURCES = _answer({"vcpus": _NUMBER, "memory_mb": _NUMBER, "disk_gb": _NUMBER})

_SESSION: Json = {
    "session_id": TEXT,
    "state": word_or_null(words.STATE),
    "prev_state": word_or_null(words.STATE),
    "percent_done": _NUMBER,
    "reason": TEXT,
    "workflow": TEXT,
    "maintenance_at": TIME_OR_NULL,
    "metadata": _OBJECT,
    "created_at": TIME_OR_NULL,
    "updated_at": TIME_OR_NULL,
    "seq": _NUMBER,
}

_NOTICE = _answer(
    {
        "notice_id": TEXT,
        "state": word_or_null(words.NOTICE),
        "instances": list_of(_answer({"instance_id": TEXT, "instance_name": TEXT})),
        "allowed_actions": list_of(word(words.INSTANCE_ACTION)),
        "actions_at": TIME_OR_NULL,
        "reply_at": TIME_OR_NULL,
        "metadata": _OBJECT,
        "needed": or_null(_RESOURCES),
        "reason": TEXT,
    }
)


def _rows(properties: Json) -> Json:
    """A table of the detail."""
    return list_of(_answer({"session_id": TEXT, **properties}))


_DETAIL: Json = {
    "meta": _OBJECT,
    "hosts": _rows(
        {
            "id": TEXT,
            "hostname": TEXT,
            "type": word_or_null(words.HOST_KIND, lower=True),
            "maintained": _TRUTH,
            "disabled": _TRUTH,
            "details": TEXT_OR_NULL,
            "plugin": TEXT_OR_NULL,
            "plugin_state": TEXT_OR_NULL,
            "progress": word_or_null(words.HOST_PROGRESS),
            "capacity": _RESOURCES,
            "used": _RESOURCES,
            "instances": _NUMBER,
            "created_at": _NULL,
            "updated_at": _NULL,
        }
    ),
    "projects": _rows(
        {
            "id": TEXT,
            "project_id": TEXT,
            "state": TEXT_OR_NULL,
            "listening": _TRUTH,
            "defaulted": TEXT_OR_NULL,
            "reply_at": TIME_OR_NULL,
        }
    ),
    "instances": _rows(
        {
            "id": TEXT,
            "instance_id": TEXT,
            "instance_name": TEXT,
            "project_id": TEXT,
            "host": TEXT,
            "state": TEXT,
            "project_state": TEXT_OR_NULL,
            "action": word_or_null(words.INSTANCE_ACTION),
            "action_done": _TRUTH,
            "details": _NULL,
            "size": _RESOURCES,
            "created_at": _NULL,
            "updated_at": _NULL,
        }
    ),
    "action_plugins": _rows(
        {
            "id": TEXT,
            "plugin": TEXT,
            "type": word_or_null(words.ACTION_TYPE, lower=True),
            "meta": _OBJECT,
        }
    ),
    "action_plugin_instances": _rows(
        {"id": TEXT, "plugin": TEXT, "hostname": TEXT_OR_NULL, "state": TEXT}
    ),
    "steps": _rows(
        {
            "id": TEXT,
            "verb": word_or_null(words.STEP_VERB),
            "host": TEXT_OR_NULL,
            "instance_id": TEXT_OR_NULL,
            "target": TEXT_OR_NULL,
            "plugin": TEXT_OR_NULL,
            "type": word_or_null(words.ACTION_TYPE, lower=True),
            "how": word_or_null(words.INSTANCE_ACTION),
            "state": {"type": "string", "enum": [*words.STEP_OUTCOME, "RUNNING"]},
            "details": TEXT_OR_NULL,
            "output": TEXT_OR_NULL,
            "started_at": TIME_OR_NULL,
            "ended_at": TIME_OR_NULL,
        }
    ),
    "downloads": _rows(
        {
            "id": TEXT,
            "local_file": TEXT,
            "url": TEXT,
            "sha256": TEXT_OR_NULL,
            "fetched": _TRUTH,
        }
    ),
    "waiting": list_of(
        _answer(
            {
                "subject": TEXT,
                "reason": TEXT,
                "since": TIME_OR_NULL,
                "deadline": TIME_OR_NULL,
                "then": TEXT_OR_NULL,
            }
        )
    ),
    "owed_hosts": list_of(TEXT),
}

_BY_SIZE = list_of(_answer({"group_size": _NUMBER, "number": _NUMBER}))
_RECORD: Json = {"warnings": list_of(TEXT), "created_at": _TIME, "updated_at": _TIME}
_INSTANCE = _answer(
    {
        "instance_id": TEXT,
        "project_id": TEXT,
        "group_id": TEXT,
        "instance_name": TEXT,
        "max_interruption_time": _NUMBER,
        "migration_type": word_or_null(words.INSTANCE_ACTION),
        "migration_types": list_of(word(words.INSTANCE_ACTION)),
        "resource_mitigation": _TRUTH,
        "lead_time": _NUMBER,
        **_RECORD,
    }
)
_GROUP = _answer(
    {
        "group_id": TEXT,
        "project_id": TEXT,
        "group_name": TEXT,
        "anti_affinity_group": _TRUTH,
        "max_instances_per_host": _NUMBER,
        "max_impacted_members": _NUMBER,
        "max_impacted_by_size": _BY_SIZE,
        "min_preserved_by_size": _BY_SIZE,
        "recovery_time": _NUMBER,
        "resource_mitigation": _TRUTH,
        **_RECORD,
    }
)
_NEXT_PAGE: Json = {"next_page_token": TEXT}

#: Bodies of answers by the name of the response message.
ANSWERS: Mapping[str, Json] = {
    "CreateSessionResponse": _answer({"session_id": TEXT}, optional={"warnings": list_of(TEXT)}),
    "ListSessionsResponse": _answer(
        {"session_id": list_of(TEXT), "sessions": list_of(TEXT)}, optional=_NEXT_PAGE
    ),
    "GetSessionResponse": _answer(_SESSION),
    "UpdateSessionResponse": _answer(_SESSION),
    "GetSessionDetailResponse": _answer({**_SESSION, **_DETAIL}),
    "GetProjectSessionResponse": _answer(
        {
            "instance_ids": list_of(TEXT),
            "state": word_or_null(words.STATE),
            "notice": or_null(_NOTICE),
            "answer": word_or_null(words.ANSWER),
        }
    ),
    "ReplyProjectSessionResponse": {
        "description": "The request's own body.",
        "type": "object",
        "additionalProperties": True,
    },
    "GetInstanceConstraintResponse": _INSTANCE,
    "SetInstanceConstraintResponse": _INSTANCE,
    "ListInstanceConstraintsResponse": _answer(
        {"instances": list_of(_INSTANCE)}, optional=_NEXT_PAGE
    ),
    "GetGroupConstraintResponse": _GROUP,
    "SetGroupConstraintResponse": _GROUP,
    "ListGroupConstraintsResponse": _answer(
        {"instance_groups": list_of(_GROUP)}, optional=_NEXT_PAGE
    ),
}
