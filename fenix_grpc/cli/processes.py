"""Processes that a command starts beside itself and always ends again, each with a log of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

from fenix_grpc.cli.calls import Problem
from fenix_grpc.clock import SystemClock

_START_TIMEOUT_S = 30.0
_LOOK_S = 0.05
_LOG_LINES = 15
#: A program that becomes another one, which a SIGTERM (15) ends as soon as its parent is dead.
_TIED = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); os.execvp(sys.argv[1], sys.argv[1:])"
)


class Processes:
    """Started with `start`; all are ended, in reverse order, at the end of `async with started(...)`."""

    def __init__(self, directory: Path, ends: AsyncExitStack, stop_timeout_s: float) -> None:
        self._directory = directory
        self._ends = ends
        self._stop_timeout_s = stop_timeout_s
        self._running: dict[str, asyncio.subprocess.Process] = {}

    @property
    def exit_codes(self) -> Mapping[str, int | None]:
        """By name; None while a process runs."""
        return {name: process.returncode for name, process in self._running.items()}

    def log(self, name: str) -> Path:
        """Where the output of a process goes."""
        return self._directory / f"{name}.log"

    async def start(
        self, name: str, command: Sequence[str], environ: Mapping[str, str] | None = None
    ) -> None:
        """Starts a process in a session of its own, so that the terminal's Ctrl-C does not reach it."""
        with self.log(name).open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *_ending_with_this_one(command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                # nothing on the loopback interface goes through a proxy
                env={
                    **os.environ,
                    "no_proxy": "127.0.0.1",
                    "NO_PROXY": "127.0.0.1",
                    **(environ or {}),
                },
            )
        self._running[name] = process
        self._ends.push_async_callback(_stop, process, self._stop_timeout_s)

    def check(self) -> None:
        """Raises Problem with the end of its log when a process has ended by itself."""
        for name, process in self._running.items():
            if process.returncode is not None:
                lines = self.log(name).read_text(errors="replace").splitlines()[-_LOG_LINES:]
                text = "\n  ".join(lines) or "(it printed nothing)"
                raise Problem(f"{name} {_end(process.returncode)}:\n  {text}")

    async def until_printed(self, name: str, text: str) -> None:
        """Waits until the log of a process has the text. Raises Problem when it ended or takes too long."""
        clock = SystemClock()
        give_up_at = clock.now() + timedelta(seconds=_START_TIMEOUT_S)
        while text not in self.log(name).read_text(errors="replace"):
            self.check()
            if clock.now() > give_up_at:
                raise Problem(f"{name} is not ready after {_START_TIMEOUT_S:.0f} s")
            await clock.sleep_until(clock.now() + timedelta(seconds=_LOOK_S))

    async def watch(self) -> None:
        """Waits until a process ends by itself. Raises Problem."""
        async with asyncio.TaskGroup() as tasks:
            waits = [tasks.create_task(process.wait()) for process in self._running.values()]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
        self.check()


@asynccontextmanager
async def started(directory: Path, *, stop_timeout_s: float = 10.0) -> AsyncIterator[Processes]:
    """Processes that end with the block, however it ends; killed when they have not after so many seconds."""
    async with AsyncExitStack() as ends:
        yield Processes(directory, ends, stop_timeout_s)


def _ending_with_this_one(command: Sequence[str]) -> Sequence[str]:
    """On Linux the kernel ends the process when this one was killed and cannot (prctl(2): PR_SET_PDEATHSIG)."""
    return [sys.executable, "-Sc", _TIED, *command] if sys.platform == "linux" else command


def _end(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"


async def _stop(process: asyncio.subprocess.Process, timeout_s: float) -> None:
    """Asks politely, then insists."""
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await process.wait()
            return
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def free_ports(number: int) -> list[int]:
    """Ports of the loopback interface that nobody listens on now."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
