"""The sample VNFM: what it does and answers, notice by notice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import grpc
import pytest
from fenix_client import CallFailed, Client, Memory, connect
from fenix_client.testing import STAY, Failure, ScriptedFenix
from fenix_client.vnfm import CannotComply, Vnfm

from fenix_grpc.v1.project_service_pb2 import (
    ReplyProjectSessionRequest,
    ReplyProjectSessionResponse,
    WatchProjectResponse,
)
from fenix_grpc.v1.types_pb2 import (
    Answer,
    InstanceAction,
    NoticeInstance,
    NoticeKind,
    ProjectNotice,
    Resources,
)

MIGRATE = InstanceAction.INSTANCE_ACTION_MIGRATE
LIVE_MIGRATE = InstanceAction.INSTANCE_ACTION_LIVE_MIGRATE
OWN_ACTION = InstanceAction.INSTANCE_ACTION_OWN_ACTION
#: A notice that wants no reply; the VNFM is stopped when it says it.
END = NoticeKind.NOTICE_KIND_SESSION_DELETED


class Machines:
    """An application of instances with 2 vCPU each; at least one stays."""

    def __init__(self, *names: str) -> None:
        self.running = {f"id-{name}": name for name in names}
        self.size = len(names)
        self.log: list[str] = []
        #: How often there is no room for another instance.
        self.full = 0
        self.settled = asyncio.Event()
        self.settled.set()

    async def instances(self) -> Mapping[str, str]:
        return dict(self.running)

    async def scale_in(self, amount: Resources, suggested: Sequence[str] = ()) -> Sequence[str]:
        if len(self.running) * 2 - amount.vcpus < 2:
            raise CannotComply("nothing can be spared")
        gone = sorted(self.running)[: -(-amount.vcpus // 2)]
        for instance_id in gone:
            del self.running[instance_id]
        return gone

    async def scale_out(self) -> Sequence[str]:
        new = [f"new-{n}" for n in range(self.size - len(self.running))]
        self.running.update((instance_id, instance_id) for instance_id in new)
        return new

    async def replace(self, instance_id: str) -> str:
        if self.full:
            self.full -= 1
            raise CannotComply("no room")
        self.running[f"{instance_id}-2"] = self.running.pop(instance_id)
        self.log.append(f"replaced {instance_id}")
        self.settled.set()
        return f"{instance_id}-2"


def notice(kind: str, *names: str, number: int = 1, vcpus: int = 0) -> ProjectNotice:
    asks_action = kind in ("PREPARE_MAINTENANCE", "PLANNED_MAINTENANCE")
    return ProjectNotice(
        notice_id=f"n{number}",
        session_id="session-1",
        project_id="p",
        kind=NoticeKind.Value(f"NOTICE_KIND_{kind}"),
        instances=[NoticeInstance(instance_id=f"id-{name}", instance_name=name) for name in names],
        allowed_actions=[MIGRATE, LIVE_MIGRATE, OWN_ACTION] if asks_action else [],
        needed=Resources(vcpus=vcpus) if vcpus else None,
    )


def told(*notices: ProjectNotice, token: str = "t") -> WatchProjectResponse:
    return WatchProjectResponse(notices=notices, token=token)


def end() -> WatchProjectResponse:
    return told(ProjectNotice(notice_id="end", session_id="session-1", kind=END))


class Stage:
    """A scripted fenix, a client of it, and a VNFM that runs until it has heard the last notice."""

    def __init__(self, fenix: ScriptedFenix, client: Client) -> None:
        self.fenix = fenix
        self.client = client
        self.lines: list[str] = []
        self._ended = asyncio.Event()
        fenix.reply("ReplyProjectSession", ReplyProjectSessionResponse(counted=True))

    def _say(self, line: str) -> None:
        self.lines.append(line)
        if line.startswith("SESSION_DELETED"):
            self._ended.set()

    async def _end(self, machines: Machines) -> None:
        await self._ended.wait()
        await machines.settled.wait()

    async def play(
        self,
        machines: Machines,
        *notices: ProjectNotice,
        actions: Mapping[str, str] | None = None,
        memory: Memory | None = None,
    ) -> list[ReplyProjectSessionRequest]:
        """The replies of a VNFM to these notices."""
        self.fenix.reply("WatchProject", [*[told(n) for n in notices], end(), STAY])
        await self.run(machines, actions=actions, memory=memory)
        return self.fenix.requests["ReplyProjectSession"]

    async def run(
        self,
        machines: Machines,
        *,
        actions: Mapping[str, str] | None = None,
        memory: Memory | None = None,
    ) -> None:
        vnfm = Vnfm(self.client, "p", machines, actions=actions, memory=memory, say=self._say)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(vnfm.run())
            ended = tasks.create_task(self._end(machines))
            await asyncio.wait({running, ended}, return_when=asyncio.FIRST_COMPLETED)
            running.cancel()
            ended.cancel()


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with ScriptedFenix() as fenix, connect(fenix.target) as client:
        yield Stage(fenix, client)


async def test_maintenance_is_agreed_to(stage: Stage) -> None:
    [reply] = await stage.play(Machines("a"), notice("MAINTENANCE", "a"))
    assert (reply.kind, reply.answer) == (
        NoticeKind.NOTICE_KIND_MAINTENANCE,
        Answer.ANSWER_ACK,
    )
    assert (reply.notice_id, reply.request_id) == ("n1", "session-1/n1")


async def test_scale_in_releases_what_is_needed_before_it_is_answered(stage: Stage) -> None:
    machines = Machines("a", "b", "c", "d")
    [reply] = await stage.play(machines, notice("SCALE_IN", vcpus=3))
    assert reply.answer == Answer.ANSWER_ACK
    assert sorted(machines.running) == ["id-c", "id-d"]


async def test_what_cannot_be_done_is_a_nack_with_the_reason(stage: Stage) -> None:
    [reply] = await stage.play(Machines("a"), notice("SCALE_IN", vcpus=8))
    assert (reply.answer, reply.reason) == (Answer.ANSWER_NACK, "nothing can be spared")


async def test_the_application_is_as_large_after_the_maintenance_as_before(stage: Stage) -> None:
    machines = Machines("a", "b", "c")
    await stage.play(
        machines, notice("SCALE_IN", vcpus=2), notice("MAINTENANCE_COMPLETE", number=2)
    )
    assert len(machines.running) == 3


async def test_every_instance_gets_the_action_wanted_for_its_name(stage: Stage) -> None:
    [reply] = await stage.play(
        Machines("db-1", "web-1"),
        notice("PLANNED_MAINTENANCE", "db-1", "web-1"),
        actions={"db-*": "LIVE_MIGRATE", "*": "MIGRATE"},
    )
    assert dict(reply.instance_actions) == {"id-db-1": LIVE_MIGRATE, "id-web-1": MIGRATE}


async def test_an_action_that_is_not_allowed_gives_way_to_one_that_is(stage: Stage) -> None:
    asked = notice("PREPARE_MAINTENANCE", "a")
    asked.allowed_actions[:] = [MIGRATE]
    [reply] = await stage.play(Machines("a"), asked, actions={"*": "LIVE_MIGRATE"})
    assert dict(reply.instance_actions) == {"id-a": MIGRATE}


async def test_own_action_replaces_the_instance_after_the_reply(stage: Stage) -> None:
    machines = Machines("a")

    def counted(request: ReplyProjectSessionRequest) -> ReplyProjectSessionResponse:
        machines.log.append("replied")
        return ReplyProjectSessionResponse(counted=True)

    stage.fenix.forget("ReplyProjectSession")
    stage.fenix.reply("ReplyProjectSession", counted)
    await stage.play(machines, notice("PLANNED_MAINTENANCE", "a"), actions={"*": "OWN_ACTION"})
    assert machines.log == ["replied", "replaced id-a"]
    assert list(machines.running) == ["id-a-2"]


async def test_an_instance_that_cannot_be_replaced_is_reported_and_tried_again(
    stage: Stage,
) -> None:
    machines = Machines("a")
    machines.full = 2
    machines.settled.clear()
    await stage.play(machines, notice("PLANNED_MAINTENANCE", "a"), actions={"*": "OWN_ACTION"})
    assert stage.lines.count("! id-a stays for now: no room") == 2
    assert list(machines.running) == ["id-a-2"]


async def test_an_instance_is_not_replaced_when_the_reply_did_not_count(stage: Stage) -> None:
    stage.fenix.forget("ReplyProjectSession")
    stage.fenix.reply("ReplyProjectSession", ReplyProjectSessionResponse(detail="too late"))
    machines, memory = Machines("a"), Memory()
    asked = notice("PLANNED_MAINTENANCE", "a")
    await stage.play(machines, asked, actions={"*": "OWN_ACTION"}, memory=memory)
    assert list(machines.running) == ["id-a"]
    assert memory.get("replacing", None) == []


async def test_a_refused_reply_is_reported_and_the_next_notice_is_answered(stage: Stage) -> None:
    refused = Failure(code=grpc.StatusCode.NOT_FOUND, message="session s is not known")
    stage.fenix.forget("ReplyProjectSession")
    stage.fenix.reply("ReplyProjectSession", refused, ReplyProjectSessionResponse(detail="counted"))
    await stage.play(Machines("a"), notice("MAINTENANCE"), notice("MAINTENANCE", number=2))
    assert "! session s is not known" in stage.lines
    assert "  -> ACK  counted" in stage.lines


async def test_a_restart_goes_on_from_the_token_in_the_file(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "vnfm.json"
    await stage.play(Machines("a"), notice("MAINTENANCE"), memory=Memory(file))
    stage.fenix.forget("WatchProject")
    stage._ended.clear()
    await stage.play(Machines("a"), memory=Memory(file))
    assert [request.after for request in stage.fenix.requests["WatchProject"]] == ["", "t"]


async def test_a_restart_ends_the_replacements_that_were_promised(
    stage: Stage, tmp_path: Path
) -> None:
    file = tmp_path / "vnfm.json"
    Memory(file).put("replacing", ["id-a", "id-gone"])
    machines = Machines("a")
    await stage.play(machines, memory=Memory(file))
    assert machines.log == ["replaced id-a"]
    assert Memory(file).get("replacing", None) == []


async def test_a_token_that_the_server_does_not_know_is_forgotten(stage: Stage) -> None:
    memory = Memory()
    memory.put("token", "old")
    too_old = Failure(code=grpc.StatusCode.OUT_OF_RANGE, message="the token is too old")
    stage.fenix.reply("WatchProject", too_old)
    await stage.play(Machines("a"), notice("MAINTENANCE"), memory=memory)
    assert [request.after for request in stage.fenix.requests["WatchProject"]] == ["old", ""]
    assert len(stage.fenix.requests["ReplyProjectSession"]) == 1


async def test_a_manager_that_may_not_listen_ends_with_the_reason(stage: Stage) -> None:
    stage.fenix.reply("WatchProject", Failure(code=grpc.StatusCode.PERMISSION_DENIED))
    with pytest.raises(CallFailed, match="told to fail"):
        await Vnfm(stage.client, "p", Machines(), say=stage.lines.append).run()
    assert stage.lines == []


async def test_every_notice_and_every_reply_is_one_line(stage: Stage) -> None:
    asked = notice("PLANNED_MAINTENANCE", "db-1", "web-1")
    asked.reason = "host-3 is next"
    await stage.play(Machines("db-1", "web-1"), asked, actions={"db-*": "LIVE_MIGRATE"})
    assert stage.lines == [
        "listening for project p",
        "PLANNED_MAINTENANCE  session session-  2 instances  host-3 is next",
        "  -> ACK  1 LIVE_MIGRATE, 1 MIGRATE",
        "SESSION_DELETED  session session-",
    ]
