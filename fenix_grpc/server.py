"""The composition root: reads a configuration, names the concrete parts, and runs them in one process until told to stop.

Nothing is decided here. The order matters: what callers need is there before ports open, and ports close before the engine
stops, so that a restart looks like a short break to everybody.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass

from google.protobuf.message import Message

from fenix_grpc.api import Limits, handlers
from fenix_grpc.api.chain import Chain
from fenix_grpc.api.grpc_adapter import serve as serve_grpc
from fenix_grpc.api.status import RpcFailure
from fenix_grpc.clock import SystemClock
from fenix_grpc.config import Config, address
from fenix_grpc.engine.runner import Listening
from fenix_grpc.engine.steps import Performer
from fenix_grpc.engine.supervisor import Supervisor
from fenix_grpc.identity import NoAuth
from fenix_grpc.plugins import Configured, load_actions, load_cloud, load_workflows
from fenix_grpc.ports import Journal
from fenix_grpc.store.journal import SqlJournal
from gateway.app import create_app
from gateway.backend import Metadata, RpcError
from gateway.serve import serve as serve_rest

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where a running server can be reached."""

    grpc: str
    rest: str


class InProcess:
    """The gateway's back end when it shares the process: the call chain itself (see gateway/backend.py)."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    async def unary(self, method: str, request: Message, metadata: Metadata) -> Message:
        """One request, one response."""
        try:
            return await self._chain.unary(method, request, dict(metadata), "rest")
        except RpcFailure as err:
            raise _as_rpc_error(err) from err

    async def stream(
        self, method: str, request: Message, metadata: Metadata
    ) -> AsyncIterator[Message]:
        """One request, many responses."""
        try:
            responses = self._chain.stream(method, request, dict(metadata), "rest")
            async with aclosing(responses):  # type: ignore[type-var]
                async for response in responses:
                    yield response
        except RpcFailure as err:
            raise _as_rpc_error(err) from err


def _as_rpc_error(err: RpcFailure) -> RpcError:
    return RpcError(err.status.code, err.status.message, err.status)


async def run(
    config: Config,
    *,
    stop: asyncio.Event | None = None,
    on_ready: Callable[[Endpoints], None] | None = None,
) -> None:
    """Serves until `stop` is set, or SIGTERM or SIGINT comes when there is no `stop`.

    Raises InvalidRequest for a configuration that cannot be carried out, OSError for an address that cannot be used and
    StoreUnavailable for a database that does not answer.
    """
    stopping = stop or _stopped_by_signals()
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        journal = await SqlJournal.open(config.database.url)
        stack.push_async_callback(journal.aclose)
        cloud = load_cloud(
            Configured(name="cloud", kind=config.cloud.kind, options=config.cloud.options), clock
        )
        stack.push_async_callback(cloud.aclose)
        actions = load_actions(
            (
                Configured(name=name, kind=action.kind, options=action.options)
                for name, action in config.actions.items()
            ),
            clock,
        )
        workflows = load_workflows(config.workflows.allowed)
        supervisor = Supervisor(
            _owner(config),
            journal=journal,
            performer=Performer(
                cloud=cloud, actions={n: actions.named(n) for n in actions.names}, clock=clock
            ),
            workflows={name: workflows.named(name) for name in workflows.names},
            listening=Listening(
                managed=frozenset(config.projects.managed),
                grace_s=config.projects.listener_grace_s,
            ),
            wall=clock,
            lease_s=config.engine.lease_s,
        )
        limits = Limits(max_sessions=config.server.max_sessions)
        made = handlers(
            journal, clock, actions, workflows, config.policy(), limits, stopping
        )
        chain = Chain(NoAuth(), made)
        await _serve(config, chain, supervisor, stopping, on_ready)


async def _serve(
    config: Config,
    chain: Chain,
    supervisor: Supervisor,
    stopping: asyncio.Event,
    on_ready: Callable[[Endpoints], None] | None,
) -> None:
    """Both doors and the engine, side by side."""
    grpc_host, grpc_port = address("server.grpc_listen", config.server.grpc_listen)
    rest_host, rest_port = address("server.rest_listen", config.server.rest_listen)
    app = create_app(InProcess(chain))
    ports: dict[str, int] = {}

    def ready(door: str, port: int) -> None:
        ports[door] = port
        if len(ports) == 2:
            there = Endpoints(
                grpc=f"{grpc_host}:{ports['grpc']}", rest=f"{rest_host}:{ports['rest']}"
            )
            logger.info("gRPC on %s, REST on http://%s", there.grpc, there.rest)
            if on_ready:
                on_ready(there)

    async with asyncio.TaskGroup() as group:
        group.create_task(supervisor.run(stopping))
        group.create_task(
            serve_grpc(
                chain, grpc_host, grpc_port, stop=stopping, on_ready=lambda p: ready("grpc", p)
            )
        )
        group.create_task(
            serve_rest(
                app, rest_host, rest_port, stop=stopping, on_ready=lambda p: ready("rest", p)
            )
        )


def _owner(config: Config) -> str:
    """The name of this server among those on one database: the same after a restart."""
    return f"{socket.gethostname()}/{config.server.grpc_listen}"


def _stopped_by_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def handlers_need(journal: Journal) -> Journal:
    return journal
