"""A real server process that can be killed and started again on the same files."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from fenix_client import Backoff, Client, connect, patiently, tls_credentials

from fenix_grpc.cli.processes import free_ports
from fenix_grpc.clock import SystemClock
from fenix_grpc.clouds.simulated import SimulatedCloud
from fenix_grpc.v1.session_service_pb2 import ListSessionsRequest

READY = Backoff(first_s=0.05, most_s=0.1, attempts=600)


class ServerProcess:
    """`fenix serve` on SQLite in `directory`, or on the `database` of that url. `cloud` is what its configuration says
    of the cloud, `server` what it says of the server besides addresses, `more` the rest. Several servers in one
    directory have names of their own."""

    def __init__(
        self,
        directory: Path,
        cloud: str,
        more: str = "",
        environ: Mapping[str, str] | None = None,
        *,
        server: str = "",
        database: str = "",
        timeout_s: float = 10.0,
        name: str = "",
        ca: Path | None = None,
        token: str = "",
    ) -> None:
        """With `ca` it speaks TLS; its own clients trust that, and have the token."""
        grpc_port, rest_port = free_ports(2)
        self.directory = directory
        self.grpc = f"127.0.0.1:{grpc_port}"
        self.rest = f"{'https' if ca else 'http'}://127.0.0.1:{rest_port}"
        self.log = directory / f"{name or 'server'}.log"
        self._ca, self._token = ca, token
        self._environ = {**os.environ, "PYTHONFAULTHANDLER": "1", **(environ or {})}
        self._config = directory / f"{name or 'fenix'}.toml"
        self._config.write_text(f"""
[server]
grpc_listen = "{self.grpc}"
rest_listen = "127.0.0.1:{rest_port}"
{server}
[database]
url = "{database or f"sqlite:///{directory}/fenix.sqlite"}"
timeout_s = {timeout_s}
[cloud]
{cloud}
{more}
""")
        self._process: asyncio.subprocess.Process | None = None

    @classmethod
    def simulated(
        cls, directory: Path, cloud: str, more: str = "", **settings: Any
    ) -> ServerProcess:
        """With a simulated cloud described in TOML, which lives in a file and so survives the server."""
        file = directory / "cloud.toml"
        file.write_text(cloud)
        options = f'{{ file = "{file}", state = "{directory}/cloud.sqlite" }}'
        return cls(directory, f'kind = "simulated"\noptions = {options}', more, **settings)

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def open_cloud(self) -> SimulatedCloud:
        """The simulated cloud, as this process sees it."""
        state = str(self.directory / "cloud.sqlite")
        file = self.directory / "cloud.toml"
        return SimulatedCloud.open(file, clock=SystemClock(), state=state)

    async def start(self) -> None:
        """Returns when it answers. Raises ChildProcessError when it ends instead."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "fenix_grpc.cli", "serve", "--config", str(self._config)),
                stdout=log,
                stderr=log,
                env=self._environ,
            )
        answers = asyncio.ensure_future(self._until_answer())
        ends = asyncio.ensure_future(self._process.wait())
        try:
            await asyncio.wait([answers, ends], return_when=asyncio.FIRST_COMPLETED)
            if ends.done():
                log_lines = self.log.read_text(errors="replace").splitlines()[-30:]
                raise ChildProcessError(f"ended with {ends.result()}:\n" + "\n".join(log_lines))
            await answers
        finally:
            ends.cancel()
            answers.cancel()

    async def _until_answer(self) -> None:
        async with self.client() as client:
            await patiently(
                lambda: client.call(client.sessions.ListSessions, ListSessionsRequest()), READY
            )

    async def kill(self) -> None:
        """SIGKILL: it gets no chance to tidy up."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        return await self._end(signal.SIGTERM)

    def tell_to_stop(self) -> None:
        """SIGTERM, without waiting for the end; `stop` waits."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def freeze(self) -> None:
        """SIGSTOP: it does nothing any more, and knows nothing of it."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT: it goes on as if no time had passed."""
        os.kill(self.pid, signal.SIGCONT)

    async def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)
        code = await self._process.wait()
        self._process = None
        return code

    def client(self) -> Client:
        credentials = tls_credentials(self._ca) if self._ca else None
        return connect(self.grpc, self._token, credentials=credentials)
