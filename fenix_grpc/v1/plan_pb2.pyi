import datetime

from fenix_grpc.v1 import types_pb2 as _types_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class BlockerKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BLOCKER_KIND_UNSPECIFIED: _ClassVar[BlockerKind]
    BLOCKER_KIND_BUDGET_NEVER_MET: _ClassVar[BlockerKind]
    BLOCKER_KIND_INSTANCE_CANNOT_MOVE: _ClassVar[BlockerKind]
    BLOCKER_KIND_GROUP_TOO_LARGE: _ClassVar[BlockerKind]
    BLOCKER_KIND_HOST_HELD: _ClassVar[BlockerKind]
    BLOCKER_KIND_WRONG_ZONE: _ClassVar[BlockerKind]
    BLOCKER_KIND_NO_ROOM: _ClassVar[BlockerKind]
    BLOCKER_KIND_HOST_UNFIT: _ClassVar[BlockerKind]
BLOCKER_KIND_UNSPECIFIED: BlockerKind
BLOCKER_KIND_BUDGET_NEVER_MET: BlockerKind
BLOCKER_KIND_INSTANCE_CANNOT_MOVE: BlockerKind
BLOCKER_KIND_GROUP_TOO_LARGE: BlockerKind
BLOCKER_KIND_HOST_HELD: BlockerKind
BLOCKER_KIND_WRONG_ZONE: BlockerKind
BLOCKER_KIND_NO_ROOM: BlockerKind
BLOCKER_KIND_HOST_UNFIT: BlockerKind

class SessionPlan(_message.Message):
    __slots__ = ("session_id", "made_at", "hosts", "moves", "rounds", "bounds", "moves_gap", "options", "blockers", "ends_at_p50", "ends_at_p90", "pace", "waiting")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    MADE_AT_FIELD_NUMBER: _ClassVar[int]
    HOSTS_FIELD_NUMBER: _ClassVar[int]
    MOVES_FIELD_NUMBER: _ClassVar[int]
    ROUNDS_FIELD_NUMBER: _ClassVar[int]
    BOUNDS_FIELD_NUMBER: _ClassVar[int]
    MOVES_GAP_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    BLOCKERS_FIELD_NUMBER: _ClassVar[int]
    ENDS_AT_P50_FIELD_NUMBER: _ClassVar[int]
    ENDS_AT_P90_FIELD_NUMBER: _ClassVar[int]
    PACE_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    made_at: _timestamp_pb2.Timestamp
    hosts: _containers.RepeatedCompositeFieldContainer[HostPlan]
    moves: _containers.RepeatedCompositeFieldContainer[MovePlan]
    rounds: int
    bounds: PlanBounds
    moves_gap: float
    options: _containers.RepeatedCompositeFieldContainer[PlanOption]
    blockers: _containers.RepeatedCompositeFieldContainer[PlanBlocker]
    ends_at_p50: _timestamp_pb2.Timestamp
    ends_at_p90: _timestamp_pb2.Timestamp
    pace: Pace
    waiting: _containers.RepeatedCompositeFieldContainer[_types_pb2.Waiting]
    def __init__(self, session_id: _Optional[str] = ..., made_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., hosts: _Optional[_Iterable[_Union[HostPlan, _Mapping]]] = ..., moves: _Optional[_Iterable[_Union[MovePlan, _Mapping]]] = ..., rounds: _Optional[int] = ..., bounds: _Optional[_Union[PlanBounds, _Mapping]] = ..., moves_gap: _Optional[float] = ..., options: _Optional[_Iterable[_Union[PlanOption, _Mapping]]] = ..., blockers: _Optional[_Iterable[_Union[PlanBlocker, _Mapping]]] = ..., ends_at_p50: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ends_at_p90: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pace: _Optional[_Union[Pace, _Mapping]] = ..., waiting: _Optional[_Iterable[_Union[_types_pb2.Waiting, _Mapping]]] = ...) -> None: ...

