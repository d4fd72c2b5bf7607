"""The command over ssh: the system's client against a real server, which runs what it is asked to run."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import pytest
import pytest_asyncio

from fenix_grpc.actions.command import Command, create
from fenix_grpc.clock import SystemClock
from tests.actions.test_actions_command import a_request

SHOW = "import os, sys, json; print(json.dumps([sys.argv[1:], dict(os.environ)]))"


@dataclass
class Host:
    """A host with an ssh server."""

    port: int
    options: dict[str, Any]
    #: Set when a session has ended together with its connection.
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    #: Set when a command runs.
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    def command(self, *command: str, **more: Any) -> Command:
        options = {"command": command, "ssh": {**self.options, **more.pop("ssh", {})}, **more}
        return create(options, SystemClock())


@pytest_asyncio.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    key, mine = asyncssh.generate_private_key("ssh-ed25519"), tmp_path / "mine"
    own = asyncssh.generate_private_key("ssh-ed25519")
    own.write_private_key(str(mine))
    mine.chmod(0o600)
    own.write_public_key(str(tmp_path / "authorized"))
    there = Host(0, {})

    async def serve(process: asyncssh.SSHServerProcess[str]) -> None:
        """As sshd does with a terminal: what runs is ended when the connection is gone."""
        assert process.get_terminal_type() is not None
        ran = await asyncio.create_subprocess_shell(
            str(process.command),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        there.begun.set()
        lost = asyncio.ensure_future(process.channel.wait_closed())
        done = asyncio.ensure_future(ran.communicate())
        await asyncio.wait({lost, done}, return_when=asyncio.FIRST_COMPLETED)
        if not done.done():
            os.killpg(ran.pid, signal.SIGTERM)  # a hang-up may be ignored: tests under nohup
            await done
            there.hung_up.set()
            return
        process.stdout.write(done.result()[0].decode())
        process.exit(ran.returncode or 0)
        await lost

    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[key],
        authorized_client_keys=str(tmp_path / "authorized"),
        process_factory=serve,
    )
    there.port = server.sockets[0].getsockname()[1]
    known = tmp_path / "known"
    public = key.export_public_key().decode().strip()
    known.write_text(f"[127.0.0.1]:{there.port} {public}\n")
    there.options = {
        "address": "127.0.0.1",
        "port": there.port,
        "user": "root",
        "identity_file": str(mine),
        "known_hosts": str(known),
    }
    yield there
    server.close()
    await server.wait_closed()


async def test_it_runs_on_the_host_and_knows_what_it_works_on(host: Host) -> None:
    command = host.command(
        sys.executable, "-c", SHOW, "{host}", "a 'quoted' $HOME", env={"A": "b c"}
    )
    result = await command.run(a_request(metadata={"firmware": "1'2"}))
    assert (result.ok, result.detail) == (True, "exit code 0"), result.output
    arguments, environment = json.loads(result.output)
    assert arguments == ["compute-1", "a 'quoted' $HOME"]
    assert environment["A"] == "b c"
    assert json.loads(environment["FENIX_METADATA"]) == {"firmware": "1'2"}
    assert environment["FENIX_HOST"] == "compute-1"
    assert "FENIX_PACKAGES" not in environment


async def test_the_exit_code_is_that_of_the_command(host: Host) -> None:
    result = await host.command("sh", "-c", "echo no space; exit 3").run(a_request())
    assert (result.ok, result.detail, result.output) == (False, "exit code 3", "no space\n")


async def test_a_host_with_another_key_is_not_logged_in_to(host: Host, tmp_path: Path) -> None:
    (tmp_path / "others").write_text("")
    for known in (tmp_path / "others", tmp_path / "none"):
        command = host.command(
            "true",
            ssh={"known_hosts": str(known), "options": {"StrictHostKeyChecking": "no"}},
        )
        result = await command.run(a_request())
        assert not result.ok
        assert result.detail == "exit code 255 (of ssh: it could not log in, or lost the host)"
        assert "Host key verification failed" in result.output


async def test_it_ends_with_its_time(host: Host) -> None:
    result = await host.command("sleep", "1000").run(a_request(timeout_s=8))
    assert result.detail == "killed: it had not ended after 8 s"
    await asyncio.wait_for(host.hung_up.wait(), 30)


async def test_it_ends_when_it_is_cancelled(host: Host) -> None:
    run = asyncio.ensure_future(host.command("sleep", "1000").run(a_request()))
    await asyncio.wait_for(host.begun.wait(), 30)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    await asyncio.wait_for(host.hung_up.wait(), 30)


async def test_there_is_no_host_before_and_after_a_session(host: Host) -> None:
    result = await host.command("true").run(a_request(""))
    assert result.detail == "runs by ssh on a host: pre and post have none"
