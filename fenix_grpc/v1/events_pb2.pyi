import datetime

from fenix_grpc.v1 import types_pb2 as _types_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SessionEvent(_message.Message):
    __slots__ = ("session_id", "seq", "at", "session_created", "world_observed", "hosts_selected", "state_entered", "project_asked", "project_replied", "project_defaulted", "instance_action_done", "host_changed", "step_started", "step_ended", "session_continued", "session_deleted", "session_closed", "plan_made", "session_verified", "others_observed", "host_set_aside", "action_replaced")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    SESSION_CREATED_FIELD_NUMBER: _ClassVar[int]
    WORLD_OBSERVED_FIELD_NUMBER: _ClassVar[int]
    HOSTS_SELECTED_FIELD_NUMBER: _ClassVar[int]
    STATE_ENTERED_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ASKED_FIELD_NUMBER: _ClassVar[int]
    PROJECT_REPLIED_FIELD_NUMBER: _ClassVar[int]
    PROJECT_DEFAULTED_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ACTION_DONE_FIELD_NUMBER: _ClassVar[int]
    HOST_CHANGED_FIELD_NUMBER: _ClassVar[int]
    STEP_STARTED_FIELD_NUMBER: _ClassVar[int]
    STEP_ENDED_FIELD_NUMBER: _ClassVar[int]
    SESSION_CONTINUED_FIELD_NUMBER: _ClassVar[int]
    SESSION_DELETED_FIELD_NUMBER: _ClassVar[int]
    SESSION_CLOSED_FIELD_NUMBER: _ClassVar[int]
    PLAN_MADE_FIELD_NUMBER: _ClassVar[int]
    SESSION_VERIFIED_FIELD_NUMBER: _ClassVar[int]
    OTHERS_OBSERVED_FIELD_NUMBER: _ClassVar[int]
    HOST_SET_ASIDE_FIELD_NUMBER: _ClassVar[int]
    ACTION_REPLACED_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    seq: int
    at: _timestamp_pb2.Timestamp
    session_created: SessionCreated
    world_observed: WorldObserved
    hosts_selected: HostsSelected
    state_entered: StateEntered
    project_asked: ProjectAsked
    project_replied: ProjectReplied
    project_defaulted: ProjectDefaulted
    instance_action_done: InstanceActionDone
    host_changed: HostChanged
    step_started: StepStarted
    step_ended: StepEnded
    session_continued: SessionContinued
    session_deleted: SessionDeleted
    session_closed: SessionClosed
    plan_made: PlanMade
    session_verified: _types_pb2.SessionVerified
    others_observed: OthersObserved
    host_set_aside: HostSetAside
    action_replaced: ActionReplaced
    def __init__(self, session_id: _Optional[str] = ..., seq: _Optional[int] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., session_created: _Optional[_Union[SessionCreated, _Mapping]] = ..., world_observed: _Optional[_Union[WorldObserved, _Mapping]] = ..., hosts_selected: _Optional[_Union[HostsSelected, _Mapping]] = ..., state_entered: _Optional[_Union[StateEntered, _Mapping]] = ..., project_asked: _Optional[_Union[ProjectAsked, _Mapping]] = ..., project_replied: _Optional[_Union[ProjectReplied, _Mapping]] = ..., project_defaulted: _Optional[_Union[ProjectDefaulted, _Mapping]] = ..., instance_action_done: _Optional[_Union[InstanceActionDone, _Mapping]] = ..., host_changed: _Optional[_Union[HostChanged, _Mapping]] = ..., step_started: _Optional[_Union[StepStarted, _Mapping]] = ..., step_ended: _Optional[_Union[StepEnded, _Mapping]] = ..., session_continued: _Optional[_Union[SessionContinued, _Mapping]] = ..., session_deleted: _Optional[_Union[SessionDeleted, _Mapping]] = ..., session_closed: _Optional[_Union[SessionClosed, _Mapping]] = ..., plan_made: _Optional[_Union[PlanMade, _Mapping]] = ..., session_verified: _Optional[_Union[_types_pb2.SessionVerified, _Mapping]] = ..., others_observed: _Optional[_Union[OthersObserved, _Mapping]] = ..., host_set_aside: _Optional[_Union[HostSetAside, _Mapping]] = ..., action_replaced: _Optional[_Union[ActionReplaced, _Mapping]] = ...) -> None: ...

