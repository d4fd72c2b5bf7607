"""The command runs what is configured, shows what came of it, and leaves nothing behind when it must stop."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from fenix_grpc.actions.command import Command, create
from fenix_grpc.clock import SystemClock
from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.core.model import HostKind
from fenix_grpc.ports import ActionRequest

#: What a pipe is given to say that nobody holds it any more.
CLOSED = b""


def a_request(
    host: str = "compute-1", metadata: dict[str, Any] | None = None, timeout_s: float = 60
) -> ActionRequest:
    return ActionRequest(
        session_id="s1",
        host=host,
        host_kind=HostKind.COMPUTE if host else None,
        type="HOST" if host else "PRE",
        metadata=metadata or {},
        timeout_s=timeout_s,
    )


def a_command(*command: str, **options: Any) -> Command:
    return create({"command": command, **options}, SystemClock())


def alive(pid: str) -> bool:
    """It has not ended; what has and was not waited for yet has no command line any more."""
    try:
        return bool(Path("/proc", pid.strip(), "cmdline").read_bytes())
    except FileNotFoundError:
        return False


def shell(script: str) -> Command:
    """The operator may run a shell; fenix does not add one."""
    return a_command("sh", "-c", script)


async def test_it_knows_what_it_works_on_from_arguments_and_environment() -> None:
    show = "import os, sys, json; print(json.dumps([sys.argv[1:], dict(os.environ)]))"
    command = a_command(
        sys.executable,
        "-c",
        show,
        "-l",
        "{host},",
        "{host_kind}/{type}/{session_id}",
        "{{}}",
        env={"ANSIBLE_NOCOLOR": "1"},
    )
    result = await command.run(a_request(metadata={"firmware": "1.2"}))
    arguments, environment = json.loads(result.output)
    assert (result.ok, result.detail) == (True, "exit code 0")
    assert arguments == ["-l", "compute-1,", "COMPUTE/HOST/s1", "{}"]
    assert environment["ANSIBLE_NOCOLOR"] == "1"
    fenix = {name: value for name, value in environment.items() if name.startswith("FENIX_")}
    assert len(fenix.pop("FENIX_RUN")) == 32
    assert json.loads(fenix.pop("FENIX_METADATA")) == {"firmware": "1.2"}
    assert fenix == {
        "FENIX_SESSION_ID": "s1",
        "FENIX_HOST": "compute-1",
        "FENIX_HOST_KIND": "COMPUTE",
        "FENIX_ACTION_TYPE": "HOST",
        "FENIX_PACKAGES": "",
    }


async def test_it_runs_once_for_no_host_before_and_after_the_session() -> None:
    result = await shell('echo "[$FENIX_HOST][$FENIX_HOST_KIND][$FENIX_ACTION_TYPE]"').run(
        a_request("")
    )
    assert result.output == "[][][PRE]\n"


async def test_it_does_not_see_the_server_s_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_PASSWORD", "secret")
    result = await a_command("env").run(a_request())
    assert "PATH=" in result.output
    assert "secret" not in result.output


async def test_there_is_no_shell_between() -> None:
    result = await a_command("echo", "{host}; echo $HOME", "$(id)").run(a_request("a; b"))
    assert result.output == "a; b; echo $HOME $(id)\n"


async def test_a_host_is_never_taken_for_an_option() -> None:
    result = await a_command("echo", "{host}").run(a_request("--extra-vars=x"))
    assert not result.ok
    assert result.output == ""


@pytest.mark.parametrize(
    ("script", "detail"),
    [("exit 3", "exit code 3"), ("kill -TERM $$", "ended by signal 15 (Terminated)")],
)
async def test_a_failure_says_how_it_ended(script: str, detail: str) -> None:
    result = await shell(f"echo out; echo err >&2; {script}").run(a_request())
    assert (result.ok, result.detail, result.output) == (False, detail, "out\nerr\n")


async def test_a_command_that_cannot_be_run_is_a_failure() -> None:
    result = await a_command("/no/such/program").run(a_request())
    assert not result.ok
    assert result.detail.startswith("/no/such/program cannot be run: ")


async def test_metadata_too_large_for_a_process_is_a_failure() -> None:
    result = await shell("true").run(a_request(metadata={"much": "x" * 2**22}))
    assert not result.ok
    assert "cannot be run" in result.detail


async def test_the_end_of_the_output_is_kept() -> None:
    much = "import sys; sys.stdout.write('ü' * 1_000_000 + 'end')"
    result = await a_command(sys.executable, "-X", "utf8", "-c", much).run(a_request())
    assert result.output == "ü" * 4093 + "end"


async def test_output_that_is_no_text_does_no_harm() -> None:
    result = await shell(r"printf 'a\377b'").run(a_request())
    assert result.output == "a\ufffdb"


async def test_a_daemon_left_behind_does_not_hold_it_up() -> None:
    result = await shell("sleep 60 & echo done; echo $!").run(a_request(timeout_s=30))
    word, daemon = result.output.split()
    os.kill(int(daemon), 9)
    assert (result.ok, word) == (True, "done")


async def gone(pipe: int) -> None:
    """Until no process holds the other end of the pipe."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    loop.add_reader(pipe, lambda: ended.set_result(os.read(pipe, 100)))
    try:
        assert await asyncio.wait_for(ended, 30) == CLOSED
    finally:
        loop.remove_reader(pipe)


