import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SessionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SESSION_STATE_UNSPECIFIED: _ClassVar[SessionState]
    SESSION_STATE_MAINTENANCE: _ClassVar[SessionState]
    SESSION_STATE_SCALE_IN: _ClassVar[SessionState]
    SESSION_STATE_PREPARE_MAINTENANCE: _ClassVar[SessionState]
    SESSION_STATE_START_MAINTENANCE: _ClassVar[SessionState]
    SESSION_STATE_PLANNED_MAINTENANCE: _ClassVar[SessionState]
    SESSION_STATE_MAINTENANCE_COMPLETE: _ClassVar[SessionState]
    SESSION_STATE_MAINTENANCE_DONE: _ClassVar[SessionState]
    SESSION_STATE_MAINTENANCE_FAILED: _ClassVar[SessionState]

class NoticeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NOTICE_KIND_UNSPECIFIED: _ClassVar[NoticeKind]
    NOTICE_KIND_MAINTENANCE: _ClassVar[NoticeKind]
    NOTICE_KIND_SCALE_IN: _ClassVar[NoticeKind]
    NOTICE_KIND_PREPARE_MAINTENANCE: _ClassVar[NoticeKind]
    NOTICE_KIND_PLANNED_MAINTENANCE: _ClassVar[NoticeKind]
    NOTICE_KIND_MAINTENANCE_COMPLETE: _ClassVar[NoticeKind]
    NOTICE_KIND_INSTANCE_ACTION_DONE: _ClassVar[NoticeKind]
    NOTICE_KIND_MAINTENANCE_FAILED: _ClassVar[NoticeKind]
    NOTICE_KIND_SESSION_DELETED: _ClassVar[NoticeKind]
    NOTICE_KIND_INSTANCE_ACTION_FALLBACK: _ClassVar[NoticeKind]

