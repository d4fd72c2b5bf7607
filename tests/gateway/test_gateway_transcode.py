"""The standard mapping: requests to messages and messages to JSON, as grpc-gateway does by default."""

from __future__ import annotations

import contextlib
from typing import Any

import httpx
import pytest
from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    descriptor_pool,
    json_format,
    message_factory,
    struct_pb2,
    type_pb2,
    wrappers_pb2,
)
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from fenix_grpc.v1 import events_pb2, types_pb2
from fenix_grpc.v1 import project_service_pb2 as project_pb
from fenix_grpc.v1 import session_service_pb2 as session_pb
from gateway import rules, transcode
from gateway.backend import RpcError
from gateway.proto_json import to_json
from tests.gateway.memory import INSTANCES, PROJECT, MemoryBackend, Recorder

AT = "2018-02-28T06:06:03Z"


async def test_create_takes_the_proto_form_in_either_case(
    standard: httpx.AsyncClient, recorder: Recorder
) -> None:
    for body in (
        {"hosts": ["a"], "maintenanceAt": AT, "state": "SESSION_STATE_MAINTENANCE"},
        {"hosts": ["a"], "maintenance_at": AT, "state": 1},
    ):
        response = await standard.post("/v1/maintenance", json=body)
        assert response.status_code == 200
        message = recorder.calls[-1][1]
        assert message.maintenance_at.ToJsonString() == AT  # type: ignore[attr-defined]
        assert message.state == 1  # type: ignore[attr-defined]


async def test_response_has_camel_case_full_enum_names_and_unpopulated_fields(
    standard: httpx.AsyncClient, memory: MemoryBackend
) -> None:
    session_id = memory.add(state=types_pb2.SESSION_STATE_SCALE_IN, seq=7)
    response = await standard.get(f"/v1/maintenance/{session_id}")
    assert response.json() == {
        "session": {
            "sessionId": session_id,
            "state": "SESSION_STATE_SCALE_IN",
            "prevState": "SESSION_STATE_UNSPECIFIED",
            "reason": "",
            "workflow": "",
            "maintenanceAt": None,
            "metadata": None,
            "percentDone": 0,
            "createdAt": None,
            "updatedAt": None,
            "seq": "7",
        }
    }


async def test_path_wins_over_the_body(
    standard: httpx.AsyncClient, recorder: Recorder, memory: MemoryBackend
) -> None:
    session_id = memory.add()
    body = {
        "session_id": "other",
        "projectId": "other",
        "kind": "NOTICE_KIND_SCALE_IN",
        "answer": "ANSWER_ACK",
        "instanceActions": {INSTANCES[0]: "INSTANCE_ACTION_MIGRATE"},
    }
    path = f"/v1/maintenance/{session_id}/{PROJECT}/{INSTANCES[0]}"
    response = await standard.put(path, json=body)
    assert response.json() == {"counted": True, "detail": "thank you"}
    assert recorder.calls[-1][1] == project_pb.ReplyProjectSessionRequest(
        session_id=session_id,
        project_id=PROJECT,
        instance_id=INSTANCES[0],
        kind=types_pb2.NOTICE_KIND_SCALE_IN,
        answer=types_pb2.ANSWER_ACK,
        instance_actions={INSTANCES[0]: types_pb2.INSTANCE_ACTION_MIGRATE},
    )


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ("", {}),
        ("page_size=5", {"page_size": 5}),
        ("pageSize=5&pageToken=a%26b", {"page_size": 5, "page_token": "a&b"}),
        ("page_token=", {}),
        ("colour=red&page_size.x=1", {}),
    ],
)
async def test_query_fills_fields(
    standard: httpx.AsyncClient, recorder: Recorder, query: str, sent: dict[str, Any]
) -> None:
    assert (await standard.get(f"/v1/maintenance?{query}")).status_code == 200
    assert recorder.calls[-1][1] == session_pb.ListSessionsRequest(**sent)


