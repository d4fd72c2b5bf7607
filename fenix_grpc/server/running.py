"""A server at work: the engine, the watches, the ways out and both doors, side by side.

When told to stop it says so first, then lets nobody in, then ends the watches and closes the doors; what an engine was
doing is taken up again by whoever claims its sessions next.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from math import ceil

import msgspec

from fenix_grpc.api.grpc_adapter import GrpcDoor
from fenix_grpc.api.service import Api
from fenix_grpc.clock import SystemClock
from fenix_grpc.config import Config, address, is_local
from fenix_grpc.engine.supervisor import Supervisor
from fenix_grpc.measures import CONTENT_TYPE, Measures
from fenix_grpc.notify.post_office import PostOffice
from fenix_grpc.readiness import Readiness
from fenix_grpc.server.in_process import InProcess
from fenix_grpc.server.keeping import keep_for
from fenix_grpc.store import Retention
from fenix_grpc.tls import ServerTls
from gateway.app import Page, create_app
from gateway.asgi import Answer, Limits
from gateway.serve import serve as serve_rest

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where a running server can be reached: HOST:PORT each."""

    grpc: str
    rest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The parts of a server side by side: when one fails all end."""

    config: Config
    api: Api
    supervisor: Supervisor
    office: PostOffice
    measures: Measures
    readiness: Readiness
    retention: Retention
    #: None for plain text.
    tls: ServerTls | None

    async def serve(
        self, told: asyncio.Event, on_ready: Callable[[Endpoints], None] | None
    ) -> None:
        """Until `told` is set; then as `_wind_down` says."""
        door = GrpcDoor(self.api.chain)
        credentials = self.tls.grpc_credentials() if self.tls else None
        grpc_port = await door.start(self.config.server.grpc_listen, credentials)
        self.readiness.on_change(door.serving)
        for part in self.readiness.reasons:
            self.measures.follow("fenix_ready", partial(self._works, part), part=part)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            beside = [
                group.create_task(self.readiness.run()),
                group.create_task(self.api.survey.run()),
            ]
            group.create_task(self.api.run(stop))
            group.create_task(self.supervisor.run(stop))
            group.create_task(self.office.run(stop))
            age = timedelta(days=self.config.database.keep_days)
            group.create_task(keep_for(age, self.retention, clock=SystemClock(), stop=stop))
            group.create_task(door.keep_open())
            group.create_task(_close(door, stop, self.config.server.grace_s))
            self._open_rest(group, stop, self._ready(grpc_port, on_ready))
            await self._wind_down(told, stop)
            for task in beside:
                task.cancel()

    async def _wind_down(self, told: asyncio.Event, stop: asyncio.Event) -> None:
        """First nobody is sent here any more, then nobody is let in, then everything ends at once."""
        await told.wait()
        await self.readiness.stop()
        clock = SystemClock()
        await clock.sleep_until(clock.now() + timedelta(seconds=self.config.server.notice_s))
        self.api.chain.gate.closed = True
        stop.set()

    def _open_rest(
        self, group: asyncio.TaskGroup, stop: asyncio.Event, on_ready: Callable[[int], None]
    ) -> None:
        """The REST door, and that of the metrics if it is another."""
        config, limits = self.config, self.config.limits
        metrics = {"/metrics": self._metrics}
        pages: dict[str, Page] = {"/readyz": self._readyz}
        where = config.metrics.listen
        rest_host, rest_port = address("server.rest_listen", config.server.rest_listen)
        if where == "rest" or (not where and is_local(rest_host)):
            pages |= metrics
        asked = Limits(
            body_bytes=limits.message_bytes,
            head_bytes=limits.metadata_bytes,
            stalled_s=limits.stalled_s,
        )
        app = create_app(InProcess(self.api.chain), pages=pages, limits=asked)
        serve = partial(
            serve_rest,
            stop=stop,
            grace_s=ceil(config.server.grace_s),
            tls=self.tls.context() if self.tls else None,
        )
        group.create_task(serve(app, rest_host, rest_port, on_ready=on_ready))
        if where not in ("", "rest", "off"):
            host, port = address("metrics.listen", where)
            own = create_app(InProcess(self.api.chain), services=(), pages=metrics)
            group.create_task(serve(own, host, port))

    def _ready(
        self, grpc_port: int, on_ready: Callable[[Endpoints], None] | None
    ) -> Callable[[int], None]:
        grpc_host, _ = address("server.grpc_listen", self.config.server.grpc_listen)
        rest_host, _ = address("server.rest_listen", self.config.server.rest_listen)

        def ready(port: int) -> None:
            there = Endpoints(grpc=f"{grpc_host}:{grpc_port}", rest=f"{rest_host}:{port}")
            scheme = "https" if self.tls else "http"
            logger.info("gRPC on %s, REST on %s://%s", there.grpc, scheme, there.rest)
            if on_ready:
                on_ready(there)

        return ready

    def _works(self, part: str) -> bool:
        return not self.readiness.reasons.get(part, "the server stops")

    def _metrics(self) -> Answer:
        return Answer(status=200, body=self.measures.text(), content_type=CONTENT_TYPE.encode())

    def _readyz(self) -> Answer:
        reasons = {part: reason or "ok" for part, reason in self.readiness.reasons.items()}
        body = msgspec.json.encode({"ready": self.readiness.ready, "parts": reasons})
        return Answer(status=200 if self.readiness.ready else 503, body=body)


async def _close(door: GrpcDoor, stop: asyncio.Event, grace_s: float) -> None:
    """In the end, also when another part has failed first."""
    try:
        await stop.wait()
    finally:
        await door.stop(grace_s)
