"""What a caller learns from a failed call."""

from __future__ import annotations

import grpc
import pytest
from fenix_client import CallFailed, connect
from fenix_client.testing import Failure, ScriptedFenix

from fenix_grpc.v1.session_service_pb2 import GetSessionRequest, GetSessionResponse
from fenix_grpc.v1.types_pb2 import Session


async def test_a_call_returns_the_response_and_tells_who_is_calling() -> None:
    async with ScriptedFenix() as fenix, connect(fenix.target, "secret") as client:
        fenix.reply("GetSession", GetSessionResponse(session=Session(session_id="a")))
        response = await client.call(client.sessions.GetSession, GetSessionRequest(session_id="a"))
    assert response.session.session_id == "a"
    assert fenix.metadata["x-auth-token"] == "secret"


async def test_an_error_carries_reason_and_fields() -> None:
    failure = Failure(
        code=grpc.StatusCode.INVALID_ARGUMENT,
        message="hosts: too many",
        reason="INVALID_REQUEST",
        fields={"hosts": "too many"},
    )
    async with ScriptedFenix() as fenix, connect(fenix.target) as client:
        fenix.reply("GetSession", failure)
        with pytest.raises(CallFailed, match="hosts: too many") as caught:
            await client.call(client.sessions.GetSession, GetSessionRequest())
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.reason == "INVALID_REQUEST"
    assert caught.value.fields == {"hosts": "too many"}
    assert caught.value.answered


async def test_no_server_is_unavailable_and_not_an_answer() -> None:
    async with connect("127.0.0.1:1") as client:
        with pytest.raises(CallFailed) as caught:
            await client.call(client.sessions.GetSession, GetSessionRequest())
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    assert not caught.value.answered