class SessionCreated(_message.Message):
    __slots__ = ("hosts", "workflow", "maintenance_at", "metadata", "actions", "created_by", "policy", "window_end", "packages", "retire")
    HOSTS_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    MAINTENANCE_AT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    WINDOW_END_FIELD_NUMBER: _ClassVar[int]
    PACKAGES_FIELD_NUMBER: _ClassVar[int]
    RETIRE_FIELD_NUMBER: _ClassVar[int]
    hosts: _containers.RepeatedScalarFieldContainer[str]
    workflow: str
    maintenance_at: _timestamp_pb2.Timestamp
    metadata: _struct_pb2.Struct
    actions: _containers.RepeatedCompositeFieldContainer[_types_pb2.ActionSpec]
    created_by: str
    policy: _types_pb2.Policy
    window_end: _timestamp_pb2.Timestamp
    packages: _containers.RepeatedCompositeFieldContainer[_types_pb2.Package]
    retire: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, hosts: _Optional[_Iterable[str]] = ..., workflow: _Optional[str] = ..., maintenance_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., actions: _Optional[_Iterable[_Union[_types_pb2.ActionSpec, _Mapping]]] = ..., created_by: _Optional[str] = ..., policy: _Optional[_Union[_types_pb2.Policy, _Mapping]] = ..., window_end: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., packages: _Optional[_Iterable[_Union[_types_pb2.Package, _Mapping]]] = ..., retire: _Optional[_Iterable[str]] = ...) -> None: ...

class HostView(_message.Message):
    __slots__ = ("host", "kind", "capacity", "used", "enabled", "disabled_reason", "up", "zone", "aggregates", "trouble")
    HOST_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    DISABLED_REASON_FIELD_NUMBER: _ClassVar[int]
    UP_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    AGGREGATES_FIELD_NUMBER: _ClassVar[int]
    TROUBLE_FIELD_NUMBER: _ClassVar[int]
    host: str
    kind: _types_pb2.HostKind
    capacity: _types_pb2.Resources
    used: _types_pb2.Resources
    enabled: bool
    disabled_reason: str
    up: bool
    zone: str
    aggregates: _containers.RepeatedScalarFieldContainer[str]
    trouble: str
    def __init__(self, host: _Optional[str] = ..., kind: _Optional[_Union[_types_pb2.HostKind, str]] = ..., capacity: _Optional[_Union[_types_pb2.Resources, _Mapping]] = ..., used: _Optional[_Union[_types_pb2.Resources, _Mapping]] = ..., enabled: _Optional[bool] = ..., disabled_reason: _Optional[str] = ..., up: _Optional[bool] = ..., zone: _Optional[str] = ..., aggregates: _Optional[_Iterable[str]] = ..., trouble: _Optional[str] = ...) -> None: ...

class InstanceView(_message.Message):
    __slots__ = ("instance_id", "instance_name", "project_id", "host", "size", "status", "groups")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_NAME_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    instance_name: str
    project_id: str
    host: str
    size: _types_pb2.Resources
    status: str
    groups: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, instance_id: _Optional[str] = ..., instance_name: _Optional[str] = ..., project_id: _Optional[str] = ..., host: _Optional[str] = ..., size: _Optional[_Union[_types_pb2.Resources, _Mapping]] = ..., status: _Optional[str] = ..., groups: _Optional[_Iterable[str]] = ...) -> None: ...

class GroupView(_message.Message):
    __slots__ = ("group_id", "group_name", "max_per_host")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_NAME_FIELD_NUMBER: _ClassVar[int]
    MAX_PER_HOST_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    group_name: str
    max_per_host: int
    def __init__(self, group_id: _Optional[str] = ..., group_name: _Optional[str] = ..., max_per_host: _Optional[int] = ...) -> None: ...

