"""Who may call what: every RPC as every kind of caller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.rpc import code_pb2

from fenix_grpc.api.chain import Chain
from fenix_grpc.api.methods import METHODS
from fenix_grpc.api.policy import OPEN, TABLE, check_covered, read_access
from fenix_grpc.api.status import RpcFailure
from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.ports import Caller, Role
from tests.api.desk import PEER, ByName

#: What each kind of caller gets for an RPC, by who may call it.
REFUSED = {"project:": "PERMISSION_DENIED", "somebody": "PERMISSION_DENIED", "": "UNAUTHENTICATED"}
ADMINS = {
    "admin": "OK",
    "reader": "PERMISSION_DENIED",
    "project:p1": "PERMISSION_DENIED",
    **REFUSED,
}
LOOKERS = {**ADMINS, "reader": "OK"}
OWN = {
    "admin": "OK",
    "reader": "PERMISSION_DENIED",
    "project:p1": "OK",
    "project:p2": "PERMISSION_DENIED",
    **REFUSED,
}
OWN_LOOK = {**OWN, "reader": "OK"}
#: Whose it is, only the handler knows.
OWNER = {**OWN, "project:p2": "OK"}
OWNER_LOOK = {**OWNER, "reader": "OK"}
EXPECTED = {
    "CreateSession": ADMINS,
    "ListSessions": LOOKERS,
    "GetSession": LOOKERS,
    "GetSessionDetail": LOOKERS,
    "UpdateSession": ADMINS,
    "DeleteSession": ADMINS,
    "PlanSession": LOOKERS,
    "WatchSession": LOOKERS,
    "GetProjectSession": OWN_LOOK,
    "ReplyProjectSession": OWN,
    "WatchProject": OWN,
    "CreateWebhook": OWN,
    "ListWebhooks": OWN_LOOK,
    "DeleteWebhook": OWN,
    "GetInstanceConstraint": OWNER_LOOK,
    "ListInstanceConstraints": OWNER_LOOK,
    "SetInstanceConstraint": OWNER,
    "DeleteInstanceConstraint": OWNER,
    "GetGroupConstraint": OWNER_LOOK,
    "ListGroupConstraints": OWNER_LOOK,
    "SetGroupConstraint": OWNER,
    "DeleteGroupConstraint": OWNER,
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
        elif field.name in ("url", "webhook_id"):
            setattr(request, field.name, "x")
        elif field.name in ("kind", "answer"):
            setattr(request, field.name, 1)
        elif field.name == "maintenance_at":
            request.maintenance_at.GetCurrentTime()
    metadata = {"caller": caller} if caller else {}
    try:
        if method.streams:
            async for _ in chain.stream(name, request, metadata, PEER):
                pass
        else:
            await chain.unary(name, request, metadata, PEER)
    except RpcFailure as failure:
        return code_pb2.Code.Name(failure.status.code)
    return "OK"


@pytest.mark.parametrize("name", METHODS)
async def test_only_those_named_in_the_table_get_through(name: str) -> None:
    recorder = Recorder()
    chain = Chain(ByName(), [recorder])
    expected = EXPECTED[METHODS[name].name]
    assert {caller: await outcome(chain, name, caller) for caller in expected} == expected
    assert recorder.callers == [caller for caller, code in expected.items() if code == "OK"]


def test_a_method_without_a_line_in_the_table_stops_the_start() -> None:
    with pytest.raises(LookupError, match=r"who may call /fenix\.v1\.New/Method"):
        check_covered(["/fenix.v1.New/Method", *METHODS])


def test_the_table_has_no_line_that_nothing_needs() -> None:
    assert set(TABLE) == set(METHODS)
    assert {METHODS[name].name for name in TABLE} == set(EXPECTED)


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
    words = {Role.PROJECT: "PROJECT (own)", Role.READER: "READER", Role.ADMIN: "ADMIN"}
    assert callers == ", ".join(word for role, word in words.items() if role in TABLE[name])


WIDER = """
"/fenix.v1.SessionService/CreateSession" = ["admin", "reader"]
"/fenix.v1.ProjectService/WatchProject" = "project"
"""


async def test_a_file_replaces_lines_of_the_table(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(WIDER)
    chain = Chain(ByName(), [Recorder()], access=read_access(file))
    for caller, method, expected in (
        ("reader", "SessionService/CreateSession", "OK"),
        ("project:p1", "SessionService/CreateSession", "PERMISSION_DENIED"),
        ("admin", "ProjectService/WatchProject", "PERMISSION_DENIED"),
        ("project:p1", "ProjectService/WatchProject", "OK"),
        ("reader", "SessionService/GetSession", "OK"),
    ):
        assert await outcome(chain, f"/fenix.v1.{method}", caller) == expected, (caller, method)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('"/fenix.v1.SessionService/NoSuch" = ["admin"]', "NoSuch: is not a method"),
        ('"/fenix.v1.SessionService/GetSession" = ["root"]', "not 'root'"),
        ('"/fenix.v1.SessionService/GetSession" = []', "not nobody"),
        ('"/fenix.v1.SessionService/ListSessions" = ["project"]', "belongs to no one project"),
        ('"/fenix.v1.SessionService/WatchSession" = ["project"]', "belongs to no one project"),
        (f'"{min(OPEN)}" = ["admin"]', "open to everybody"),
        ("a = b", "Invalid value"),
    ],
)
def test_a_file_that_is_wrong_stops_the_start(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(text)
    with pytest.raises(InvalidRequest, match=told):
        read_access(file)
    with pytest.raises(InvalidRequest, match=r"auth\.policy_file: .*missing"):
        read_access(tmp_path / "missing.toml")
