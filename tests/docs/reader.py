"""Does what a page of docs/ says, as its reader would: in order, in one folder, with real programs.

What a program says must be what the page shows, where `...` stands for anything, dates, times and durations stand for
others, and an id stands for the real one that is in its place in the first output that shows it. A console block without a
command is what the last program that stays has said since. Blocks of `sh` that are no file are not run: they install,
or need a cloud.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from pathlib import Path

from fenix_grpc.cli.processes import free_ports
from tests.docs.pages import Block

#: Ports that pages name; every reader gets others.
PORTS = ("12347", "12348", "8080")
#: Longest time that a command may take.
PATIENCE_S = 30.0

_ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_VARIES = re.compile(rf"(\.\.\.|{_ID}|\d{{4}}-\d\d-\d\d|\d\d:\d\d:\d\d|\d+\.\d s)")


class Program:
    """A running command and what it has said that was not shown yet."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        self.process = process
        self.said = ""
        self._stdout = process.stdout

    async def hear(self) -> bool:
        """Takes in a line; false when there are no more."""
        line = (await self._stdout.readline()).decode()
        self.said += _squeezed(line) if line else ""
        return bool(line)

    async def end(self) -> None:
        """Ends it and all it has started."""
        if self.process.returncode is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        while await self.hear():
            pass
        await self.process.wait()


class Reader:
    """Reads pages in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        #: What pages show, and what is there in truth.
        self._real_for = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
        self._staying: list[Program] = []

    async def do(self, block: Block) -> None:
        """Writes a file; runs commands and compares what they say."""
        if block.file:
            path = self._folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._real(block.text))
        elif block.language == "console":
            commands = list(block.commands())
            for number, (command, output) in enumerate(commands, 1):
                code = block.exit_code if number == len(commands) else 0
                async with asyncio.timeout(PATIENCE_S):
                    await self._run(block, command, output, code)

    async def close(self) -> None:
        """Ends the programs that stay, the last first."""
        for program in reversed(self._staying):
            await program.end()

    async def _run(self, block: Block, command: str, output: str, code: int) -> None:
        pattern, where = self._pattern(output), f"{block.place}: {command}"
        if block.stays or not command:
            if command:
                self._staying.append(await self._start(command))
            program = self._staying[-1]
            while not (found := pattern.search(program.said)) and await program.hear():
                pass
        else:
            program = await self._start(command)
            while await program.hear():
                pass
            assert await program.process.wait() == code, f"{where}\n{program.said}"
            found = pattern.fullmatch(program.said)
        if output:
            assert found, f"{where}--- shown\n{self._real(output)}--- said\n{program.said}"
            program.said = program.said[found.end() :]
            for name, real in found.groupdict().items():
                shown = name[1:].replace("_", "-")
                self._real_for |= {shown: real, shown[:8]: real[:8]}

    async def _start(self, command: str) -> Program:
        own = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "FENIX_SERVER": f"127.0.0.1:{self._real_for['12348']}",
            "TZ": "UTC",
            "no_proxy": "127.0.0.1",
            # what a page installs is found, and goes with the folder
            **{"PYTHONPATH": "installed", "PIP_TARGET": "installed", "PIP_NO_DEPS": "1"},
            **{"PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_QUIET": "1"},
        }
        process = await asyncio.create_subprocess_exec(
            *("bash", "-o", "pipefail", "-c", self._real(command)),
            cwd=self._folder,
            env={**os.environ, **own},
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,
        )
        return Program(process)

    def _real(self, text: str) -> str:
        """The text with the real ports and ids in place of those shown."""
        shown = "|".join(sorted(self._real_for, key=len, reverse=True))
        return re.sub(shown, lambda found: self._real_for[found[0]], text)

    def _pattern(self, output: str) -> re.Pattern[str]:
        """What a program that says this may say."""
        new: set[str] = set()

        def part(text: str) -> str:
            if text == "...":
                return ".*?"
            if not _VARIES.fullmatch(text) or text in self._real_for.values():
                return re.escape(text)
            if "-" not in text or len(text) < 36:
                return re.sub(r"\d+", r"\\d+", re.escape(text))
            name = f"i{text.replace('-', '_')}"
            again = name in new
            new.add(name)
            return f"(?P={name})" if again else f"(?P<{name}>{_ID})"

        lines = map(_squeezed, self._real(output).splitlines())
        shown = ("(?:.*\n)*?" if s == "...\n" else "".join(map(part, _VARIES.split(s))) for s in lines)
        return re.compile("".join(shown))


def _squeezed(line: str) -> str:
    """Columns are as wide as what is in them: only that there is a gap counts."""
    return " ".join(line.split()) + "\n"
