"""Runs a program for an action: its output kept to the end of it, and nothing of it left behind when it must stop."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

#: Environment of the server that a program sees too; nothing else of it, so that no credential leaks into one.
_INHERITED = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR")
#: Name of the variable that marks what a run has started.
MARK = "FENIX_RUN"
#: ports: ActionResult.output
_OUTPUT_CHARACTERS = 4096
#: No character of UTF-8 takes more than 4 bytes.
_OUTPUT_BYTES = 4 * _OUTPUT_CHARACTERS
#: What a pipe can hold (Linux: pipe(7)).
_PIPE_BYTES = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended."""

    #: Its exit code, negative for a signal; None when it was killed at the time-out or could not be run.
    code: int | None
    #: In words.
    detail: str
    output: str = ""


async def run_process(argv: Sequence[str], env: Mapping[str, str], timeout_s: float) -> Ended:
    """Runs it without a shell. It and all that it started are killed at the time-out and when this is cancelled."""
    mark = new_mark()
    with _output() as (pipe, tail):
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=DEVNULL,
                stdout=pipe,
                stderr=pipe,
                env={**inherited(), **env, MARK: mark},
                start_new_session=True,
            )
        except (OSError, ValueError) as err:
            return Ended(code=None, detail=f"{argv[0]} cannot be run: {err}")
        try:
            async with asyncio.timeout(timeout_s):
                code = await process.wait()
        except TimeoutError:
            code = None
        finally:
            await _kill(process, mark)
        tail.read()
        return Ended(code=code, detail=_ending(code, timeout_s), output=tail.text())


def inherited() -> dict[str, str]:
    """What of the server's environment a program sees."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


def _ending(code: int | None, timeout_s: float) -> str:
    if code is None:
        return f"killed: it had not ended after {timeout_s:g} s"
    if code < 0:
        return f"ended by signal {-code} ({signal.strsignal(-code)})"
    return f"exit code {code}"


async def _kill(process: Process, mark: str) -> None:
    """Kills a process that has not ended, its group, and what has left that."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        await asyncio.to_thread(kill_marked, mark)


def new_mark() -> str:
    """What the environment of a run carries, to know what was started in it."""
    return uuid4().hex


def kill_marked(mark: str) -> None:
    """Kills what carries the mark: programs put what they start into sessions of their own (Ansible does), out of reach
    of a process group. Nothing where there is no /proc."""
    wanted = f"{MARK}={mark}".encode()
    while found := [pid for pid in _processes() if wanted in _environment(pid)]:
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _processes() -> Iterator[int]:
    for entry in Path("/proc").glob("[0-9]*"):
        yield int(entry.name)


def _environment(pid: int) -> list[bytes]:
    """Empty for one that is gone, has ended or is of somebody else."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


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

    Not asyncio's pipe: it is read to its end, which a daemon left behind by the program would put off for ever.
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