@pytest.mark.parametrize(
    "query", ["page_size=many", "page_size=99999999999", "page_size=1&page_size=2", "page_size=%ff"]
)
async def test_query_that_is_wrong_is_400(standard: httpx.AsyncClient, query: str) -> None:
    response = await standard.get(f"/v1/maintenance?{query}")
    assert response.status_code == 400
    assert response.json()["code"] == 3


def _from_query(request: type[Message], query: str) -> Message:
    """Any message type, as the request of a GET."""
    method = rules.Method(name="/x/Y", request=request, response=request, streaming=False)
    binding = rules.Binding(method=method, verb="GET", template="/x", variables=(), body="")
    fields = transcode.merge(binding, (), query.encode(), {})
    return transcode.to_message(method, fields)


def test_query_reaches_nested_and_repeated_fields_of_every_kind() -> None:
    created = _from_query(
        session_pb.CreateSessionRequest, f"hosts=a&hosts=b&maintenanceAt={AT}&state=1"
    )
    assert created == session_pb.CreateSessionRequest(
        hosts=["a", "b"], maintenance_at={"seconds": 1519797963}, state="SESSION_STATE_MAINTENANCE"
    )
    nested = _from_query(
        session_pb.GetSessionResponse, "session.sessionId=s&session.percent_done=4&session.seq=9"
    )
    assert nested == session_pb.GetSessionResponse(
        session={"session_id": "s", "percent_done": 4, "seq": 9}
    )
    for text, value in (("true", True), ("T", True), ("1", True), ("False", False), ("0", False)):
        watched = _from_query(session_pb.WatchSessionRequest, f"follow={text}")
        assert watched == session_pb.WatchSessionRequest(follow=value)


@pytest.mark.parametrize("query", ["follow=yes", "follow=", "follow=true&follow=true"])
def test_query_with_a_wrong_bool_is_refused(query: str) -> None:
    with pytest.raises(RpcError, match="follow"):
        _from_query(session_pb.WatchSessionRequest, query)


@pytest.mark.parametrize(
    "query", ["session=x", "session=x&session.seq=1", "session.seq=1&session=x"]
)
def test_query_with_text_for_a_message_is_refused(query: str) -> None:
    with pytest.raises(RpcError):
        _from_query(session_pb.GetSessionResponse, query)


async def test_unknown_key_of_a_body_is_refused(standard: httpx.AsyncClient) -> None:
    response = await standard.post("/v1/maintenance", json={"maintenanceAt": AT, "host": ["a"]})
    assert response.status_code == 400
    assert '"host"' in response.json()["message"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
_KEYS = sorted(
    {
        name
        for method in rules.methods().values()
        for field in method.request.DESCRIPTOR.fields
        for name in (field.name, field.json_name)
    }
)


@settings(max_examples=100, deadline=None)
@given(said=_JSON | st.dictionaries(st.sampled_from(_KEYS) | st.text(), _JSON, max_size=6))
def test_no_json_can_break_the_parser(said: Any) -> None:
    for method in rules.methods().values():
        binding = rules.Binding(method=method, verb="PUT", template="/x", variables=(), body="*")
        with contextlib.suppress(RpcError):
            transcode.to_message(method, transcode.merge(binding, (), b"", said))


def _values(field: Any, depth: int) -> st.SearchStrategy[Any]:
    kinds = {
        field.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
        field.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
        field.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
        field.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
        field.CPPTYPE_BOOL: st.booleans(),
        field.CPPTYPE_DOUBLE: st.floats(),
        field.CPPTYPE_FLOAT: st.sampled_from([0.0, 0.5, float("inf")]),
        field.CPPTYPE_STRING: st.text(max_size=4),
    }
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values])
    if field.type == field.TYPE_BYTES:
        return st.binary(max_size=4)
    if field.message_type is not None:
        return _messages(field.message_type, depth - 1)
    return kinds[field.cpp_type]


