"""An action that runs a command of the operator's choice, once per host.

What is run comes from the server's configuration alone; a request can only name it. There is no shell. The command
sees what it works on in its arguments and environment, and nothing of the server's own environment but the few names
below, so that no credential leaks into it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Annotated, Any

import msgspec

from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.options import read_options
from fenix_grpc.ports import ActionRequest, ActionResult, Clock

#: Environment of the server that a command sees too.
_INHERITED = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR")
#: ports: ActionResult.output
_OUTPUT_CHARACTERS = 4096
#: No character of UTF-8 takes more than 4 bytes.
_OUTPUT_BYTES = 4 * _OUTPUT_CHARACTERS
#: What a pipe can hold (Linux: pipe(7)).
_PIPE_BYTES = 65536


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of the action `command`."""

    #: Program and arguments; {host}, {host_kind}, {type} and {session_id} are replaced, {{ stands for a brace.
    command: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    #: Added to its environment.
    env: Mapping[str, str] = {}
    #: May be run again on the same host after an unknown outcome, such as the death of the server.
    idempotent: bool = False


class Command:
    """Runs the configured command. Real time: a command knows no other."""

    def __init__(self, options: Options) -> None:
        self.idempotent = options.idempotent
        self._command = options.command
        self._env = options.env

    async def run(self, request: ActionRequest) -> ActionResult:
        """Runs it on one host. It and all it started are killed at the time-out, and when this is cancelled."""
        if request.host.startswith("-"):
            return ActionResult(ok=False, detail=f"{request.host} could be taken for an option")
        argv = arguments(self._command, request)
        with _output() as (pipe, tail):
            try:
                process = await asyncio.create_subprocess_exec(
                    *argv,
                    stdin=DEVNULL,
                    stdout=pipe,
                    stderr=pipe,
                    env=self._environment(request),
                    start_new_session=True,
                )
            except (OSError, ValueError) as err:
                return ActionResult(ok=False, detail=f"{argv[0]} cannot be run: {err}")
            try:
                async with asyncio.timeout(request.timeout_s):
                    code = await process.wait()
            except TimeoutError:
                code = None
            finally:
                await _kill(process)
            tail.read()
            return ActionResult(ok=code == 0, detail=_ending(code, request), output=tail.text())

    def _environment(self, request: ActionRequest) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            **self._env,
            "FENIX_SESSION_ID": request.session_id,
            "FENIX_HOST": request.host,
            "FENIX_HOST_KIND": request.host_kind or "",
            "FENIX_ACTION_TYPE": request.type,
            "FENIX_METADATA": json.dumps(request.metadata),
        }


def create(options: Mapping[str, Any], clock: Clock) -> Command:
    """The action as configured."""
    del clock
    chosen = read_options(options, Options, "options")
    sample = ActionRequest(
        session_id="", host="", host_kind=None, type="HOST", metadata={}, timeout_s=0
    )
    for number, argument in enumerate(chosen.command):
        try:
            arguments((argument,), sample)
        except (KeyError, IndexError, ValueError, AttributeError) as err:
            raise InvalidRequest(
                f"options.command[{number}]",
                f"{argument} has something else in braces than"
                " {host}, {host_kind}, {type} or {session_id}; write {{ for a brace",
            ) from err
    return Command(chosen)


def arguments(command: tuple[str, ...], request: ActionRequest) -> list[str]:
    """The program and its arguments for one run."""
    values = {
        "host": request.host,
        "host_kind": request.host_kind or "",
        "type": request.type,
        "session_id": request.session_id,
    }
    return [argument.format_map(values) for argument in command]


def _ending(code: int | None, request: ActionRequest) -> str:
    if code is None:
        return f"killed: it had not ended after {request.timeout_s:g} s"
    if code < 0:
        return f"ended by signal {-code} ({signal.strsignal(-code)})"
    return f"exit code {code}"


async def _kill(process: Process) -> None:
    """Kills a process that has not ended, and its whole group."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


class _Tail:
    """The end of what has come out of a pipe."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._bytes = b""

    def read(self) -> None:
        """Takes what is there, if anything."""
        with suppress(BlockingIOError):
            self._bytes = (self._bytes + os.read(self._pipe, _PIPE_BYTES))[-_OUTPUT_BYTES:]

    def text(self) -> str:
        """The last characters."""
        return self._bytes.decode(errors="replace")[-_OUTPUT_CHARACTERS:]


@contextmanager
def _output() -> Iterator[tuple[int, _Tail]]:
    """A pipe to write to and the tail of what was written.

    Not asyncio's pipe: it is read to its end, which a daemon left behind by the command would put off for ever.
    """
    loop = asyncio.get_running_loop()
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    tail = _Tail(reading)
    loop.add_reader(reading, tail.read)
    try:
        yield writing, tail
    finally:
        loop.remove_reader(reading)
        os.close(reading)
        os.close(writing)
