"""Who may call what: every RPC as every kind of caller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.rpc import code_pb2

from fenix_grpc.api.chain import Chain
from fenix_grpc.api.methods import METHODS
from fenix_grpc.api.policy import POLICY, Who, check_covered
from fenix_grpc.api.status import RpcFailure
from fenix_grpc.ports import Caller
from tests.api.desk import ByName

#: What each kind of caller gets for an RPC, by who may call it.
EXPECTED = {
    Who.ADMIN: {
        "admin": "OK",
        "project:p1": "PERMISSION_DENIED",
        "somebody": "PERMISSION_DENIED",
        "": "UNAUTHENTICATED",
    },
    Who.PROJECT: {
        "admin": "OK",
        "project:p1": "OK",
        "project:p2": "PERMISSION_DENIED",
        "project:": "PERMISSION_DENIED",
        "somebody": "PERMISSION_DENIED",
        "": "UNAUTHENTICATED",
    },
    Who.OWNER: {
        "admin": "OK",
        "project:p1": "OK",
        "project:p2": "OK",
        "project:": "PERMISSION_DENIED",
        "somebody": "PERMISSION_DENIED",
        "": "UNAUTHENTICATED",
    },
}


class Recorder:
    """Handles everything by remembering who called."""

    def __init__(self) -> None:
        self.callers: list[str] = []

    def __getattr__(self, name: str) -> Any:
        method = next(m for m in METHODS.values() if m.handler == name)

        async def unary(request: Any, caller: Caller) -> Any:
            self.callers.append(caller.name)
            return method.response()

        async def stream(request: Any, caller: Caller) -> Any:
            self.callers.append(caller.name)
            yield method.response()

        return stream if method.streams else unary


async def outcome(chain: Chain, name: str, caller: str) -> str:
    method = METHODS[name]
    request: Any = method.request()
    for field in method.request.DESCRIPTOR.fields:
        if field.name in ("session_id", "project_id", "instance_id", "group_id"):
            setattr(request, field.name, "p1")
        elif field.name in ("kind", "answer"):
            setattr(request, field.name, 1)
        elif field.name == "maintenance_at":
            request.maintenance_at.GetCurrentTime()
    metadata = {"caller": caller} if caller else {}
    try:
        if method.streams:
            async for _ in chain.stream(name, request, metadata, "test"):
                pass
        else:
            await chain.unary(name, request, metadata, "test")
    except RpcFailure as failure:
        return code_pb2.Code.Name(failure.status.code)
    return "OK"


@pytest.mark.parametrize("name", METHODS)
async def test_only_those_named_in_the_table_get_through(name: str) -> None:
    recorder = Recorder()
    chain = Chain(ByName(), [recorder])
    expected = EXPECTED[POLICY[name]]
    assert {caller: await outcome(chain, name, caller) for caller in expected} == expected
    assert recorder.callers == [caller for caller, code in expected.items() if code == "OK"]


def test_a_method_without_a_line_in_the_table_stops_the_start() -> None:
    with pytest.raises(LookupError, match=r"who may call /fenix\.v1\.New/Method"):
        check_covered(["/fenix.v1.New/Method", *METHODS])


def test_the_table_has_no_line_that_nothing_needs() -> None:
    others = {"grpc.health.v1", "grpc.reflection.v1alpha"}
    own = {name for name in POLICY if name[1:].rpartition(".")[0] not in others}
    assert own == set(METHODS)


def test_a_method_without_a_handler_stops_the_start() -> None:
    with pytest.raises(LookupError, match="has no handler create_session"):
        Chain(ByName(), [object()])


@pytest.mark.parametrize("name", METHODS)
def test_the_comment_of_every_rpc_says_what_the_table_says(name: str) -> None:
    """The contract's comments are what people read."""
    folder = Path(__file__).parents[2] / "proto" / "fenix" / "v1"
    text = "".join(path.read_text() for path in folder.glob("*_service.proto"))
    before = text.partition(f"  rpc {METHODS[name].name}(")[0]
    callers = before.rpartition("\n\n")[2].partition("Callers: ")[2].partition(". ")[0]
    assert callers == ("ADMIN" if POLICY[name] is Who.ADMIN else "PROJECT (own), ADMIN")