@st.composite
def _messages(draw: st.DrawFn, descriptor: Any, depth: int = 4) -> Message:
    """Any message of a type."""
    message: Message = descriptor._concrete_class()
    if descriptor.full_name == "google.protobuf.Timestamp":
        message.FromSeconds(draw(st.integers(0, 2**33)))  # type: ignore[attr-defined]
        return message
    if descriptor.full_name == "google.protobuf.Struct":
        message.update(draw(st.dictionaries(st.text(), st.booleans())))  # type: ignore[attr-defined]
        return message
    for field in descriptor.fields:
        if not draw(st.booleans()) or (depth == 0 and field.message_type is not None):
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            key, value = field.message_type.fields
            if value.message_type is None:
                drawn = st.dictionaries(_values(key, 0), _values(value, 0), max_size=3)
                getattr(message, field.name).update(draw(drawn))
        elif field.is_repeated:
            getattr(message, field.name).extend(draw(st.lists(_values(field, depth), max_size=2)))
        elif field.message_type is not None:
            getattr(message, field.name).CopyFrom(draw(_values(field, depth)))
        else:
            setattr(message, field.name, draw(_values(field, depth)))
    return message


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(v) for key, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value


def _everything() -> type[Message]:
    """A message type with the kinds of fields that fenix does not use."""
    file = descriptor_pb2.FileDescriptorProto(name="all.proto", package="all", syntax="proto3")
    message = file.message_type.add(name="All")
    kinds = ("float", "double", "bytes", "uint32", "uint64", "sint64", "fixed32", "bool", "string")
    one: dict[str, Any] = {"label": "LABEL_OPTIONAL"}
    for number, kind in enumerate(kinds, 1):
        of = {"type": f"TYPE_{kind.upper()}"}
        message.field.add(name=f"a_{kind}", number=number, **one, **of)
        message.field.add(name=f"many_{kind}", number=20 + number, label="LABEL_REPEATED", **of)
        maybe: dict[str, Any] = {"proto3_optional": True, "oneof_index": number - 1}
        message.field.add(name=f"maybe_{kind}", number=40 + number, **one, **of, **maybe)
        message.oneof_decl.add(name=f"_maybe_{kind}")
    for number, kind in enumerate(("bool", "int64", "string"), 61):
        entry = message.nested_type.add(name=f"By{kind.title()}Entry", options={"map_entry": True})
        entry.field.add(name="key", number=1, type=f"TYPE_{kind.upper()}", **one)
        entry.field.add(name="value", number=2, type="TYPE_INT64", **one)
        message.field.add(
            name=f"by_{kind}",
            number=number,
            type="TYPE_MESSAGE",
            type_name=f".all.All.{entry.name}",
            label="LABEL_REPEATED",
        )
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("all.All"))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize(
    "kind",
    [
        session_pb.GetSessionDetailResponse,
        session_pb.WatchSessionResponse,
        project_pb.GetProjectSessionResponse,
        project_pb.ReplyProjectSessionRequest,
        events_pb2.SessionEvent,
        _everything(),
    ],
)
def test_json_is_what_the_protobuf_library_writes_and_null_for_unset_messages(
    kind: Any, data: st.DataObject
) -> None:
    message = data.draw(_messages(kind.DESCRIPTOR))
    library = json_format.MessageToDict(message, always_print_fields_with_no_presence=True)
    assert _without_nulls(to_json(message)) == library
    assert to_json(json_format.ParseDict(to_json(message), kind())) == to_json(message)


def test_json_of_well_known_types() -> None:
    struct = struct_pb2.Struct()
    struct.update({"a": [1, None, {"b": "c"}]})
    assert to_json(struct) == {"a": [1, None, {"b": "c"}]}
    assert to_json(wrappers_pb2.StringValue(value="x")) == "x"
    packed = any_pb2.Any()
    packed.Pack(type_pb2.EnumValue(name="N"))
    assert to_json(packed)["name"] == "N"


@pytest.mark.parametrize(
    "query", ["page_size=1&page_size=2", "page_size=1&pageSize=2", "pageSize=1&page_size=1"]
)
async def test_a_field_is_named_once_in_a_query_by_whichever_name(
    standard: httpx.AsyncClient, query: str
) -> None:
    response = await standard.get(f"/v1/maintenance?{query}")
    assert response.status_code == 400
    assert response.json()["message"].endswith("is given more than once")
