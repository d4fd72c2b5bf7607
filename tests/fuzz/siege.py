"""A real server under fire, in rounds: while inputs come by the thousand a session with a manager goes its way beside
them, and what came of the inputs is cleared away before the next. Then there must be nothing left of it in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import grpc
from fenix_client import CallFailed, Client

from fenix_grpc.v1.session_service_pb2 import (
    DeleteSessionRequest,
    ListSessionsRequest,
)
from fenix_grpc.v1.types_pb2 import SessionState
from tests.e2e.service import DEFECTS
from tests.fuzz.doors import TARGETS, Doors, Outcome
from tests.notify.far_ends import a_manager
from tests.processes.maintenance import CLOUD, MORE, a_request, check_steps, managed
from tests.processes.servers import ServerProcess
from tests.processes.sessions import create, end_of, read

DONE = SessionState.SESSION_STATE_MAINTENANCE_DONE
#: The decoys are in a zone of their own: nothing of theirs comes to the hosts of the session beside.
_DECOYS = """
[[hosts]]
name = "decoy-{n}"
count = 3
zone = "far"
vcpus = 8
memory_mb = 32768
disk_gb = 200
[[projects]]
id = "decoy"
[[projects.instances]]
name = "d-{n}"
count = 3
flavor = "m"
hosts = ["decoy-1", "decoy-2", "decoy-3"]
"""
_MORE = f"""{MORE}
[projects]
managed = ["decoy"]
[webhooks]
allowed_urls = ["LISTENER"]
private_networks = ["127.0.0.0/8"]
[limits]
calls_per_s = 1e6
calls_burst = 1000000
"""
_SANE = {
    "hosts": ["decoy-1", "decoy-2", "decoy-3"],
    "workflow": ["default", "vnf"],
    "plugin": ["patch"],
    "project_id": ["decoy", "p2"],
    "instance_id": ["i1", "i2", "i3"],
    "group_id": ["g1", "g2"],
    "secret": ["sixteen letters!"],
    "request_id": ["", *(f"r{n}" for n in range(1000))],
    "reason": ["no room"],
    "key": ["a", "seconds"],
    "value": ["b"],
    "sha256": ["0" * 64],
    "instance_name": ["d-1"],
    "group_name": ["far"],
}
_HOSTS = ("c1", "c2", "c3", "c4", "c5", "ctl")
#: Inputs under way at a time.
_AT_ONCE = 24


@dataclass(slots=True)
class Report:
    """What was seen."""

    outcome: Outcome
    inputs: int = 0
    #: Sessions beside, that ended as they must.
    sessions: int = 0
    #: Resident megabytes of the server after each round.
    memory_mb: list[float] = field(default_factory=list)
    #: Lines of its log that tell of a defect.
    defects: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """The figures."""
        yield f"{'inputs':<32}{self.inputs:>10,}"
        for what, times in sorted(self.outcome.counts.items()):
            yield f"  {what[:60]:<30}{times:>10,}"
        yield f"{'methods that also answered OK':<32}{len(self.outcome.fine):>10}"
        never = {target.name for target in TARGETS} - self.outcome.fine.keys()
        yield from (f"  never {name}" for name in sorted(never))
        yield f"{'sessions beside, all DONE':<32}{self.sessions:>10,}"
        yield f"{'memory of the server, MB':<32}{' '.join(f'{mb:.0f}' for mb in self.memory_mb)}"
        yield f"{'faults':<32}{len(self.outcome.faults):>10,}"
        yield f"{'defects in the log':<32}{len(self.defects):>10,}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Siege:
    """A server, a manager and whoever sends the inputs."""

    server: ServerProcess
    client: Client
    doors: Doors
    report: Report

    async def round(self, inputs: Sequence[int], seed: int) -> None:
        """Sends the inputs of these numbers, with one session beside."""
        numbers = iter(inputs)
        async with asyncio.TaskGroup() as group:
            beside = group.create_task(self._session())
            for _ in range(_AT_ONCE):
                group.create_task(self._send(numbers, seed))
        self.report.sessions += beside.result()
        self.report.inputs += len(inputs)
        await self._clear()
        self.report.memory_mb.append(_resident_mb(self.server.pid))
        log = self.server.log.read_text(errors="replace").splitlines()
        self.report.defects = [line for line in log if any(word in line for word in DEFECTS)]

    async def _send(self, numbers: Iterator[int], seed: int) -> None:
        for number in numbers:
            await self.doors.send(Random(f"{seed}/{number}"))

    async def _session(self) -> int:
        """One, to its end. Raises AssertionError when it does not go as if nothing happened around it."""
        request = a_request(f"beside-{self.report.inputs}")
        request.hosts.extend(_HOSTS)
        session_id = await create(self.client, request)
        assert await end_of(self.client, session_id) == DONE
        journal = await read(self.client, session_id)
        check_steps(journal)
        defaulted = [e.project_defaulted for e in journal if e.HasField("project_defaulted")]
        assert "red" not in {each.project_id for each in defaulted}, defaulted
        await self._delete(session_id)
        return 1

    async def _clear(self) -> None:
        """Deletes all sessions."""
        sessions = self.client.sessions
        while True:
            listed = await self.client.call(sessions.ListSessions, ListSessionsRequest())
            if not listed.sessions:
                return
            for session in listed.sessions:
                await self._delete(session.session_id)

    async def _delete(self, session_id: str) -> None:
        request = DeleteSessionRequest(session_id=session_id)
        with suppress(CallFailed):
            await self.client.call(self.client.sessions.DeleteSession, request)


@asynccontextmanager
async def a_siege(directory: Path) -> AsyncIterator[Siege]:
    """With the block."""
    async with AsyncExitStack() as stack:
        listener = await stack.enter_async_context(a_manager())
        more = _MORE.replace("LISTENER", listener.url)
        server = ServerProcess.simulated(
            directory, CLOUD + _DECOYS, more, server="max_sessions = 2000"
        )
        stack.push_async_callback(server.stop)
        await server.start()
        cloud = server.open_cloud()
        stack.push_async_callback(cloud.aclose)
        client = await stack.enter_async_context(server.client())
        await stack.enter_async_context(managed(client, cloud, "red"))
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        channel = grpc.aio.insecure_channel(server.grpc, options=options)
        await stack.enter_async_context(channel)
        doors = Doors(channel, _port(server.grpc), _port(server.rest))
        for name, texts in _SANE.items():
            doors.known.texts[name] = list(texts)
        doors.known.texts["url"] = [listener.url, "https://example.org/SW1.tgz"]
        yield Siege(server=server, client=client, doors=doors, report=Report(doors.outcome))


async def besieged(
    directory: Path, *, inputs: int, seed: int, rounds: int
) -> AsyncGenerator[Report, None]:
    """The report so far after each round; a last round has a session and no inputs."""
    async with a_siege(directory) as siege:
        size = -(-inputs // rounds)
        for first in range(0, inputs, size):
            await siege.round(range(first, min(first + size, inputs)), seed)
            yield siege.report
        await siege.round((), seed)
        yield siege.report


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024
