import datetime

from fenix_grpc.v1 import types_pb2 as _types_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NfviMigrationType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NFVI_MIGRATION_TYPE_UNSPECIFIED: _ClassVar[NfviMigrationType]
    NFVI_MIGRATION_TYPE_NO_MIGRATION: _ClassVar[NfviMigrationType]
    NFVI_MIGRATION_TYPE_OFFLINE_MIGRATION: _ClassVar[NfviMigrationType]
    NFVI_MIGRATION_TYPE_LIVE_MIGRATION: _ClassVar[NfviMigrationType]
NFVI_MIGRATION_TYPE_UNSPECIFIED: NfviMigrationType
NFVI_MIGRATION_TYPE_NO_MIGRATION: NfviMigrationType
NFVI_MIGRATION_TYPE_OFFLINE_MIGRATION: NfviMigrationType
NFVI_MIGRATION_TYPE_LIVE_MIGRATION: NfviMigrationType

class InstanceConstraintRecord(_message.Message):
    __slots__ = ("constraint", "warnings", "created_at", "updated_at")
    CONSTRAINT_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    constraint: _types_pb2.InstanceConstraint
    warnings: _containers.RepeatedScalarFieldContainer[str]
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    def __init__(self, constraint: _Optional[_Union[_types_pb2.InstanceConstraint, _Mapping]] = ..., warnings: _Optional[_Iterable[str]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GroupConstraintRecord(_message.Message):
    __slots__ = ("constraint", "warnings", "created_at", "updated_at")
    CONSTRAINT_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    constraint: _types_pb2.GroupConstraint
    warnings: _containers.RepeatedScalarFieldContainer[str]
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    def __init__(self, constraint: _Optional[_Union[_types_pb2.GroupConstraint, _Mapping]] = ..., warnings: _Optional[_Iterable[str]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class NfviMaintenanceInfo(_message.Message):
    __slots__ = ("impact_notification_lead_time", "is_impact_mitigation_requested", "supported_migration_type", "max_undetectable_interruption_time", "min_recovery_time_between_impacts", "max_number_of_impacted_instances", "min_number_of_preserved_instances")
    IMPACT_NOTIFICATION_LEAD_TIME_FIELD_NUMBER: _ClassVar[int]
    IS_IMPACT_MITIGATION_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    SUPPORTED_MIGRATION_TYPE_FIELD_NUMBER: _ClassVar[int]
    MAX_UNDETECTABLE_INTERRUPTION_TIME_FIELD_NUMBER: _ClassVar[int]
    MIN_RECOVERY_TIME_BETWEEN_IMPACTS_FIELD_NUMBER: _ClassVar[int]
    MAX_NUMBER_OF_IMPACTED_INSTANCES_FIELD_NUMBER: _ClassVar[int]
    MIN_NUMBER_OF_PRESERVED_INSTANCES_FIELD_NUMBER: _ClassVar[int]
    impact_notification_lead_time: _duration_pb2.Duration
    is_impact_mitigation_requested: bool
    supported_migration_type: _containers.RepeatedScalarFieldContainer[NfviMigrationType]
    max_undetectable_interruption_time: _duration_pb2.Duration
    min_recovery_time_between_impacts: _duration_pb2.Duration
    max_number_of_impacted_instances: _containers.RepeatedCompositeFieldContainer[MaxNumberOfImpactedInstances]
    min_number_of_preserved_instances: _containers.RepeatedCompositeFieldContainer[MinNumberOfPreservedInstances]
    def __init__(self, impact_notification_lead_time: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., is_impact_mitigation_requested: _Optional[bool] = ..., supported_migration_type: _Optional[_Iterable[_Union[NfviMigrationType, str]]] = ..., max_undetectable_interruption_time: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., min_recovery_time_between_impacts: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_number_of_impacted_instances: _Optional[_Iterable[_Union[MaxNumberOfImpactedInstances, _Mapping]]] = ..., min_number_of_preserved_instances: _Optional[_Iterable[_Union[MinNumberOfPreservedInstances, _Mapping]]] = ...) -> None: ...

class MaxNumberOfImpactedInstances(_message.Message):
    __slots__ = ("group_size", "max_number_of_impacted_instances")
    GROUP_SIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_NUMBER_OF_IMPACTED_INSTANCES_FIELD_NUMBER: _ClassVar[int]
    group_size: int
    max_number_of_impacted_instances: int
    def __init__(self, group_size: _Optional[int] = ..., max_number_of_impacted_instances: _Optional[int] = ...) -> None: ...

class MinNumberOfPreservedInstances(_message.Message):
    __slots__ = ("group_size", "min_number_of_preserved_instances")
    GROUP_SIZE_FIELD_NUMBER: _ClassVar[int]
    MIN_NUMBER_OF_PRESERVED_INSTANCES_FIELD_NUMBER: _ClassVar[int]
    group_size: int
    min_number_of_preserved_instances: int
    def __init__(self, group_size: _Optional[int] = ..., min_number_of_preserved_instances: _Optional[int] = ...) -> None: ...

class GetInstanceConstraintRequest(_message.Message):
    __slots__ = ("instance_id",)
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    def __init__(self, instance_id: _Optional[str] = ...) -> None: ...

class GetInstanceConstraintResponse(_message.Message):
    __slots__ = ("record",)
    RECORD_FIELD_NUMBER: _ClassVar[int]
    record: InstanceConstraintRecord
    def __init__(self, record: _Optional[_Union[InstanceConstraintRecord, _Mapping]] = ...) -> None: ...

class ListInstanceConstraintsRequest(_message.Message):
    __slots__ = ("project_id", "page_size", "page_token")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    page_size: int
    page_token: str
    def __init__(self, project_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListInstanceConstraintsResponse(_message.Message):
    __slots__ = ("records", "next_page_token")
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedCompositeFieldContainer[InstanceConstraintRecord]
    next_page_token: str
    def __init__(self, records: _Optional[_Iterable[_Union[InstanceConstraintRecord, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SetInstanceConstraintRequest(_message.Message):
    __slots__ = ("instance_id", "constraint", "nfvi_maintenance_info", "project_id", "group_id", "instance_name", "warnings", "request_id")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    CONSTRAINT_FIELD_NUMBER: _ClassVar[int]
    NFVI_MAINTENANCE_INFO_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_NAME_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    constraint: _types_pb2.InstanceConstraint
    nfvi_maintenance_info: NfviMaintenanceInfo
    project_id: str
    group_id: str
    instance_name: str
    warnings: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    def __init__(self, instance_id: _Optional[str] = ..., constraint: _Optional[_Union[_types_pb2.InstanceConstraint, _Mapping]] = ..., nfvi_maintenance_info: _Optional[_Union[NfviMaintenanceInfo, _Mapping]] = ..., project_id: _Optional[str] = ..., group_id: _Optional[str] = ..., instance_name: _Optional[str] = ..., warnings: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class SetInstanceConstraintResponse(_message.Message):
    __slots__ = ("record",)
    RECORD_FIELD_NUMBER: _ClassVar[int]
    record: InstanceConstraintRecord
    def __init__(self, record: _Optional[_Union[InstanceConstraintRecord, _Mapping]] = ...) -> None: ...

class DeleteInstanceConstraintRequest(_message.Message):
    __slots__ = ("instance_id", "request_id")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    request_id: str
    def __init__(self, instance_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteInstanceConstraintResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetGroupConstraintRequest(_message.Message):
    __slots__ = ("group_id",)
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    def __init__(self, group_id: _Optional[str] = ...) -> None: ...

class GetGroupConstraintResponse(_message.Message):
    __slots__ = ("record",)
    RECORD_FIELD_NUMBER: _ClassVar[int]
    record: GroupConstraintRecord
    def __init__(self, record: _Optional[_Union[GroupConstraintRecord, _Mapping]] = ...) -> None: ...

class ListGroupConstraintsRequest(_message.Message):
    __slots__ = ("project_id", "page_size", "page_token")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    page_size: int
    page_token: str
    def __init__(self, project_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListGroupConstraintsResponse(_message.Message):
    __slots__ = ("records", "next_page_token")
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedCompositeFieldContainer[GroupConstraintRecord]
    next_page_token: str
    def __init__(self, records: _Optional[_Iterable[_Union[GroupConstraintRecord, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SetGroupConstraintRequest(_message.Message):
    __slots__ = ("group_id", "constraint", "nfvi_maintenance_info", "project_id", "group_name", "anti_affinity_group", "max_instances_per_host", "warnings", "request_id")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    CONSTRAINT_FIELD_NUMBER: _ClassVar[int]
    NFVI_MAINTENANCE_INFO_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_NAME_FIELD_NUMBER: _ClassVar[int]
    ANTI_AFFINITY_GROUP_FIELD_NUMBER: _ClassVar[int]
    MAX_INSTANCES_PER_HOST_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    constraint: _types_pb2.GroupConstraint
    nfvi_maintenance_info: NfviMaintenanceInfo
    project_id: str
    group_name: str
    anti_affinity_group: bool
    max_instances_per_host: int
    warnings: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    def __init__(self, group_id: _Optional[str] = ..., constraint: _Optional[_Union[_types_pb2.GroupConstraint, _Mapping]] = ..., nfvi_maintenance_info: _Optional[_Union[NfviMaintenanceInfo, _Mapping]] = ..., project_id: _Optional[str] = ..., group_name: _Optional[str] = ..., anti_affinity_group: _Optional[bool] = ..., max_instances_per_host: _Optional[int] = ..., warnings: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class SetGroupConstraintResponse(_message.Message):
    __slots__ = ("record",)
    RECORD_FIELD_NUMBER: _ClassVar[int]
    record: GroupConstraintRecord
    def __init__(self, record: _Optional[_Union[GroupConstraintRecord, _Mapping]] = ...) -> None: ...

class DeleteGroupConstraintRequest(_message.Message):
    __slots__ = ("group_id", "request_id")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    request_id: str
    def __init__(self, group_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteGroupConstraintResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
