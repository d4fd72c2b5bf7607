"""Does what a page of docs/ says, as its reader would: in order, in one folder, with real programs.

What a program says must be what the page shows (see shown.py). A console block without a command is what the last
program that stays has said since. Blocks of `sh` that are no file are not run: they install, or need a cloud.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.docs.pages import Block
from tests.docs.shown import Shown, squeezed

#: Ports that pages name.
PORTS = ("12347", "12348", "8080")
#: Longest time that a command may take.
PATIENCE_S = 30.0


class Program:
    """A running command and what it has said that was not shown yet."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        self.process = process
        self.said = ""
        self._stdout = process.stdout

    async def hear_until(self, pattern: re.Pattern[str] | None) -> re.Match[str] | None:
        """Listens until it has said this (None: until it has ended), it ends, or patience does; the match if any."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while not (found := pattern and pattern.search(self.said)):
                    line = (await self._stdout.readline()).decode()
                    if not line:
                        await self.process.wait()
                        break
                    self.said += squeezed(line)
                return found
        return None

    async def end(self) -> None:
        """Ends it and all it has started."""
        if self.process.returncode is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        await self.hear_until(None)


class Reader:
    """Reads pages in a folder of its own."""

    def __init__(self, folder: Path, ports: Sequence[int]) -> None:
        """`ports` are those to use in place of PORTS."""
        self._folder = folder
        self._shown = Shown(dict(zip(PORTS, map(str, ports), strict=True)))
        self._environ = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "FENIX_SERVER": self._shown.real("127.0.0.1:12348"),
            "TZ": "UTC",
            "no_proxy": "127.0.0.1",
            # what a page installs is found, and goes with the folder
            "PYTHONPATH": f"installed:{os.environ.get('PYTHONPATH', '')}",
            "PIP_TARGET": "installed",
            "PIP_NO_DEPS": "1",
            "PIP_NO_INDEX": "1",
            "PIP_NO_BUILD_ISOLATION": "0",
        }
        self._programs: list[Program] = []
        self._stays: Program | None = None

    async def do(self, block: Block) -> None:
        """Writes a file; runs commands and compares what they say."""
        if block.file:
            path = self._folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._shown.real(block.text))
        elif block.language == "console":
            commands = list(block.commands())
            for number, (command, output) in enumerate(commands, 1):
                code = block.exit_code if number == len(commands) else 0
                await self._play(block, command, output, code)

    async def aclose(self) -> None:
        """Ends the programs, the last first."""
        for program in reversed(self._programs):
            await program.end()

    async def _play(self, block: Block, command: str, output: str, code: int) -> None:
        where, pattern = f"{block.place}: {command}", self._shown.pattern(output)
        program = await self._start(command) if command else self._stays
        assert program is not None, f"{where}nothing runs that could have said this"
        if block.stays or not command:
            self._stays = program
            found = await program.hear_until(pattern)
        else:
            await program.hear_until(None)
            assert program.process.returncode == code, f"{where}{program.said}"
            found = pattern.fullmatch(program.said)
        if output:
            assert found, f"{where}--- shown\n{self._shown.real(output)}--- said\n{program.said}"
            self._shown.learn(found)
            program.said = program.said[found.end() :]

    async def _start(self, command: str) -> Program:
        process = await asyncio.create_subprocess_exec(
            *("bash", "-o", "pipefail", "-c", self._shown.real(command)),
            cwd=self._folder,
            env=self._environ,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,
        )
        self._programs.append(Program(process))
        return self._programs[-1]