def a_family(tmp_path: Path) -> tuple[Command, int]:
    """A command that ignores requests to end, and its child; a pipe that both hold open."""
    fifo = tmp_path / "held"
    os.mkfifo(fifo)
    pipe = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    script = f"trap '' TERM INT; exec 9> {shlex.quote(str(fifo))}; echo began; sleep 60 & sleep 60"
    return shell(script), pipe


async def test_at_its_time_out_it_is_killed_with_all_it_started(tmp_path: Path) -> None:
    command, pipe = a_family(tmp_path)
    result = await command.run(a_request(timeout_s=0.5))
    await gone(pipe)
    os.close(pipe)
    assert not result.ok
    assert result.detail == "killed: it had not ended after 0.5 s"
    assert result.output == "began\n"


async def test_when_cancelled_it_is_killed_with_all_it_started(tmp_path: Path) -> None:
    command, pipe = a_family(tmp_path)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await command.run(a_request())
    await gone(pipe)
    os.close(pipe)


async def test_many_at_once_do_not_mix() -> None:
    command = a_command("echo", "{host}")
    results = await asyncio.gather(*(command.run(a_request(f"c-{n}")) for n in range(10)))
    assert [result.output for result in results] == [f"c-{n}\n" for n in range(10)]


def test_it_is_idempotent_only_if_configured_so() -> None:
    assert not a_command("true").idempotent
    assert a_command("true", idempotent=True).idempotent


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({}, "options"),
        ({"command": []}, "options.command"),
        ({"command": "reboot now"}, "options.command"),
        ({"command": ["reboot", 3]}, "options.command[1]"),
        ({"command": ["echo", "{password}"]}, "options.command[1]"),
        ({"command": ["echo", "{host.name}"]}, "options.command[1]"),
        ({"command": ["echo", "{0}"]}, "options.command[1]"),
        ({"command": ["echo", "{"]}, "options.command[1]"),
        ({"command": ["true"], "env": {"A": 1}}, "options.env[...]"),
        ({"command": ["true"], "shell": True}, "options"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        create(options, SystemClock())
    assert caught.value.field == field, str(caught.value)


async def test_what_has_left_its_process_group_is_killed_as_well(tmp_path: Path) -> None:
    script = f"setsid sh -c 'echo $$ > {tmp_path}/pid; exec sleep 600' & sleep 600"
    result = await shell(script).run(a_request(timeout_s=2))
    assert result.detail == "killed: it had not ended after 2 s"
    assert not alive((tmp_path / "pid").read_text())
