"""JSON schemas of the bodies that v1 clients send, by the message that they stand for.

They describe `v1_requests.py` and `v1_constraints.py`, and belong in the same commit as a change there. What is taken
besides, out of leniency (the table in `v1.py`), is not advertised.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway import words
from gateway.v1_schemas import (
    TEXT,
    TEXT_OR_NULL,
    TIME_OR_NULL,
    Json,
    list_of,
    or_null,
    word,
    word_or_null,
)

_TIME_SAID: Json = {
    "description": "`YYYY-MM-DD HH:MM:SS` in UTC, or ISO 8601 with or without a zone.",
    "type": "string",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
    r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)?$",
}
_REQUEST_ID: Json = {
    "description": "Chosen by the caller; makes repeating safe.",
    "type": ["string", "null"],
    "maxLength": 128,
}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _request(properties: Json, *required: str, open_to_more: bool = False) -> Json:
    schema: Json = {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    return {**schema, "additionalProperties": open_to_more}


_ACTION_SAID = _request(
    {
        "plugin": TEXT,
        "type": {
            "type": "string",
            "enum": [*(name.lower() for name in words.ACTION_TYPE), *words.ACTION_TYPE],
        },
        "metadata": {"type": ["object", "null"]},
    },
    "plugin",
    "type",
)
_PACKAGE_SAID: Json = {
    "anyOf": [
        {
            "type": "string",
            "maxLength": 2048,
            "examples": ["https://my.sw.upgrades.com/SW1.tar.gz#sha256=..."],
        },
        {
            "type": "object",
            "properties": {"url": TEXT, "sha256": TEXT_OR_NULL},
            "required": ["url"],
            "additionalProperties": True,
        },
    ],
}
_INSTANCE_ACTION_SAID: Json = {
    "description": "An action for all instances, or one for each by its id.",
    "anyOf": [
        word(words.INSTANCE_ACTION),
        {"type": "object", "additionalProperties": word(words.INSTANCE_ACTION)},
        {"type": "null"},
    ],
}
_REPLIES = [
    f"{answer}_{notice}"
    for answer in words.ANSWER
    for notice in words.NOTICE
    if notice not in ("MAINTENANCE_FAILED", "SESSION_DELETED")
]
_LENIENT = 'Text such as `"60,"` or `"True"` is read as meant, with a warning.'

#: Bodies of requests by the name of the message that they stand for.
REQUESTS: Mapping[str, Json] = {
    "CreateSessionRequest": _request(
        {
            "hosts": {
                "description": "Hosts to work on; without them all that the cloud knows.",
                "type": ["array", "null"],
                "items": TEXT,
                "maxItems": 10000,
            },
            "state": {"type": ["string", "null"], "enum": ["MAINTENANCE", None]},
            "maintenance_at": _TIME_SAID,
            "metadata": {
                "description": "Told to every project with every notice. At most 64 KiB.",
                "type": ["object", "null"],
            },
            "workflow": {"type": ["string", "null"]},
            "download": {
                "description": "Packages for the actions, each with a digest (`URL#sha256=...`) or signed.",
                "type": ["array", "null"],
                "items": _PACKAGE_SAID,
                "maxItems": 20,
            },
            "actions": {"type": ["array", "null"], "items": _ACTION_SAID},
            "options": or_null(_ref("SessionOptions.Input")),
            "request_id": _REQUEST_ID,
        },
        "maintenance_at",
    ),
    "UpdateSessionRequest": _request(
        {
            "session_id": {"description": "Ignored: the path has it."},
            "state": word_or_null(words.STATE),
            "window_end": TIME_OR_NULL,
            "request_id": _REQUEST_ID,
        }
    ),
    "ReplyProjectSessionRequest": _request(
        {
            "state": {
                "description": "ACK_ or NACK_ and the state that is replied to.",
                "type": "string",
                "examples": ["ACK_PLANNED_MAINTENANCE"],
                "enum": _REPLIES,
            },
            "instance_actions": _INSTANCE_ACTION_SAID,
            "instance_action": _INSTANCE_ACTION_SAID,
            "instance_id": TEXT_OR_NULL,
            "reason": {"type": ["string", "null"], "maxLength": 4096},
            "notice_id": TEXT_OR_NULL,
            "request_id": _REQUEST_ID,
        },
        "state",
        open_to_more=True,
    ),
    "InstanceConstraint": {
        **_request(
            {
                "instance_id": TEXT_OR_NULL,
                "project_id": TEXT_OR_NULL,
                "group_id": TEXT_OR_NULL,
                "instance_name": TEXT_OR_NULL,
                "max_interruption_time": {"type": ["integer", "string", "null"]},
                "migration_type": word_or_null(words.INSTANCE_ACTION),
                "migration_types": {
                    "type": ["array", "null"],
                    "items": word(words.INSTANCE_ACTION),
                },
                "resource_mitigation": {"type": ["boolean", "string", "null"]},
                "lead_time": {"type": ["integer", "string", "null"]},
                "request_id": _REQUEST_ID,
            },
            open_to_more=True,
        ),
        "minProperties": 1,
        "description": _LENIENT,
    },
    "GroupConstraint": {
        **_request(
            {
                "group_id": TEXT_OR_NULL,
                "project_id": TEXT_OR_NULL,
                "group_name": TEXT_OR_NULL,
                "anti_affinity_group": {"type": ["boolean", "string", "null"]},
                "max_instances_per_host": {"type": ["integer", "string", "null"]},
                "max_impacted_members": {"type": ["integer", "string", "null"]},
                "max_impacted_by_size": or_null(list_of(_ref("BySize.Input"))),
                "min_preserved_by_size": or_null(list_of(_ref("BySize.Input"))),
                "recovery_time": {"type": ["integer", "string", "null"]},
                "resource_mitigation": {"type": ["boolean", "string", "null"]},
                "request_id": _REQUEST_ID,
            },
            open_to_more=True,
        ),
        "minProperties": 1,
        "description": _LENIENT,
    },
}
