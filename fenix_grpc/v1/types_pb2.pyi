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

class ActionType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACTION_TYPE_UNSPECIFIED: _ClassVar[ActionType]
    ACTION_TYPE_PRE: _ClassVar[ActionType]
    ACTION_TYPE_HOST: _ClassVar[ActionType]
    ACTION_TYPE_COMPUTE: _ClassVar[ActionType]
    ACTION_TYPE_CONTROLLER: _ClassVar[ActionType]
    ACTION_TYPE_POST: _ClassVar[ActionType]

class StepVerb(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STEP_VERB_UNSPECIFIED: _ClassVar[StepVerb]
    STEP_VERB_DISABLE_HOST: _ClassVar[StepVerb]
    STEP_VERB_ENABLE_HOST: _ClassVar[StepVerb]
    STEP_VERB_MOVE_INSTANCE: _ClassVar[StepVerb]
    STEP_VERB_RUN_ACTION: _ClassVar[StepVerb]

class StepOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STEP_OUTCOME_UNSPECIFIED: _ClassVar[StepOutcome]
    STEP_OUTCOME_DONE: _ClassVar[StepOutcome]
    STEP_OUTCOME_FAILED: _ClassVar[StepOutcome]
    STEP_OUTCOME_LOST: _ClassVar[StepOutcome]
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
ACTION_TYPE_UNSPECIFIED: ActionType
ACTION_TYPE_PRE: ActionType
ACTION_TYPE_HOST: ActionType
ACTION_TYPE_COMPUTE: ActionType
ACTION_TYPE_CONTROLLER: ActionType
ACTION_TYPE_POST: ActionType
STEP_VERB_UNSPECIFIED: StepVerb
STEP_VERB_DISABLE_HOST: StepVerb
STEP_VERB_ENABLE_HOST: StepVerb
STEP_VERB_MOVE_INSTANCE: StepVerb
STEP_VERB_RUN_ACTION: StepVerb
STEP_OUTCOME_UNSPECIFIED: StepOutcome
STEP_OUTCOME_DONE: StepOutcome
STEP_OUTCOME_FAILED: StepOutcome
STEP_OUTCOME_LOST: StepOutcome

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
    __slots__ = ("host", "kind", "maintained", "disabled", "excluded", "progress", "capacity", "used", "instances")
    HOST_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MAINTAINED_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    EXCLUDED_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    host: str
    kind: HostKind
    maintained: bool
    disabled: bool
    excluded: str
    progress: HostProgress
    capacity: Resources
    used: Resources
    instances: int
    def __init__(self, host: _Optional[str] = ..., kind: _Optional[_Union[HostKind, str]] = ..., maintained: _Optional[bool] = ..., disabled: _Optional[bool] = ..., excluded: _Optional[str] = ..., progress: _Optional[_Union[HostProgress, str]] = ..., capacity: _Optional[_Union[Resources, _Mapping]] = ..., used: _Optional[_Union[Resources, _Mapping]] = ..., instances: _Optional[int] = ...) -> None: ...

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
    __slots__ = ("step_id", "verb", "host", "instance_id", "target", "plugin", "action_type", "how", "outcome", "detail", "output", "started_at", "ended_at")
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
    def __init__(self, step_id: _Optional[str] = ..., verb: _Optional[_Union[StepVerb, str]] = ..., host: _Optional[str] = ..., instance_id: _Optional[str] = ..., target: _Optional[str] = ..., plugin: _Optional[str] = ..., action_type: _Optional[_Union[ActionType, str]] = ..., how: _Optional[_Union[InstanceAction, str]] = ..., outcome: _Optional[_Union[StepOutcome, str]] = ..., detail: _Optional[str] = ..., output: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

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

class SessionDetail(_message.Message):
    __slots__ = ("session", "hosts", "projects", "instances", "actions", "steps", "waiting", "owed_hosts")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    HOSTS_FIELD_NUMBER: _ClassVar[int]
    PROJECTS_FIELD_NUMBER: _ClassVar[int]
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    OWED_HOSTS_FIELD_NUMBER: _ClassVar[int]
    session: Session
    hosts: _containers.RepeatedCompositeFieldContainer[HostDetail]
    projects: _containers.RepeatedCompositeFieldContainer[ProjectDetail]
    instances: _containers.RepeatedCompositeFieldContainer[InstanceDetail]
    actions: _containers.RepeatedCompositeFieldContainer[ActionSpec]
    steps: _containers.RepeatedCompositeFieldContainer[StepDetail]
    waiting: _containers.RepeatedCompositeFieldContainer[Waiting]
    owed_hosts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, session: _Optional[_Union[Session, _Mapping]] = ..., hosts: _Optional[_Iterable[_Union[HostDetail, _Mapping]]] = ..., projects: _Optional[_Iterable[_Union[ProjectDetail, _Mapping]]] = ..., instances: _Optional[_Iterable[_Union[InstanceDetail, _Mapping]]] = ..., actions: _Optional[_Iterable[_Union[ActionSpec, _Mapping]]] = ..., steps: _Optional[_Iterable[_Union[StepDetail, _Mapping]]] = ..., waiting: _Optional[_Iterable[_Union[Waiting, _Mapping]]] = ..., owed_hosts: _Optional[_Iterable[str]] = ...) -> None: ...

class ProjectNotice(_message.Message):
    __slots__ = ("notice_id", "session_id", "project_id", "kind", "instances", "allowed_actions", "actions_at", "reply_at", "metadata", "needed", "reason")
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
    def __init__(self, notice_id: _Optional[str] = ..., session_id: _Optional[str] = ..., project_id: _Optional[str] = ..., kind: _Optional[_Union[NoticeKind, str]] = ..., instances: _Optional[_Iterable[_Union[NoticeInstance, _Mapping]]] = ..., allowed_actions: _Optional[_Iterable[_Union[InstanceAction, str]]] = ..., actions_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reply_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., needed: _Optional[_Union[Resources, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

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
