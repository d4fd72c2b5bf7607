"""Enum values as the bare words of the v1 API: `MAINTENANCE` for SESSION_STATE_MAINTENANCE."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.descriptor import EnumDescriptor

from fenix_grpc.v1 import plan_pb2, types_pb2


class Words:
    """The words of one enum. The unspecified value has none."""

    def __init__(self, enum: EnumDescriptor) -> None:
        prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
        self._words = {v.number: v.name.removeprefix(prefix) for v in enum.values if v.number}
        self._names = {word: prefix + word for word in self._words.values()}

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def word(self, number: int) -> str | None:
        """None for unspecified, and for a value newer than this gateway."""
        return self._words.get(number)

    def name(self, word: str) -> str | None:
        """The name in the proto files; None when there is no such word."""
        return self._names.get(word)


_ENUMS = types_pb2.DESCRIPTOR.enum_types_by_name

STATE = Words(_ENUMS["SessionState"])
NOTICE = Words(_ENUMS["NoticeKind"])
ANSWER = Words(_ENUMS["Answer"])
INSTANCE_ACTION = Words(_ENUMS["InstanceAction"])
ACTION_TYPE = Words(_ENUMS["ActionType"])
HOST_KIND = Words(_ENUMS["HostKind"])
HOST_PROGRESS = Words(_ENUMS["HostProgress"])
STEP_VERB = Words(_ENUMS["StepVerb"])
STEP_OUTCOME = Words(_ENUMS["StepOutcome"])
PREFERENCE = Words(_ENUMS["Preference"])
SLOW_LIVE = Words(_ENUMS["SlowLive"])
FAILED_LIVE = Words(_ENUMS["FailedLive"])
HOST_DOWN = Words(_ENUMS["HostDown"])
BLOCKER_KIND = Words(plan_pb2.DESCRIPTOR.enum_types_by_name["BlockerKind"])