class WorldObserved(_message.Message):
    __slots__ = ("hosts", "gone_hosts", "instances", "gone_instances", "groups", "listening", "not_listening", "looked_after_seq", "problem", "instance_constraints", "group_constraints", "gone_instance_constraints", "gone_group_constraints")
    HOSTS_FIELD_NUMBER: _ClassVar[int]
    GONE_HOSTS_FIELD_NUMBER: _ClassVar[int]
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    GONE_INSTANCES_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    LISTENING_FIELD_NUMBER: _ClassVar[int]
    NOT_LISTENING_FIELD_NUMBER: _ClassVar[int]
    LOOKED_AFTER_SEQ_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_CONSTRAINTS_FIELD_NUMBER: _ClassVar[int]
    GROUP_CONSTRAINTS_FIELD_NUMBER: _ClassVar[int]
    GONE_INSTANCE_CONSTRAINTS_FIELD_NUMBER: _ClassVar[int]
    GONE_GROUP_CONSTRAINTS_FIELD_NUMBER: _ClassVar[int]
    hosts: _containers.RepeatedCompositeFieldContainer[HostView]
    gone_hosts: _containers.RepeatedScalarFieldContainer[str]
    instances: _containers.RepeatedCompositeFieldContainer[InstanceView]
    gone_instances: _containers.RepeatedScalarFieldContainer[str]
    groups: _containers.RepeatedCompositeFieldContainer[GroupView]
    listening: _containers.RepeatedScalarFieldContainer[str]
    not_listening: _containers.RepeatedScalarFieldContainer[str]
    looked_after_seq: int
    problem: str
    instance_constraints: _containers.RepeatedCompositeFieldContainer[_types_pb2.InstanceConstraint]
    group_constraints: _containers.RepeatedCompositeFieldContainer[_types_pb2.GroupConstraint]
    gone_instance_constraints: _containers.RepeatedScalarFieldContainer[str]
    gone_group_constraints: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, hosts: _Optional[_Iterable[_Union[HostView, _Mapping]]] = ..., gone_hosts: _Optional[_Iterable[str]] = ..., instances: _Optional[_Iterable[_Union[InstanceView, _Mapping]]] = ..., gone_instances: _Optional[_Iterable[str]] = ..., groups: _Optional[_Iterable[_Union[GroupView, _Mapping]]] = ..., listening: _Optional[_Iterable[str]] = ..., not_listening: _Optional[_Iterable[str]] = ..., looked_after_seq: _Optional[int] = ..., problem: _Optional[str] = ..., instance_constraints: _Optional[_Iterable[_Union[_types_pb2.InstanceConstraint, _Mapping]]] = ..., group_constraints: _Optional[_Iterable[_Union[_types_pb2.GroupConstraint, _Mapping]]] = ..., gone_instance_constraints: _Optional[_Iterable[str]] = ..., gone_group_constraints: _Optional[_Iterable[str]] = ...) -> None: ...

class OthersObserved(_message.Message):
    __slots__ = ("held_hosts", "impacts", "gone_impacts")
    HELD_HOSTS_FIELD_NUMBER: _ClassVar[int]
    IMPACTS_FIELD_NUMBER: _ClassVar[int]
    GONE_IMPACTS_FIELD_NUMBER: _ClassVar[int]
    held_hosts: _containers.RepeatedCompositeFieldContainer[HeldHost]
    impacts: _containers.RepeatedCompositeFieldContainer[Impact]
    gone_impacts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, held_hosts: _Optional[_Iterable[_Union[HeldHost, _Mapping]]] = ..., impacts: _Optional[_Iterable[_Union[Impact, _Mapping]]] = ..., gone_impacts: _Optional[_Iterable[str]] = ...) -> None: ...

class HeldHost(_message.Message):
    __slots__ = ("host", "session_id", "in_work")
    HOST_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    IN_WORK_FIELD_NUMBER: _ClassVar[int]
    host: str
    session_id: str
    in_work: bool
    def __init__(self, host: _Optional[str] = ..., session_id: _Optional[str] = ..., in_work: _Optional[bool] = ...) -> None: ...

