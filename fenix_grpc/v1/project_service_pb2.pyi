import datetime

from fenix_grpc.v1 import types_pb2 as _types_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Webhook(_message.Message):
    __slots__ = ("webhook_id", "project_id", "url", "signed", "created_at")
    WEBHOOK_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    SIGNED_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    webhook_id: str
    project_id: str
    url: str
    signed: bool
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, webhook_id: _Optional[str] = ..., project_id: _Optional[str] = ..., url: _Optional[str] = ..., signed: _Optional[bool] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreateWebhookRequest(_message.Message):
    __slots__ = ("project_id", "url", "secret", "request_id")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    url: str
    secret: str
    request_id: str
    def __init__(self, project_id: _Optional[str] = ..., url: _Optional[str] = ..., secret: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateWebhookResponse(_message.Message):
    __slots__ = ("webhook",)
    WEBHOOK_FIELD_NUMBER: _ClassVar[int]
    webhook: Webhook
    def __init__(self, webhook: _Optional[_Union[Webhook, _Mapping]] = ...) -> None: ...

class ListWebhooksRequest(_message.Message):
    __slots__ = ("project_id",)
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    def __init__(self, project_id: _Optional[str] = ...) -> None: ...

class ListWebhooksResponse(_message.Message):
    __slots__ = ("webhooks",)
    WEBHOOKS_FIELD_NUMBER: _ClassVar[int]
    webhooks: _containers.RepeatedCompositeFieldContainer[Webhook]
    def __init__(self, webhooks: _Optional[_Iterable[_Union[Webhook, _Mapping]]] = ...) -> None: ...

class DeleteWebhookRequest(_message.Message):
    __slots__ = ("project_id", "webhook_id", "request_id")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    WEBHOOK_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    webhook_id: str
    request_id: str
    def __init__(self, project_id: _Optional[str] = ..., webhook_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteWebhookResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetProjectSessionRequest(_message.Message):
    __slots__ = ("session_id", "project_id")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    project_id: str
    def __init__(self, session_id: _Optional[str] = ..., project_id: _Optional[str] = ...) -> None: ...

class GetProjectSessionResponse(_message.Message):
    __slots__ = ("instance_ids", "notice", "answer", "state")
    INSTANCE_IDS_FIELD_NUMBER: _ClassVar[int]
    NOTICE_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    instance_ids: _containers.RepeatedScalarFieldContainer[str]
    notice: _types_pb2.ProjectNotice
    answer: _types_pb2.Answer
    state: _types_pb2.SessionState
    def __init__(self, instance_ids: _Optional[_Iterable[str]] = ..., notice: _Optional[_Union[_types_pb2.ProjectNotice, _Mapping]] = ..., answer: _Optional[_Union[_types_pb2.Answer, str]] = ..., state: _Optional[_Union[_types_pb2.SessionState, str]] = ...) -> None: ...

class ReplyProjectSessionRequest(_message.Message):
    __slots__ = ("session_id", "project_id", "kind", "answer", "action", "instance_actions", "instance_id", "reason", "notice_id", "request_id")
    class InstanceActionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _types_pb2.InstanceAction
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_types_pb2.InstanceAction, str]] = ...) -> None: ...
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ACTIONS_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    NOTICE_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    project_id: str
    kind: _types_pb2.NoticeKind
    answer: _types_pb2.Answer
    action: _types_pb2.InstanceAction
    instance_actions: _containers.ScalarMap[str, _types_pb2.InstanceAction]
    instance_id: str
    reason: str
    notice_id: str
    request_id: str
    def __init__(self, session_id: _Optional[str] = ..., project_id: _Optional[str] = ..., kind: _Optional[_Union[_types_pb2.NoticeKind, str]] = ..., answer: _Optional[_Union[_types_pb2.Answer, str]] = ..., action: _Optional[_Union[_types_pb2.InstanceAction, str]] = ..., instance_actions: _Optional[_Mapping[str, _types_pb2.InstanceAction]] = ..., instance_id: _Optional[str] = ..., reason: _Optional[str] = ..., notice_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ReplyProjectSessionResponse(_message.Message):
    __slots__ = ("counted", "detail")
    COUNTED_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    counted: bool
    detail: str
    def __init__(self, counted: _Optional[bool] = ..., detail: _Optional[str] = ...) -> None: ...

class WatchProjectRequest(_message.Message):
    __slots__ = ("project_id", "after")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    after: str
    def __init__(self, project_id: _Optional[str] = ..., after: _Optional[str] = ...) -> None: ...

class WatchProjectResponse(_message.Message):
    __slots__ = ("notices", "token")
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    notices: _containers.RepeatedCompositeFieldContainer[_types_pb2.ProjectNotice]
    token: str
    def __init__(self, notices: _Optional[_Iterable[_Union[_types_pb2.ProjectNotice, _Mapping]]] = ..., token: _Optional[str] = ...) -> None: ...