class Answer(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ANSWER_UNSPECIFIED: _ClassVar[Answer]
    ANSWER_ACK: _ClassVar[Answer]
    ANSWER_NACK: _ClassVar[Answer]

class InstanceAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INSTANCE_ACTION_UNSPECIFIED: _ClassVar[InstanceAction]
    INSTANCE_ACTION_MIGRATE: _ClassVar[InstanceAction]
    INSTANCE_ACTION_LIVE_MIGRATE: _ClassVar[InstanceAction]
    INSTANCE_ACTION_OWN_ACTION: _ClassVar[InstanceAction]

class HostKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HOST_KIND_UNSPECIFIED: _ClassVar[HostKind]
    HOST_KIND_COMPUTE: _ClassVar[HostKind]
    HOST_KIND_CONTROLLER: _ClassVar[HostKind]
    HOST_KIND_OTHER: _ClassVar[HostKind]

class HostProgress(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HOST_PROGRESS_UNSPECIFIED: _ClassVar[HostProgress]
    HOST_PROGRESS_IN_MAINTENANCE: _ClassVar[HostProgress]
    HOST_PROGRESS_MAINTENANCE_COMPLETE: _ClassVar[HostProgress]
    HOST_PROGRESS_HOST_ADDED: _ClassVar[HostProgress]
    HOST_PROGRESS_HOST_REMOVED: _ClassVar[HostProgress]

class ActionType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACTION_TYPE_UNSPECIFIED: _ClassVar[ActionType]
    ACTION_TYPE_PRE: _ClassVar[ActionType]
    ACTION_TYPE_HOST: _ClassVar[ActionType]
    ACTION_TYPE_COMPUTE: _ClassVar[ActionType]
    ACTION_TYPE_CONTROLLER: _ClassVar[ActionType]
    ACTION_TYPE_POST: _ClassVar[ActionType]
    ACTION_TYPE_CHECK: _ClassVar[ActionType]

class StepVerb(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STEP_VERB_UNSPECIFIED: _ClassVar[StepVerb]
    STEP_VERB_DISABLE_HOST: _ClassVar[StepVerb]
    STEP_VERB_ENABLE_HOST: _ClassVar[StepVerb]
    STEP_VERB_MOVE_INSTANCE: _ClassVar[StepVerb]
    STEP_VERB_RUN_ACTION: _ClassVar[StepVerb]
    STEP_VERB_FETCH_PACKAGE: _ClassVar[StepVerb]
    STEP_VERB_EVACUATE_INSTANCE: _ClassVar[StepVerb]
    STEP_VERB_REMOVE_HOST: _ClassVar[StepVerb]

class StepOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STEP_OUTCOME_UNSPECIFIED: _ClassVar[StepOutcome]
    STEP_OUTCOME_DONE: _ClassVar[StepOutcome]
    STEP_OUTCOME_FAILED: _ClassVar[StepOutcome]
    STEP_OUTCOME_LOST: _ClassVar[StepOutcome]

class Preference(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PREFERENCE_UNSPECIFIED: _ClassVar[Preference]
    PREFERENCE_BALANCED: _ClassVar[Preference]
    PREFERENCE_FASTEST: _ClassVar[Preference]
    PREFERENCE_FEWEST_MOVES: _ClassVar[Preference]

class Fallback(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FALLBACK_UNSPECIFIED: _ClassVar[Fallback]
    FALLBACK_MIGRATE: _ClassVar[Fallback]
    FALLBACK_FAIL: _ClassVar[Fallback]

class SlowLive(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SLOW_LIVE_UNSPECIFIED: _ClassVar[SlowLive]
    SLOW_LIVE_WAIT: _ClassVar[SlowLive]
    SLOW_LIVE_FORCE: _ClassVar[SlowLive]
    SLOW_LIVE_ABORT: _ClassVar[SlowLive]

class FailedLive(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FAILED_LIVE_UNSPECIFIED: _ClassVar[FailedLive]
    FAILED_LIVE_COLD: _ClassVar[FailedLive]
    FAILED_LIVE_ASK: _ClassVar[FailedLive]
    FAILED_LIVE_GIVE_BACK: _ClassVar[FailedLive]
    FAILED_LIVE_STOP: _ClassVar[FailedLive]

class HostDown(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HOST_DOWN_UNSPECIFIED: _ClassVar[HostDown]
    HOST_DOWN_STOP: _ClassVar[HostDown]
    HOST_DOWN_EVACUATE: _ClassVar[HostDown]
SESSION_STATE_UNSPECIFIED: SessionState
SESSION_STATE_MAINTENANCE: SessionState
SESSION_STATE_SCALE_IN: SessionState
SESSION_STATE_PREPARE_MAINTENANCE: SessionState
SESSION_STATE_START_MAINTENANCE: SessionState
SESSION_STATE_PLANNED_MAINTENANCE: SessionState
SESSION_STATE_MAINTENANCE_COMPLETE: SessionState
SESSION_STATE_MAINTENANCE_DONE: SessionState
SESSION_STATE_MAINTENANCE_FAILED: SessionState
NOTICE_KIND_UNSPECIFIED: NoticeKind
NOTICE_KIND_MAINTENANCE: NoticeKind
NOTICE_KIND_SCALE_IN: NoticeKind
NOTICE_KIND_PREPARE_MAINTENANCE: NoticeKind
NOTICE_KIND_PLANNED_MAINTENANCE: NoticeKind
NOTICE_KIND_MAINTENANCE_COMPLETE: NoticeKind
NOTICE_KIND_INSTANCE_ACTION_DONE: NoticeKind
NOTICE_KIND_MAINTENANCE_FAILED: NoticeKind
NOTICE_KIND_SESSION_DELETED: NoticeKind
NOTICE_KIND_INSTANCE_ACTION_FALLBACK: NoticeKind
ANSWER_UNSPECIFIED: Answer
ANSWER_ACK: Answer
ANSWER_NACK: Answer
INSTANCE_ACTION_UNSPECIFIED: InstanceAction
INSTANCE_ACTION_MIGRATE: InstanceAction
INSTANCE_ACTION_LIVE_MIGRATE: InstanceAction
INSTANCE_ACTION_OWN_ACTION: InstanceAction
HOST_KIND_UNSPECIFIED: HostKind
HOST_KIND_COMPUTE: HostKind
HOST_KIND_CONTROLLER: HostKind
HOST_KIND_OTHER: HostKind
HOST_PROGRESS_UNSPECIFIED: HostProgress
HOST_PROGRESS_IN_MAINTENANCE: HostProgress
HOST_PROGRESS_MAINTENANCE_COMPLETE: HostProgress
HOST_PROGRESS_HOST_ADDED: HostProgress
HOST_PROGRESS_HOST_REMOVED: HostProgress
ACTION_TYPE_UNSPECIFIED: ActionType
ACTION_TYPE_PRE: ActionType
ACTION_TYPE_HOST: ActionType
ACTION_TYPE_COMPUTE: ActionType
ACTION_TYPE_CONTROLLER: ActionType
ACTION_TYPE_POST: ActionType
ACTION_TYPE_CHECK: ActionType
STEP_VERB_UNSPECIFIED: StepVerb
STEP_VERB_DISABLE_HOST: StepVerb
STEP_VERB_ENABLE_HOST: StepVerb
STEP_VERB_MOVE_INSTANCE: StepVerb
STEP_VERB_RUN_ACTION: StepVerb
STEP_VERB_FETCH_PACKAGE: StepVerb
STEP_VERB_EVACUATE_INSTANCE: StepVerb
STEP_VERB_REMOVE_HOST: StepVerb
STEP_OUTCOME_UNSPECIFIED: StepOutcome
STEP_OUTCOME_DONE: StepOutcome
STEP_OUTCOME_FAILED: StepOutcome
STEP_OUTCOME_LOST: StepOutcome
PREFERENCE_UNSPECIFIED: Preference
PREFERENCE_BALANCED: Preference
PREFERENCE_FASTEST: Preference
PREFERENCE_FEWEST_MOVES: Preference
FALLBACK_UNSPECIFIED: Fallback
FALLBACK_MIGRATE: Fallback
FALLBACK_FAIL: Fallback
SLOW_LIVE_UNSPECIFIED: SlowLive
SLOW_LIVE_WAIT: SlowLive
SLOW_LIVE_FORCE: SlowLive
SLOW_LIVE_ABORT: SlowLive
FAILED_LIVE_UNSPECIFIED: FailedLive
FAILED_LIVE_COLD: FailedLive
FAILED_LIVE_ASK: FailedLive
FAILED_LIVE_GIVE_BACK: FailedLive
FAILED_LIVE_STOP: FailedLive
HOST_DOWN_UNSPECIFIED: HostDown
HOST_DOWN_STOP: HostDown
HOST_DOWN_EVACUATE: HostDown

class Resources(_message.Message):
    __slots__ = ("vcpus", "memory_mb", "disk_gb")
    VCPUS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MB_FIELD_NUMBER: _ClassVar[int]
    DISK_GB_FIELD_NUMBER: _ClassVar[int]
    vcpus: int
    memory_mb: int
    disk_gb: int
    def __init__(self, vcpus: _Optional[int] = ..., memory_mb: _Optional[int] = ..., disk_gb: _Optional[int] = ...) -> None: ...

class ActionSpec(_message.Message):
    __slots__ = ("plugin", "type", "metadata")
    PLUGIN_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    plugin: str
    type: ActionType
    metadata: _struct_pb2.Struct
    def __init__(self, plugin: _Optional[str] = ..., type: _Optional[_Union[ActionType, str]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class Package(_message.Message):
    __slots__ = ("url", "sha256", "plugins")
    URL_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    PLUGINS_FIELD_NUMBER: _ClassVar[int]
    url: str
    sha256: str
    plugins: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, url: _Optional[str] = ..., sha256: _Optional[str] = ..., plugins: _Optional[_Iterable[str]] = ...) -> None: ...

class SessionOptions(_message.Message):
    __slots__ = ("preference", "parallel_hosts", "parallel_moves", "fill_limit", "window_end", "failure_budget", "retire", "live_s", "slow_live", "failed_live", "host_down", "host_down_s", "check_s")
    PREFERENCE_FIELD_NUMBER: _ClassVar[int]
    PARALLEL_HOSTS_FIELD_NUMBER: _ClassVar[int]
    PARALLEL_MOVES_FIELD_NUMBER: _ClassVar[int]
    FILL_LIMIT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_END_FIELD_NUMBER: _ClassVar[int]
    FAILURE_BUDGET_FIELD_NUMBER: _ClassVar[int]
    RETIRE_FIELD_NUMBER: _ClassVar[int]
    LIVE_S_FIELD_NUMBER: _ClassVar[int]
    SLOW_LIVE_FIELD_NUMBER: _ClassVar[int]
    FAILED_LIVE_FIELD_NUMBER: _ClassVar[int]
    HOST_DOWN_FIELD_NUMBER: _ClassVar[int]
    HOST_DOWN_S_FIELD_NUMBER: _ClassVar[int]
    CHECK_S_FIELD_NUMBER: _ClassVar[int]
    preference: Preference
    parallel_hosts: int
    parallel_moves: int
    fill_limit: float
    window_end: _timestamp_pb2.Timestamp
    failure_budget: int
    retire: _containers.RepeatedScalarFieldContainer[str]
    live_s: float
    slow_live: SlowLive
    failed_live: _containers.RepeatedScalarFieldContainer[FailedLive]
    host_down: HostDown
    host_down_s: float
    check_s: float
    def __init__(self, preference: _Optional[_Union[Preference, str]] = ..., parallel_hosts: _Optional[int] = ..., parallel_moves: _Optional[int] = ..., fill_limit: _Optional[float] = ..., window_end: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., failure_budget: _Optional[int] = ..., retire: _Optional[_Iterable[str]] = ..., live_s: _Optional[float] = ..., slow_live: _Optional[_Union[SlowLive, str]] = ..., failed_live: _Optional[_Iterable[_Union[FailedLive, str]]] = ..., host_down: _Optional[_Union[HostDown, str]] = ..., host_down_s: _Optional[float] = ..., check_s: _Optional[float] = ...) -> None: ...

class Policy(_message.Message):
    __slots__ = ("reply_s", "scale_reply_s", "own_action_s", "move_s", "action_s", "move_attempts", "retry_wait_s", "scale_in_rounds", "parallel_hosts", "parallel_moves", "moves_per_source", "moves_per_target", "preference", "fill_limit", "expected_move_s", "expected_work_s", "no_manager", "silence", "cloud_away_s", "poll_s", "failure_budget", "up_s", "check_s", "retire_s", "live_s", "slow_live", "failed_live", "host_down", "host_down_s")
    REPLY_S_FIELD_NUMBER: _ClassVar[int]
    SCALE_REPLY_S_FIELD_NUMBER: _ClassVar[int]
    OWN_ACTION_S_FIELD_NUMBER: _ClassVar[int]
    MOVE_S_FIELD_NUMBER: _ClassVar[int]
    ACTION_S_FIELD_NUMBER: _ClassVar[int]
    MOVE_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    RETRY_WAIT_S_FIELD_NUMBER: _ClassVar[int]
    SCALE_IN_ROUNDS_FIELD_NUMBER: _ClassVar[int]
    PARALLEL_HOSTS_FIELD_NUMBER: _ClassVar[int]
    PARALLEL_MOVES_FIELD_NUMBER: _ClassVar[int]
    MOVES_PER_SOURCE_FIELD_NUMBER: _ClassVar[int]
    MOVES_PER_TARGET_FIELD_NUMBER: _ClassVar[int]
    PREFERENCE_FIELD_NUMBER: _ClassVar[int]
    FILL_LIMIT_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_MOVE_S_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_WORK_S_FIELD_NUMBER: _ClassVar[int]
    NO_MANAGER_FIELD_NUMBER: _ClassVar[int]
    SILENCE_FIELD_NUMBER: _ClassVar[int]
    CLOUD_AWAY_S_FIELD_NUMBER: _ClassVar[int]
    POLL_S_FIELD_NUMBER: _ClassVar[int]
    FAILURE_BUDGET_FIELD_NUMBER: _ClassVar[int]
    UP_S_FIELD_NUMBER: _ClassVar[int]
    CHECK_S_FIELD_NUMBER: _ClassVar[int]
    RETIRE_S_FIELD_NUMBER: _ClassVar[int]
    LIVE_S_FIELD_NUMBER: _ClassVar[int]
    SLOW_LIVE_FIELD_NUMBER: _ClassVar[int]
    FAILED_LIVE_FIELD_NUMBER: _ClassVar[int]
    HOST_DOWN_FIELD_NUMBER: _ClassVar[int]
    HOST_DOWN_S_FIELD_NUMBER: _ClassVar[int]
    reply_s: float
    scale_reply_s: float
    own_action_s: float
    move_s: float
    action_s: float
    move_attempts: int
    retry_wait_s: float
    scale_in_rounds: int
    parallel_hosts: int
    parallel_moves: int
    moves_per_source: int
    moves_per_target: int
    preference: Preference
    fill_limit: float
    expected_move_s: float
    expected_work_s: float
    no_manager: Fallback
    silence: Fallback
    cloud_away_s: float
    poll_s: float
    failure_budget: int
    up_s: float
    check_s: float
    retire_s: float
    live_s: float
    slow_live: SlowLive
    failed_live: _containers.RepeatedScalarFieldContainer[FailedLive]
    host_down: HostDown
    host_down_s: float
    def __init__(self, reply_s: _Optional[float] = ..., scale_reply_s: _Optional[float] = ..., own_action_s: _Optional[float] = ..., move_s: _Optional[float] = ..., action_s: _Optional[float] = ..., move_attempts: _Optional[int] = ..., retry_wait_s: _Optional[float] = ..., scale_in_rounds: _Optional[int] = ..., parallel_hosts: _Optional[int] = ..., parallel_moves: _Optional[int] = ..., moves_per_source: _Optional[int] = ..., moves_per_target: _Optional[int] = ..., preference: _Optional[_Union[Preference, str]] = ..., fill_limit: _Optional[float] = ..., expected_move_s: _Optional[float] = ..., expected_work_s: _Optional[float] = ..., no_manager: _Optional[_Union[Fallback, str]] = ..., silence: _Optional[_Union[Fallback, str]] = ..., cloud_away_s: _Optional[float] = ..., poll_s: _Optional[float] = ..., failure_budget: _Optional[int] = ..., up_s: _Optional[float] = ..., check_s: _Optional[float] = ..., retire_s: _Optional[float] = ..., live_s: _Optional[float] = ..., slow_live: _Optional[_Union[SlowLive, str]] = ..., failed_live: _Optional[_Iterable[_Union[FailedLive, str]]] = ..., host_down: _Optional[_Union[HostDown, str]] = ..., host_down_s: _Optional[float] = ...) -> None: ...

class Session(_message.Message):
    __slots__ = ("session_id", "state", "prev_state", "reason", "workflow", "maintenance_at", "metadata", "percent_done", "created_at", "updated_at", "seq")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PREV_STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    MAINTENANCE_AT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    PERCENT_DONE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    state: SessionState
    prev_state: SessionState
    reason: str
    workflow: str
    maintenance_at: _timestamp_pb2.Timestamp
    metadata: _struct_pb2.Struct
    percent_done: int
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    seq: int
    def __init__(self, session_id: _Optional[str] = ..., state: _Optional[_Union[SessionState, str]] = ..., prev_state: _Optional[_Union[SessionState, str]] = ..., reason: _Optional[str] = ..., workflow: _Optional[str] = ..., maintenance_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., percent_done: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., seq: _Optional[int] = ...) -> None: ...

class HostDetail(_message.Message):
    __slots__ = ("host", "kind", "maintained", "disabled", "excluded", "progress", "capacity", "used", "instances", "set_aside", "retired")
    HOST_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MAINTAINED_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    EXCLUDED_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    SET_ASIDE_FIELD_NUMBER: _ClassVar[int]
    RETIRED_FIELD_NUMBER: _ClassVar[int]
    host: str
    kind: HostKind
    maintained: bool
    disabled: bool
    excluded: str
    progress: HostProgress
    capacity: Resources
    used: Resources
    instances: int
    set_aside: str
    retired: bool
    def __init__(self, host: _Optional[str] = ..., kind: _Optional[_Union[HostKind, str]] = ..., maintained: _Optional[bool] = ..., disabled: _Optional[bool] = ..., excluded: _Optional[str] = ..., progress: _Optional[_Union[HostProgress, str]] = ..., capacity: _Optional[_Union[Resources, _Mapping]] = ..., used: _Optional[_Union[Resources, _Mapping]] = ..., instances: _Optional[int] = ..., set_aside: _Optional[str] = ..., retired: _Optional[bool] = ...) -> None: ...

class InstanceDetail(_message.Message):
    __slots__ = ("instance_id", "instance_name", "project_id", "host", "status", "action", "action_done", "size")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_NAME_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    ACTION_DONE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    instance_name: str
    project_id: str
    host: str
    status: str
    action: InstanceAction
    action_done: bool
    size: Resources
    def __init__(self, instance_id: _Optional[str] = ..., instance_name: _Optional[str] = ..., project_id: _Optional[str] = ..., host: _Optional[str] = ..., status: _Optional[str] = ..., action: _Optional[_Union[InstanceAction, str]] = ..., action_done: _Optional[bool] = ..., size: _Optional[_Union[Resources, _Mapping]] = ...) -> None: ...

class ProjectDetail(_message.Message):
    __slots__ = ("project_id", "listening", "notice", "answer", "defaulted", "reply_at")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    LISTENING_FIELD_NUMBER: _ClassVar[int]
    NOTICE_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    DEFAULTED_FIELD_NUMBER: _ClassVar[int]
    REPLY_AT_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    listening: bool
    notice: NoticeKind
    answer: Answer
    defaulted: str
    reply_at: _timestamp_pb2.Timestamp
    def __init__(self, project_id: _Optional[str] = ..., listening: _Optional[bool] = ..., notice: _Optional[_Union[NoticeKind, str]] = ..., answer: _Optional[_Union[Answer, str]] = ..., defaulted: _Optional[str] = ..., reply_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class StepDetail(_message.Message):
    __slots__ = ("step_id", "verb", "host", "instance_id", "target", "plugin", "action_type", "how", "outcome", "detail", "output", "started_at", "ended_at", "package")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    VERB_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    PLUGIN_FIELD_NUMBER: _ClassVar[int]
    ACTION_TYPE_FIELD_NUMBER: _ClassVar[int]
    HOW_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    verb: StepVerb
    host: str
    instance_id: str
    target: str
    plugin: str
    action_type: ActionType
    how: InstanceAction
    outcome: StepOutcome
    detail: str
    output: str
    started_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    package: str
    def __init__(self, step_id: _Optional[str] = ..., verb: _Optional[_Union[StepVerb, str]] = ..., host: _Optional[str] = ..., instance_id: _Optional[str] = ..., target: _Optional[str] = ..., plugin: _Optional[str] = ..., action_type: _Optional[_Union[ActionType, str]] = ..., how: _Optional[_Union[InstanceAction, str]] = ..., outcome: _Optional[_Union[StepOutcome, str]] = ..., detail: _Optional[str] = ..., output: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., package: _Optional[str] = ...) -> None: ...

class PackageDetail(_message.Message):
    __slots__ = ("url", "sha256", "name", "fetched")
    URL_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    FETCHED_FIELD_NUMBER: _ClassVar[int]
    url: str
    sha256: str
    name: str
    fetched: bool
    def __init__(self, url: _Optional[str] = ..., sha256: _Optional[str] = ..., name: _Optional[str] = ..., fetched: _Optional[bool] = ...) -> None: ...

class Waiting(_message.Message):
    __slots__ = ("subject", "reason", "since", "deadline", "then")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    THEN_FIELD_NUMBER: _ClassVar[int]
    subject: str
    reason: str
    since: _timestamp_pb2.Timestamp
    deadline: _timestamp_pb2.Timestamp
    then: str
    def __init__(self, subject: _Optional[str] = ..., reason: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., deadline: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., then: _Optional[str] = ...) -> None: ...

class RuleJudged(_message.Message):
    __slots__ = ("name", "verdict", "checked", "tightest", "tightest_seq", "violations")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    CHECKED_FIELD_NUMBER: _ClassVar[int]
    TIGHTEST_FIELD_NUMBER: _ClassVar[int]
    TIGHTEST_SEQ_FIELD_NUMBER: _ClassVar[int]
    VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    name: str
    verdict: str
    checked: int
    tightest: str
    tightest_seq: int
    violations: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., verdict: _Optional[str] = ..., checked: _Optional[int] = ..., tightest: _Optional[str] = ..., tightest_seq: _Optional[int] = ..., violations: _Optional[_Iterable[str]] = ...) -> None: ...

class SessionVerified(_message.Message):
    __slots__ = ("ok", "rules")
    OK_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    ok: bool
    rules: _containers.RepeatedCompositeFieldContainer[RuleJudged]
    def __init__(self, ok: _Optional[bool] = ..., rules: _Optional[_Iterable[_Union[RuleJudged, _Mapping]]] = ...) -> None: ...

class SessionDetail(_message.Message):
    __slots__ = ("session", "hosts", "projects", "instances", "actions", "steps", "waiting", "owed_hosts", "verified", "packages")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    HOSTS_FIELD_NUMBER: _ClassVar[int]
    PROJECTS_FIELD_NUMBER: _ClassVar[int]
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    OWED_HOSTS_FIELD_NUMBER: _ClassVar[int]
    VERIFIED_FIELD_NUMBER: _ClassVar[int]
    PACKAGES_FIELD_NUMBER: _ClassVar[int]
    session: Session
    hosts: _containers.RepeatedCompositeFieldContainer[HostDetail]
    projects: _containers.RepeatedCompositeFieldContainer[ProjectDetail]
    instances: _containers.RepeatedCompositeFieldContainer[InstanceDetail]
    actions: _containers.RepeatedCompositeFieldContainer[ActionSpec]
    steps: _containers.RepeatedCompositeFieldContainer[StepDetail]
    waiting: _containers.RepeatedCompositeFieldContainer[Waiting]
    owed_hosts: _containers.RepeatedScalarFieldContainer[str]
    verified: SessionVerified
    packages: _containers.RepeatedCompositeFieldContainer[PackageDetail]
    def __init__(self, session: _Optional[_Union[Session, _Mapping]] = ..., hosts: _Optional[_Iterable[_Union[HostDetail, _Mapping]]] = ..., projects: _Optional[_Iterable[_Union[ProjectDetail, _Mapping]]] = ..., instances: _Optional[_Iterable[_Union[InstanceDetail, _Mapping]]] = ..., actions: _Optional[_Iterable[_Union[ActionSpec, _Mapping]]] = ..., steps: _Optional[_Iterable[_Union[StepDetail, _Mapping]]] = ..., waiting: _Optional[_Iterable[_Union[Waiting, _Mapping]]] = ..., owed_hosts: _Optional[_Iterable[str]] = ..., verified: _Optional[_Union[SessionVerified, _Mapping]] = ..., packages: _Optional[_Iterable[_Union[PackageDetail, _Mapping]]] = ...) -> None: ...

class ProjectNotice(_message.Message):
    __slots__ = ("notice_id", "session_id", "project_id", "kind", "instances", "allowed_actions", "actions_at", "reply_at", "metadata", "needed", "reason", "suggested_instance_ids")
    NOTICE_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_ACTIONS_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_AT_FIELD_NUMBER: _ClassVar[int]
    REPLY_AT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    NEEDED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SUGGESTED_INSTANCE_IDS_FIELD_NUMBER: _ClassVar[int]
    notice_id: str
    session_id: str
    project_id: str
    kind: NoticeKind
    instances: _containers.RepeatedCompositeFieldContainer[NoticeInstance]
    allowed_actions: _containers.RepeatedScalarFieldContainer[InstanceAction]
    actions_at: _timestamp_pb2.Timestamp
    reply_at: _timestamp_pb2.Timestamp
    metadata: _struct_pb2.Struct
    needed: Resources
    reason: str
    suggested_instance_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, notice_id: _Optional[str] = ..., session_id: _Optional[str] = ..., project_id: _Optional[str] = ..., kind: _Optional[_Union[NoticeKind, str]] = ..., instances: _Optional[_Iterable[_Union[NoticeInstance, _Mapping]]] = ..., allowed_actions: _Optional[_Iterable[_Union[InstanceAction, str]]] = ..., actions_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reply_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., needed: _Optional[_Union[Resources, _Mapping]] = ..., reason: _Optional[str] = ..., suggested_instance_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class NoticeInstance(_message.Message):
    __slots__ = ("instance_id", "instance_name", "action")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_NAME_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    instance_name: str
    action: InstanceAction
    def __init__(self, instance_id: _Optional[str] = ..., instance_name: _Optional[str] = ..., action: _Optional[_Union[InstanceAction, str]] = ...) -> None: ...

class InstanceConstraint(_message.Message):
    __slots__ = ("instance_id", "project_id", "group_id", "instance_name", "max_interruption_time", "migration_types", "resource_mitigation", "lead_time")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_NAME_FIELD_NUMBER: _ClassVar[int]
    MAX_INTERRUPTION_TIME_FIELD_NUMBER: _ClassVar[int]
    MIGRATION_TYPES_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_MITIGATION_FIELD_NUMBER: _ClassVar[int]
    LEAD_TIME_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    project_id: str
    group_id: str
    instance_name: str
    max_interruption_time: int
    migration_types: _containers.RepeatedScalarFieldContainer[InstanceAction]
    resource_mitigation: bool
    lead_time: int
    def __init__(self, instance_id: _Optional[str] = ..., project_id: _Optional[str] = ..., group_id: _Optional[str] = ..., instance_name: _Optional[str] = ..., max_interruption_time: _Optional[int] = ..., migration_types: _Optional[_Iterable[_Union[InstanceAction, str]]] = ..., resource_mitigation: _Optional[bool] = ..., lead_time: _Optional[int] = ...) -> None: ...

class BySize(_message.Message):
    __slots__ = ("group_size", "number")
    GROUP_SIZE_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    group_size: int
    number: int
    def __init__(self, group_size: _Optional[int] = ..., number: _Optional[int] = ...) -> None: ...

class GroupConstraint(_message.Message):
    __slots__ = ("group_id", "project_id", "group_name", "anti_affinity_group", "max_instances_per_host", "max_impacted_members", "max_impacted_by_size", "min_preserved_by_size", "recovery_time", "resource_mitigation")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_NAME_FIELD_NUMBER: _ClassVar[int]
    ANTI_AFFINITY_GROUP_FIELD_NUMBER: _ClassVar[int]
    MAX_INSTANCES_PER_HOST_FIELD_NUMBER: _ClassVar[int]
    MAX_IMPACTED_MEMBERS_FIELD_NUMBER: _ClassVar[int]
    MAX_IMPACTED_BY_SIZE_FIELD_NUMBER: _ClassVar[int]
    MIN_PRESERVED_BY_SIZE_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_TIME_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_MITIGATION_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    project_id: str
    group_name: str
    anti_affinity_group: bool
    max_instances_per_host: int
    max_impacted_members: int
    max_impacted_by_size: _containers.RepeatedCompositeFieldContainer[BySize]
    min_preserved_by_size: _containers.RepeatedCompositeFieldContainer[BySize]
    recovery_time: int
    resource_mitigation: bool
    def __init__(self, group_id: _Optional[str] = ..., project_id: _Optional[str] = ..., group_name: _Optional[str] = ..., anti_affinity_group: _Optional[bool] = ..., max_instances_per_host: _Optional[int] = ..., max_impacted_members: _Optional[int] = ..., max_impacted_by_size: _Optional[_Iterable[_Union[BySize, _Mapping]]] = ..., min_preserved_by_size: _Optional[_Iterable[_Union[BySize, _Mapping]]] = ..., recovery_time: _Optional[int] = ..., resource_mitigation: _Optional[bool] = ...) -> None: ...