class Impact(_message.Message):
    __slots__ = ("instance_id", "session_id", "groups", "ended_at")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    session_id: str
    groups: _containers.RepeatedScalarFieldContainer[str]
    ended_at: _timestamp_pb2.Timestamp
    def __init__(self, instance_id: _Optional[str] = ..., session_id: _Optional[str] = ..., groups: _Optional[_Iterable[str]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class HostsSelected(_message.Message):
    __slots__ = ("hosts", "excluded")
    class ExcludedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    HOSTS_FIELD_NUMBER: _ClassVar[int]
    EXCLUDED_FIELD_NUMBER: _ClassVar[int]
    hosts: _containers.RepeatedScalarFieldContainer[str]
    excluded: _containers.ScalarMap[str, str]
    def __init__(self, hosts: _Optional[_Iterable[str]] = ..., excluded: _Optional[_Mapping[str, str]] = ...) -> None: ...

class StateEntered(_message.Message):
    __slots__ = ("state", "reason", "host", "keeps_asks")
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    KEEPS_ASKS_FIELD_NUMBER: _ClassVar[int]
    state: _types_pb2.SessionState
    reason: str
    host: str
    keeps_asks: bool
    def __init__(self, state: _Optional[_Union[_types_pb2.SessionState, str]] = ..., reason: _Optional[str] = ..., host: _Optional[str] = ..., keeps_asks: _Optional[bool] = ...) -> None: ...

class PlanWave(_message.Message):
    __slots__ = ("hosts",)
    HOSTS_FIELD_NUMBER: _ClassVar[int]
    hosts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, hosts: _Optional[_Iterable[str]] = ...) -> None: ...

class PlanMove(_message.Message):
    __slots__ = ("instance_id", "source", "target")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    source: str
    target: str
    def __init__(self, instance_id: _Optional[str] = ..., source: _Optional[str] = ..., target: _Optional[str] = ...) -> None: ...

class PlanMade(_message.Message):
    __slots__ = ("waves", "moves", "reason")
    WAVES_FIELD_NUMBER: _ClassVar[int]
    MOVES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    waves: _containers.RepeatedCompositeFieldContainer[PlanWave]
    moves: _containers.RepeatedCompositeFieldContainer[PlanMove]
    reason: str
    def __init__(self, waves: _Optional[_Iterable[_Union[PlanWave, _Mapping]]] = ..., moves: _Optional[_Iterable[_Union[PlanMove, _Mapping]]] = ..., reason: _Optional[str] = ...) -> None: ...

class ProjectAsked(_message.Message):
    __slots__ = ("notice_id", "project_id", "kind", "instance_ids", "allowed_actions", "actions_at", "reply_at", "needed", "reason", "suggested_instance_ids")
    NOTICE_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_IDS_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_ACTIONS_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_AT_FIELD_NUMBER: _ClassVar[int]
    REPLY_AT_FIELD_NUMBER: _ClassVar[int]
    NEEDED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SUGGESTED_INSTANCE_IDS_FIELD_NUMBER: _ClassVar[int]
    notice_id: str
    project_id: str
    kind: _types_pb2.NoticeKind
    instance_ids: _containers.RepeatedScalarFieldContainer[str]
    allowed_actions: _containers.RepeatedScalarFieldContainer[_types_pb2.InstanceAction]
    actions_at: _timestamp_pb2.Timestamp
    reply_at: _timestamp_pb2.Timestamp
    needed: _types_pb2.Resources
    reason: str
    suggested_instance_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, notice_id: _Optional[str] = ..., project_id: _Optional[str] = ..., kind: _Optional[_Union[_types_pb2.NoticeKind, str]] = ..., instance_ids: _Optional[_Iterable[str]] = ..., allowed_actions: _Optional[_Iterable[_Union[_types_pb2.InstanceAction, str]]] = ..., actions_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reply_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., needed: _Optional[_Union[_types_pb2.Resources, _Mapping]] = ..., reason: _Optional[str] = ..., suggested_instance_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class ProjectReplied(_message.Message):
    __slots__ = ("notice_id", "project_id", "kind", "answer", "action", "instance_actions", "reason", "replied_by")
    class InstanceActionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _types_pb2.InstanceAction
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_types_pb2.InstanceAction, str]] = ...) -> None: ...
    NOTICE_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ACTIONS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REPLIED_BY_FIELD_NUMBER: _ClassVar[int]
    notice_id: str
    project_id: str
    kind: _types_pb2.NoticeKind
    answer: _types_pb2.Answer
    action: _types_pb2.InstanceAction
    instance_actions: _containers.ScalarMap[str, _types_pb2.InstanceAction]
    reason: str
    replied_by: str
    def __init__(self, notice_id: _Optional[str] = ..., project_id: _Optional[str] = ..., kind: _Optional[_Union[_types_pb2.NoticeKind, str]] = ..., answer: _Optional[_Union[_types_pb2.Answer, str]] = ..., action: _Optional[_Union[_types_pb2.InstanceAction, str]] = ..., instance_actions: _Optional[_Mapping[str, _types_pb2.InstanceAction]] = ..., reason: _Optional[str] = ..., replied_by: _Optional[str] = ...) -> None: ...

