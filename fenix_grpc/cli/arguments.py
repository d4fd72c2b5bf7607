"""What a person types, as the values that fenix knows. Errors name the option and show a form that works."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct

from fenix_grpc.cli.words import prefix_of
from fenix_grpc.v1.types_pb2 import ActionSpec, ActionType, InstanceAction

if TYPE_CHECKING:
    from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_AGE = re.compile(r"(\d+)([smhd])")
_OFFSET = re.compile(r"\+(\d+)([smhd])")


def time_of(text: str, now: datetime, option: str = "--at") -> datetime:
    """`now`, `+30s` (s, m, h, d) or a time such as `2030-01-31T22:00Z`; without a zone it is UTC."""
    if text == "now":
        return now
    offset = _OFFSET.fullmatch(text)
    if offset:
        return now + timedelta(seconds=int(offset[1]) * _UNITS[offset[2]])
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time; use now, +30s, +2h or 2030-01-31T22:00Z", param_hint=option
        ) from None
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)


def age_of(text: str, option: str) -> timedelta:
    """`90d`, `36h` and so on (s, m, h, d)."""
    age = _AGE.fullmatch(text)
    if age is None:
        raise typer.BadParameter(f"{text!r} is no age; use 90d or 36h", param_hint=option)
    return timedelta(seconds=int(age[1]) * _UNITS[age[2]])


def metadata_of(pairs: Sequence[str]) -> Struct:
    """`KEY=VALUE` each; all values are texts."""
    struct = Struct()
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not (sign and key):
            raise typer.BadParameter(f"{pair!r} is not KEY=VALUE", param_hint="--metadata")
        struct[key] = value
    return struct


def action_of(text: str) -> ActionSpec:
    """`type:plugin`, or `type:plugin:{"json": "object"}` with hints for the plug-in."""
    kind, _, rest = text.partition(":")
    plugin, _, hints = rest.partition(":")
    if not plugin:
        raise typer.BadParameter(
            f"{text!r} is not TYPE:PLUGIN, such as host:dummy", param_hint="--action"
        )
    action = ActionSpec(plugin=plugin, type=word_of(ActionType, kind, "--action"))
    if hints:
        action.metadata.CopyFrom(_json_object(hints, "--action"))
    return action


def instance_action_of(text: str, option: str) -> tuple[str, InstanceAction]:
    """`ACTION` for every instance (key `*`), or `NAME=ACTION`."""
    name, sign, action = text.rpartition("=")
    return name if sign else "*", word_of(InstanceAction, action, option)


def word_of(enum: EnumTypeWrapper, text: str, option: str) -> Any:
    """The value of a word such as `live_migrate`, in any case."""
    prefix = prefix_of(enum)
    words = [name.removeprefix(prefix) for name in enum.keys()[1:]]
    wanted = text.upper().replace("-", "_")
    if wanted not in words:
        raise typer.BadParameter(
            f"{text!r} is not one of {', '.join(words).lower()}", param_hint=option
        )
    return enum.Value(prefix + wanted)


def _json_object(text: str, option: str) -> Struct:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as err:
        raise typer.BadParameter(f"{text!r} is not JSON: {err}", param_hint=option) from None
    if not isinstance(value, dict):
        raise typer.BadParameter(f"{text!r} is not a JSON object", param_hint=option)
    struct: Struct = ParseDict(value, Struct())
    return struct
