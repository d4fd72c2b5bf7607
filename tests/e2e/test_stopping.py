"""How a server begins and ends: what it refuses to start with, how it stops while clients listen, and what it does
while its disk takes nothing more."""

from __future__ import annotations

import asyncio
import resource
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
import pytest_asyncio
from fenix_client import CallFailed

from fenix_grpc.v1.session_service_pb2 import CreateSessionRequest, WatchSessionRequest
from fenix_grpc.v1.types_pb2 import ActionType, SessionState
from tests.api.promises import check_all, events_of
from tests.e2e.service import PATIENCE_S, REST_DOORS, Service, a_service
from tests.e2e.streams import READERS, record
from tests.processes.servers import ServerProcess
from tests.processes.sessions import create, end_of, read, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLOUD = """
durations = {live_migrate = 0.2, cold_migrate = 0.3}
flavors.m = {vcpus = 2, memory_mb = 4096, disk_gb = 20}
hosts = [{name = "c{n}", count = 3, vcpus = 8, memory_mb = 32768, disk_gb = 200}]
[[projects]]
id = "nobody"
instances = [{name = "n-{n}", count = 6, flavor = "m"}]
"""
MORE = """
[timers]
poll_s = 0.1
retry_wait_s = 0.1
[actions.dummy]
kind = "dummy"
"""
DONE = SessionState.SESSION_STATE_MAINTENANCE_DONE
#: A server that is told to stop is gone by then, whoever listens.
STOPPED_WITHIN_S = 8.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with a_service(tmp_path_factory.mktemp("stopping"), CLOUD, MORE) as running:
        yield running
        assert not running.defects()


def a_request() -> CreateSessionRequest:
    request = CreateSessionRequest()
    request.maintenance_at.GetCurrentTime()
    request.actions.add(plugin="dummy", type=ActionType.ACTION_TYPE_HOST)
    request.actions[0].metadata["seconds"] = 0.5
    return request


async def test_a_server_that_is_told_to_stop_sends_its_clients_to_the_next(
    service: Service,
) -> None:
    session_id = await create(service.client, a_request())
    watch = WatchSessionRequest(session_id=session_id, follow=True)
    async with asyncio.TaskGroup() as tasks:
        watching = [tasks.create_task(record(read, service, watch)) for read in READERS.values()]
        await until(service.client, session_id, lambda event: event.HasField("step_started"))
        async with asyncio.timeout(STOPPED_WITHIN_S):
            assert await service.server.stop() == 0
        await service.server.start()
    assert await end_of(service.client, session_id) == DONE
    journal = await read(service.client, session_id)
    for task in watching:
        check_all(task.result())
        assert events_of(task.result()) == journal


@pytest.mark.parametrize("key", ["grpc_listen", "rest_listen"])
async def test_a_second_server_does_not_take_the_port_of_the_first(
    service: Service, tmp_path: Path, key: str
) -> None:
    taken = {"grpc_listen": service.server.grpc, "rest_listen": service.server.rest[7:]}[key]
    free = {"grpc_listen": "127.0.0.1:0", "rest_listen": "127.0.0.1:0"}
    code, said = await serve(tmp_path, section("server", **(free | {key: taken})))
    assert code in (1, 2)
    port = taken.rpartition(":")[2]
    assert "127.0.0.1" in said
    assert port in said
    for door in REST_DOORS:
        assert (await service.http[door].get("/v1/maintenance")).status_code == 200


@pytest.mark.parametrize(
    ("text", "exit_code", "says"),
    [
        ("[timers]\nreply = 3", 2, "timers.reply: is not known"),
        ('[timers]\nreply_s = "soon"', 2, "timers.reply_s: Expected `float`"),
        ('[database]\nurl = "sqlite:////proc/no/fenix.sqlite"', 1, "unable to open database file"),
        ('[database]\nurl = "sqlite:///{here}/fenix.toml"', 1, "file is not a database"),
    ],
    ids=["key", "type", "path", "file"],
)
async def test_a_server_that_cannot_run_as_configured_says_why(
    tmp_path: Path, text: str, exit_code: int, says: str
) -> None:
    code, said = await serve(tmp_path, text.replace("{here}", str(tmp_path)))
    assert (code, says in said) == (exit_code, True), said


def section(name: str, **values: str) -> str:
    return "\n".join([f"[{name}]", *(f'{key} = "{value}"' for key, value in values.items())])


async def serve(directory: Path, text: str) -> tuple[int | None, str]:
    """The exit code of a server with this configuration, and the one line that it says."""
    config = directory / "fenix.toml"
    if "[database]" not in text:
        text += "\n" + section("database", url=f"sqlite:///{directory}/fenix.sqlite")
    config.write_text(text)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fenix_grpc.cli", "serve", "--config", str(config)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    (line,) = output.decode().splitlines()
    assert line.startswith("fenix: ")
    return process.returncode, line


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of another process: Linux")
async def test_a_disk_that_takes_nothing_more_interrupts_and_breaks_nothing(tmp_path: Path) -> None:
    """Writing calls are UNAVAILABLE, reading ones and watches go on; with room again the session goes on to its end."""
    (tmp_path / "cloud.toml").write_text(CLOUD)
    in_memory = f'kind = "simulated"\noptions = {{ file = "{tmp_path}/cloud.toml" }}'
    server = ServerProcess(tmp_path, in_memory, MORE)
    await server.start()
    try:
        async with server.client() as client:
            session_id = await create(client, a_request())
            await until(client, session_id, lambda event: event.HasField("step_started"))
            with a_full_disk(server):
                with pytest.raises(CallFailed, match="disk I/O error") as caught:
                    await client.call(client.sessions.CreateSession, a_request())
                assert caught.value.code is grpc.StatusCode.UNAVAILABLE
                assert caught.value.reason == "STORE_UNAVAILABLE"
                before = await read(client, session_id)
            assert await end_of(client, session_id) == DONE
            journal = await read(client, session_id)
            assert journal[: len(before)] == before
            assert [event.seq for event in journal] == list(range(1, len(journal) + 1))
        assert "Traceback" not in server.log.read_text()
    finally:
        assert await server.stop() == 0


@contextmanager
def a_full_disk(server: ServerProcess) -> Iterator[None]:
    """The process cannot make a file longer than it is; as far as a program can tell, that is a full disk."""
    free = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    log = server.directory / "fenix.sqlite-wal"
    assert log.stat().st_size > 4 * 4096
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (4 * 4096, free[1]))
    try:
        yield
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, free)
