"""A project sees nothing of another one: in answers, streams, errors, and in what is said of failures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from google.rpc import code_pb2

from fenix_grpc.api.chain import Chain
from fenix_grpc.api.methods import METHODS
from fenix_grpc.api.status import RpcFailure
from fenix_grpc.core.errors import IdentityUnavailable, NotAuthenticated
from fenix_grpc.core.notices import NOT_YOURS
from fenix_grpc.ports import Caller, Peer, Role
from fenix_grpc.v1 import constraint_service_pb2 as constraint_pb
from fenix_grpc.v1 import project_service_pb2 as project_pb
from fenix_grpc.v1 import session_service_pb2 as session_pb
from fenix_grpc.v1 import types_pb2 as pb
from tests.api.desk import PEER, Desk, a_desk, refused

ONE, OTHER = "project:p1", "project:p2"


async def error(desk: Desk, request: Any, caller: str) -> tuple[str, str]:
    """The code and everything else that is said of a refused call."""
    with pytest.raises(RpcFailure) as failure:
        await desk.call(request, caller)
    status = failure.value.status
    return code_pb2.Code.Name(status.code), str(status)


@pytest.mark.parametrize("reply", [True, False])
async def test_a_session_of_others_looks_like_none(reply: bool) -> None:
    async with a_desk() as desk:
        known, none = await desk.create(), str(uuid4())
        await desk.begin(known)
        said: dict[str, Any] = {"project_id": "p9"}
        make: Any = project_pb.GetProjectSessionRequest
        if reply:
            make = project_pb.ReplyProjectSessionRequest
            said |= {"kind": pb.NOTICE_KIND_MAINTENANCE, "answer": pb.ANSWER_ACK}
        here = await error(desk, make(session_id=known, **said), "project:p9")
        nowhere = await error(desk, make(session_id=none, **said), "project:p9")
        assert here[0] == "NOT_FOUND"
        assert here[1].replace(known, none) == nowhere[1]


async def test_instances_of_others_look_like_none() -> None:
    async with a_desk() as desk:
        session_id = await desk.create()
        await desk.begin(session_id)
        await desk.ask(session_id)

        def reply(instance_id: str) -> Any:
            return project_pb.ReplyProjectSessionRequest(
                session_id=session_id,
                project_id="p1",
                kind=pb.NOTICE_KIND_MAINTENANCE,
                answer=pb.ANSWER_ACK,
                instance_id=instance_id,
            )

        theirs = await error(desk, reply("i3"), ONE)
        none = await error(desk, reply("i9"), ONE)
        assert theirs[1].replace("i3", "i9") == none[1]
        assert "p2" not in theirs[1]


async def test_what_is_asked_of_a_project_names_its_own_instances_only() -> None:
    async with a_desk() as desk:
        session_id = await desk.create()
        await desk.begin(session_id)
        request = project_pb.GetProjectSessionRequest(session_id=session_id, project_id="p2")
        before = await desk.call(request, OTHER)
        assert list(before.instance_ids) == ["i3"]
        await desk.ask(session_id, project_id="p1")
        await desk.ask(session_id, project_id="p2")
        found = await desk.call(request, OTHER)
        assert list(found.instance_ids) == ["i3"]
        assert [i.instance_id for i in found.notice.instances] == ["i3"]


@pytest.mark.parametrize(
    "reason",
    [
        "project p2 refused MAINTENANCE: our secret launch",
        "instance i3 on h2: no destination is planned for it",
        "group g2 allows 0 out of service (p2)",
    ],
)
async def test_the_reason_of_a_failure_is_told_to_those_whom_it_concerns(reason: str) -> None:
    async with a_desk() as desk:
        session_id = await desk.create()
        await desk.begin(session_id)
        await desk.ask(session_id, project_id="p1")
        await desk.ask(session_id, project_id="p2")
        told = {}
        for project_id in ("p1", "p2"):
            watch = desk.watch(
                project_pb.WatchProjectRequest(project_id=project_id), f"project:{project_id}"
            )
            async with aclosing(watch):
                await anext(watch)
                if project_id == "p1":
                    await desk.fail(session_id, reason)
                    told["p1"] = await failure_in(watch)
        after = desk.watch(project_pb.WatchProjectRequest(project_id="p2", after="1"), OTHER)
        async with aclosing(after):
            told["p2"] = await failure_in(after)
        assert told == {"p1": NOT_YOURS, "p2": reason}


async def failure_in(watch: AsyncIterator[Any]) -> str:
    async for response in watch:
        for notice in response.notices:
            if notice.kind == pb.NOTICE_KIND_MAINTENANCE_FAILED:
                return str(notice.reason)
    raise AssertionError("no failure was told")


async def test_a_reason_that_concerns_nobody_else_is_told() -> None:
    async with a_desk() as desk:
        session_id = await desk.create()
        await desk.begin(session_id)
        await desk.ask(session_id, project_id="p1")
        watch = desk.watch(project_pb.WatchProjectRequest(project_id="p1"), ONE)
        async with aclosing(watch):
            await anext(watch)
            await desk.fail(session_id, "project p1 refused MAINTENANCE: instance i1 is busy")
            assert "i1 is busy" in await failure_in(watch)


async def test_who_may_not_listen_does_not_count_as_listening() -> None:
    async with a_desk() as desk:
        for caller in (ONE, "reader", "somebody"):
            watch = desk.watch(project_pb.WatchProjectRequest(project_id="p2"), caller)
            async with refused("PERMISSION_DENIED"):
                await anext(watch)
        heard = await desk.journal.listeners(desk.clock.now() - timedelta(days=1))
        assert not heard


async def test_constraints_of_others_look_like_none_and_are_not_listed() -> None:
    async with a_desk() as desk:
        for project_id, caller in (("p1", ONE), ("p2", OTHER)):
            await desk.call(
                constraint_pb.SetInstanceConstraintRequest(
                    instance_id=f"of-{project_id}", constraint={"group_id": f"g-{project_id}"}
                ),
                caller,
            )
        get = constraint_pb.GetInstanceConstraintRequest
        theirs = await error(desk, get(instance_id="of-p2"), ONE)
        none = await error(desk, get(instance_id="of-p9"), ONE)
        assert theirs[1].replace("of-p2", "of-p9") == none[1]
        listed = await desk.call(constraint_pb.ListInstanceConstraintsRequest(), ONE)
        assert [r.constraint.instance_id for r in listed.records] == ["of-p1"]
        all_of_them = await desk.call(constraint_pb.ListInstanceConstraintsRequest(), "reader")
        assert len(all_of_them.records) == 2
        put = constraint_pb.SetInstanceConstraintRequest(
            instance_id="of-p2", constraint={"group_id": "mine"}
        )
        code, text = await error(desk, put, ONE)
        assert code == "PERMISSION_DENIED"
        assert "g-p2" not in text


async def test_a_repeated_request_of_a_namesake_is_another_request() -> None:
    """One person may speak for several projects, by the same name."""

    class Alice:
        async def identify(self, metadata: Mapping[str, str], peer: Peer) -> Caller:
            roles = frozenset({Role.PROJECT})
            return Caller(name="alice", roles=roles, project_id=metadata["caller"])

    async with a_desk(identity=Alice()) as desk:

        def put(group_id: str) -> Any:
            constraint = {"group_id": group_id}
            return constraint_pb.SetInstanceConstraintRequest(
                instance_id="i", constraint=constraint, request_id="once"
            )

        await desk.call(put("g1"), "p1")
        assert (await desk.call(put("g1"), "p1")).record.constraint.project_id == "p1"
        assert (await error(desk, put("g2"), "p2"))[0] == "PERMISSION_DENIED"


class Until:
    """Knows everybody until told otherwise."""

    def __init__(self) -> None:
        self.problem: Exception | None = None

    async def identify(self, metadata: Mapping[str, str], peer: Peer) -> Caller:
        if self.problem is not None:
            raise self.problem
        return Caller(name="ops", roles=frozenset({Role.ADMIN}))


class Endless:
    """Streams without an end."""

    def __getattr__(self, name: str) -> Any:
        method = next(m for m in METHODS.values() if m.handler == name)

        async def stream(request: Any, caller: Caller) -> Any:
            while True:
                yield method.response()

        return stream


async def test_a_stream_ends_when_its_callers_token_does() -> None:
    identity = Until()
    chain = Chain(identity, [Endless()], recheck_s=0)
    request = session_pb.WatchSessionRequest()
    stream = chain.stream("/fenix.v1.SessionService/WatchSession", request, {}, PEER)
    async with aclosing(stream):
        await anext(stream)
        await anext(stream)
        identity.problem = IdentityUnavailable("away")
        await anext(stream)
        identity.problem = NotAuthenticated("the token has expired")
        async with refused("UNAUTHENTICATED", "has expired"):
            await anext(stream)
