"""One session with every sample in it, each a process of its own and the manager of its own project; the server is
killed twice on the way."""

from __future__ import annotations

import asyncio
import shlex
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from fenix_client import Client

from fenix_grpc.identity.static import Entry, digest, line_of, new_token
from fenix_grpc.v1.events_pb2 import SessionEvent
from fenix_grpc.v1.session_service_pb2 import CreateSessionRequest
from fenix_grpc.v1.types_pb2 import ActionType, NoticeKind, SessionState
from tests.access.certificates import Authority
from tests.clients.languages import CLIENTS, Command, Language
from tests.processes.servers import ServerProcess
from tests.processes.sessions import create, end_of, until
from tests.processes.test_sigkill import managed

HERE = Path(__file__).parent
#: Longest time that the session may take.
SESSION_S = 300.0
#: Longest time from the end of the session to that of the programs in it.
PATIENCE_S = 60.0
MORE = """
[timers]
poll_s = 0.1
retry_wait_s = 0.2
reply_s = 120
scale_reply_s = 120
[actions.patch]
kind = "dummy"
[auth]
kind = "static"
static = {{ file = "{tokens}" }}
[tls]
certificate = "{certificate}"
key = "{key}"
"""


class Keys:
    """TLS, and a token for each project and for nothing else."""

    def __init__(self, directory: Path, projects: Sequence[str]) -> None:
        authority = Authority(directory)
        self.ca = authority.ca
        self.pair = authority.issue("server", server=True)
        self.admin = new_token()
        self.tokens = {project: new_token() for project in projects}
        self.file = directory / "tokens.toml"
        lines = ["[tokens]", line_of("ops", Entry(role="admin", sha256=digest(self.admin)))]
        for name, token in self.tokens.items():
            lines.append(line_of(name, Entry(role="project", project=name, sha256=digest(token))))
        self.file.touch(mode=0o600)
        self.file.write_text("\n".join(lines))

    def server(self, directory: Path) -> ServerProcess:
        """One that asks for them."""
        pair = self.pair
        more = MORE.format(tokens=self.file, certificate=pair.certificate, key=pair.key)
        cloud = (HERE / "cloud.toml").read_text()
        return ServerProcess.simulated(directory, cloud, more, ca=self.ca, token=self.admin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a program printed until it ended."""

    code: int
    #: Its transcript.
    out: str
    #: Breaks of the connection and the like.
    err: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """How it went, by name of the language."""

    end: SessionState
    vnfms: Mapping[str, Told]
    watches: Mapping[str, Told]
    #: Samples that spoke for a project which is not that of their token.
    strangers: Mapping[str, Told]


class Program:
    """A running sample and what it has said."""

    def __init__(self, process: asyncio.subprocess.Process, errors: Path) -> None:
        assert process.stdout is not None
        self._process = process
        self._stdout = process.stdout
        self._errors = errors
        self._lines: list[str] = []

    @classmethod
    async def start(cls, command: Command, errors: Path) -> Program:
        with errors.open("wb") as stderr:
            process = await asyncio.create_subprocess_exec(
                *map(str, command), stdout=PIPE, stderr=stderr, cwd=CLIENTS.parent
            )
        return cls(process, errors)

    async def begun(self) -> None:
        """Returns when it has printed its first line, or has ended."""
        await self._hear()

    async def told(self) -> Told:
        """What it said until it ended, or until patience did."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while await self._hear():
                    pass
                await self._process.wait()
        self.end()
        code = await self._process.wait()
        return Told(code=code, out="".join(self._lines), err=self._errors.read_text())

    async def _hear(self) -> str:
        line = (await self._stdout.readline()).decode()
        self._lines.append(line)
        return line

    def end(self) -> None:
        """Ends it if it runs."""
        if self._process.returncode is None:
            self._process.kill()


class Stage:
    """Starts programs and ends those that are left."""

    def __init__(self, directory: Path, stack: AsyncExitStack) -> None:
        directory.mkdir()
        self._directory = directory
        self._stack = stack
        self._programs: dict[str, Program] = {}

    async def start(self, name: str, command: Command) -> None:
        program = await Program.start(command, self._directory / f"{name}.err")
        self._stack.callback(program.end)
        self._programs[name] = program

    async def begun(self) -> None:
        """Returns when each has said something."""
        await asyncio.gather(*(program.begun() for program in self._programs.values()))

    async def told(self) -> Mapping[str, Told]:
        """What each said, when all have ended."""
        told = (program.told() for program in self._programs.values())
        return dict(zip(self._programs, await asyncio.gather(*told), strict=True))


async def play(directory: Path, languages: Sequence[Language]) -> Story:
    """Plays it to its end."""
    keys = Keys(directory, [language.name for language in languages])
    server = keys.server(directory)
    await server.start()
    cloud = server.open_cloud()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(cloud.aclose)
        stack.push_async_callback(server.stop)
        client = await stack.enter_async_context(server.client())
        await stack.enter_async_context(managed(client, cloud, "spare"))
        vnfms, watches, strangers = (
            Stage(directory / name, stack) for name in ("vnfms", "watches", "strangers")
        )
        async with asyncio.timeout(SESSION_S):
            for language in languages:
                flags = _flags(server, keys, "spare", keys.tokens[language.name])
                await strangers.start(language.name, (*language.vnfm, *flags))
            refused = await strangers.told()
            for language in languages:
                flags = _flags(server, keys, language.name, keys.tokens[language.name])
                await vnfms.start(language.name, (*language.vnfm, *flags))
            await vnfms.begun()
            session_id = await create(client, _request())
            for language in languages:
                if language.watch:
                    flags = ("--server", server.grpc, "--ca", keys.ca, "--token", keys.admin)
                    await watches.start(language.name, (*language.watch, *flags))
            await _killed_when_asked(client, session_id, "PREPARE_MAINTENANCE", server)
            await _killed_when_asked(client, session_id, "PLANNED_MAINTENANCE", server)
            end = await end_of(client, session_id)
        told = await asyncio.gather(vnfms.told(), watches.told())
        return Story(end=end, vnfms=told[0], watches=told[1], strangers=refused)


async def _killed_when_asked(
    client: Client, session_id: str, kind: str, server: ServerProcess
) -> None:
    def asked(event: SessionEvent) -> bool:
        return NoticeKind.Name(event.project_asked.kind) == f"NOTICE_KIND_{kind}"

    await until(client, session_id, asked)
    await server.kill()
    await server.start()


def _flags(server: ServerProcess, keys: Keys, project_id: str, token: str) -> Command:
    files = (server.directory / "cloud.toml", server.directory / "cloud.sqlite")
    replace = (sys.executable, "-m", "tests.clients.replace", *map(str, files), project_id)
    return (
        *("--server", server.grpc),
        *("--project", project_id),
        *("--token", token),
        *("--ca", keys.ca),
        *("--own-action", "db-1"),
        *("--on-own-action", shlex.join(replace)),
    )


def _request() -> CreateSessionRequest:
    request = CreateSessionRequest(hosts=["compute-1", "compute-2"])
    request.actions.add(plugin="patch", type=ActionType.ACTION_TYPE_HOST)
    request.actions[0].metadata["seconds"] = 0.1
    request.maintenance_at.GetCurrentTime()
    return request