class HostPlan(_message.Message):
    __slots__ = ("host", "zone", "wave", "begins_at", "work_at", "ends_at")
    HOST_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    WAVE_FIELD_NUMBER: _ClassVar[int]
    BEGINS_AT_FIELD_NUMBER: _ClassVar[int]
    WORK_AT_FIELD_NUMBER: _ClassVar[int]
    ENDS_AT_FIELD_NUMBER: _ClassVar[int]
    host: str
    zone: str
    wave: int
    begins_at: _timestamp_pb2.Timestamp
    work_at: _timestamp_pb2.Timestamp
    ends_at: _timestamp_pb2.Timestamp
    def __init__(self, host: _Optional[str] = ..., zone: _Optional[str] = ..., wave: _Optional[int] = ..., begins_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., work_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ends_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class MovePlan(_message.Message):
    __slots__ = ("instance_id", "instance_name", "project_id", "source", "target", "wave", "begins_at", "ends_at")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_NAME_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    WAVE_FIELD_NUMBER: _ClassVar[int]
    BEGINS_AT_FIELD_NUMBER: _ClassVar[int]
    ENDS_AT_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    instance_name: str
    project_id: str
    source: str
    target: str
    wave: int
    begins_at: _timestamp_pb2.Timestamp
    ends_at: _timestamp_pb2.Timestamp
    def __init__(self, instance_id: _Optional[str] = ..., instance_name: _Optional[str] = ..., project_id: _Optional[str] = ..., source: _Optional[str] = ..., target: _Optional[str] = ..., wave: _Optional[int] = ..., begins_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ends_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PlanBounds(_message.Message):
    __slots__ = ("rounds", "moves", "moves_at_rounds", "makespan_s", "makespan_by")
    ROUNDS_FIELD_NUMBER: _ClassVar[int]
    MOVES_FIELD_NUMBER: _ClassVar[int]
    MOVES_AT_ROUNDS_FIELD_NUMBER: _ClassVar[int]
    MAKESPAN_S_FIELD_NUMBER: _ClassVar[int]
    MAKESPAN_BY_FIELD_NUMBER: _ClassVar[int]
    rounds: int
    moves: int
    moves_at_rounds: int
    makespan_s: float
    makespan_by: str
    def __init__(self, rounds: _Optional[int] = ..., moves: _Optional[int] = ..., moves_at_rounds: _Optional[int] = ..., makespan_s: _Optional[float] = ..., makespan_by: _Optional[str] = ...) -> None: ...

class PlanOption(_message.Message):
    __slots__ = ("rounds", "moves", "makespan_s", "seeds", "chosen")
    ROUNDS_FIELD_NUMBER: _ClassVar[int]
    MOVES_FIELD_NUMBER: _ClassVar[int]
    MAKESPAN_S_FIELD_NUMBER: _ClassVar[int]
    SEEDS_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_FIELD_NUMBER: _ClassVar[int]
    rounds: int
    moves: int
    makespan_s: float
    seeds: int
    chosen: bool
    def __init__(self, rounds: _Optional[int] = ..., moves: _Optional[int] = ..., makespan_s: _Optional[float] = ..., seeds: _Optional[int] = ..., chosen: _Optional[bool] = ...) -> None: ...

class PlanBlocker(_message.Message):
    __slots__ = ("kind", "subject", "reason", "hosts", "proven", "scale_in_instance_ids", "scale_in", "add_hosts")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    HOSTS_FIELD_NUMBER: _ClassVar[int]
    PROVEN_FIELD_NUMBER: _ClassVar[int]
    SCALE_IN_INSTANCE_IDS_FIELD_NUMBER: _ClassVar[int]
    SCALE_IN_FIELD_NUMBER: _ClassVar[int]
    ADD_HOSTS_FIELD_NUMBER: _ClassVar[int]
    kind: BlockerKind
    subject: str
    reason: str
    hosts: _containers.RepeatedScalarFieldContainer[str]
    proven: bool
    scale_in_instance_ids: _containers.RepeatedScalarFieldContainer[str]
    scale_in: _types_pb2.Resources
    add_hosts: int
    def __init__(self, kind: _Optional[_Union[BlockerKind, str]] = ..., subject: _Optional[str] = ..., reason: _Optional[str] = ..., hosts: _Optional[_Iterable[str]] = ..., proven: _Optional[bool] = ..., scale_in_instance_ids: _Optional[_Iterable[str]] = ..., scale_in: _Optional[_Union[_types_pb2.Resources, _Mapping]] = ..., add_hosts: _Optional[int] = ...) -> None: ...

class Pace(_message.Message):
    __slots__ = ("move_p50_s", "move_p90_s", "moves_measured", "work_p50_s", "work_p90_s", "works_measured")
    MOVE_P50_S_FIELD_NUMBER: _ClassVar[int]
    MOVE_P90_S_FIELD_NUMBER: _ClassVar[int]
    MOVES_MEASURED_FIELD_NUMBER: _ClassVar[int]
    WORK_P50_S_FIELD_NUMBER: _ClassVar[int]
    WORK_P90_S_FIELD_NUMBER: _ClassVar[int]
    WORKS_MEASURED_FIELD_NUMBER: _ClassVar[int]
    move_p50_s: float
    move_p90_s: float
    moves_measured: int
    work_p50_s: float
    work_p90_s: float
    works_measured: int
    def __init__(self, move_p50_s: _Optional[float] = ..., move_p90_s: _Optional[float] = ..., moves_measured: _Optional[int] = ..., work_p50_s: _Optional[float] = ..., work_p90_s: _Optional[float] = ..., works_measured: _Optional[int] = ...) -> None: ...