class ProjectDefaulted(_message.Message):
    __slots__ = ("notice_id", "project_id", "kind", "action", "reason")
    NOTICE_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    notice_id: str
    project_id: str
    kind: _types_pb2.NoticeKind
    action: _types_pb2.InstanceAction
    reason: str
    def __init__(self, notice_id: _Optional[str] = ..., project_id: _Optional[str] = ..., kind: _Optional[_Union[_types_pb2.NoticeKind, str]] = ..., action: _Optional[_Union[_types_pb2.InstanceAction, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class InstanceActionDone(_message.Message):
    __slots__ = ("instance_id", "project_id", "action", "from_host", "to_host")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    FROM_HOST_FIELD_NUMBER: _ClassVar[int]
    TO_HOST_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    project_id: str
    action: _types_pb2.InstanceAction
    from_host: str
    to_host: str
    def __init__(self, instance_id: _Optional[str] = ..., project_id: _Optional[str] = ..., action: _Optional[_Union[_types_pb2.InstanceAction, str]] = ..., from_host: _Optional[str] = ..., to_host: _Optional[str] = ...) -> None: ...

class ActionReplaced(_message.Message):
    __slots__ = ("instance_id", "project_id", "action", "reason")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    project_id: str
    action: _types_pb2.InstanceAction
    reason: str
    def __init__(self, instance_id: _Optional[str] = ..., project_id: _Optional[str] = ..., action: _Optional[_Union[_types_pb2.InstanceAction, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class HostChanged(_message.Message):
    __slots__ = ("host", "progress")
    HOST_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    host: str
    progress: _types_pb2.HostProgress
    def __init__(self, host: _Optional[str] = ..., progress: _Optional[_Union[_types_pb2.HostProgress, str]] = ...) -> None: ...

class HostSetAside(_message.Message):
    __slots__ = ("host", "reason", "given_back")
    HOST_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    GIVEN_BACK_FIELD_NUMBER: _ClassVar[int]
    host: str
    reason: str
    given_back: bool
    def __init__(self, host: _Optional[str] = ..., reason: _Optional[str] = ..., given_back: _Optional[bool] = ...) -> None: ...

class StepStarted(_message.Message):
    __slots__ = ("step_id", "verb", "host", "instance_id", "target", "how", "action_index", "package_index")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    VERB_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    HOW_FIELD_NUMBER: _ClassVar[int]
    ACTION_INDEX_FIELD_NUMBER: _ClassVar[int]
    PACKAGE_INDEX_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    verb: _types_pb2.StepVerb
    host: str
    instance_id: str
    target: str
    how: _types_pb2.InstanceAction
    action_index: int
    package_index: int
    def __init__(self, step_id: _Optional[str] = ..., verb: _Optional[_Union[_types_pb2.StepVerb, str]] = ..., host: _Optional[str] = ..., instance_id: _Optional[str] = ..., target: _Optional[str] = ..., how: _Optional[_Union[_types_pb2.InstanceAction, str]] = ..., action_index: _Optional[int] = ..., package_index: _Optional[int] = ...) -> None: ...

class StepEnded(_message.Message):
    __slots__ = ("step_id", "outcome", "detail", "output", "host", "sha256")
    STEP_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    step_id: str
    outcome: _types_pb2.StepOutcome
    detail: str
    output: str
    host: str
    sha256: str
    def __init__(self, step_id: _Optional[str] = ..., outcome: _Optional[_Union[_types_pb2.StepOutcome, str]] = ..., detail: _Optional[str] = ..., output: _Optional[str] = ..., host: _Optional[str] = ..., sha256: _Optional[str] = ...) -> None: ...

class SessionContinued(_message.Message):
    __slots__ = ("state", "continued_by", "window_end")
    STATE_FIELD_NUMBER: _ClassVar[int]
    CONTINUED_BY_FIELD_NUMBER: _ClassVar[int]
    WINDOW_END_FIELD_NUMBER: _ClassVar[int]
    state: _types_pb2.SessionState
    continued_by: str
    window_end: _timestamp_pb2.Timestamp
    def __init__(self, state: _Optional[_Union[_types_pb2.SessionState, str]] = ..., continued_by: _Optional[str] = ..., window_end: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SessionDeleted(_message.Message):
    __slots__ = ("deleted_by",)
    DELETED_BY_FIELD_NUMBER: _ClassVar[int]
    deleted_by: str
    def __init__(self, deleted_by: _Optional[str] = ...) -> None: ...

class SessionClosed(_message.Message):
    __slots__ = ("left_disabled",)
    LEFT_DISABLED_FIELD_NUMBER: _ClassVar[int]
    left_disabled: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, left_disabled: _Optional[_Iterable[str]] = ...) -> None: ...
