"""The composition root: reads a configuration, names the concrete parts and runs them in one process until told to end.

Nothing is decided here. All parts run side by side; when told to stop, watches end first, then both doors close, and
what an engine was doing is taken up again by whoever claims its sessions next.
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

from fenix_grpc.api.chain import Chain
from fenix_grpc.api.grpc_adapter import GrpcDoor
from fenix_grpc.api.service import Api
from fenix_grpc.api.status import RpcFailure
from fenix_grpc.clock import SystemClock
from fenix_grpc.config import Config, address
from fenix_grpc.core.decision import Workflow
from fenix_grpc.engine.runner import Listening
from fenix_grpc.engine.steps import Performer
from fenix_grpc.engine.supervisor import Supervisor
from fenix_grpc.identity import NoAuth
from fenix_grpc.plugins import Allowed, Configured, load_actions, load_cloud, load_workflows
from fenix_grpc.ports import Action, Clock, Cloud, Constraints, Journal
from fenix_grpc.store import SqlConstraints, SqlJournal
from gateway.app import create_app
from gateway.backend import Metadata, RpcError
from gateway.serve import serve as serve_rest

logger = logging.getLogger(__name__)
#: Seconds that calls get to end after a stop.
GRACE_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where a running server can be reached: HOST:PORT each."""

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
            async with aclosing(
                self._chain.stream(method, request, dict(metadata), "rest")
            ) as responses:
                async for response in responses:
                    yield response
        except RpcFailure as err:
            raise _as_rpc_error(err) from err


def _as_rpc_error(err: RpcFailure) -> RpcError:
    return RpcError(err.status.code, err.status.message, err.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The concrete parts that a configuration names."""

    clock: Clock
    journal: Journal
    constraints: Constraints
    cloud: Cloud
    actions: Allowed[Action]
    workflows: Allowed[Workflow]


async def run(
    config: Config,
    *,
    stop: asyncio.Event | None = None,
    on_ready: Callable[[Endpoints], None] | None = None,
) -> None:
    """Serves until `stop` is set, or until SIGTERM or SIGINT when there is none.

    Raises InvalidRequest for a configuration that cannot be carried out, OSError for an address that cannot be used and
    StoreUnavailable for a database that does not answer.
    """
    stopping = stop or _stopped_by_signals()
    async with AsyncExitStack() as stack:
        parts = await _open(config, stack)
        api = Api(
            journal=parts.journal,
            constraints=parts.constraints,
            identity=NoAuth(),
            workflows=parts.workflows,
            actions=parts.actions,
            policy=config.policy(),
            clock=parts.clock,
            wall=parts.clock,
            max_sessions=config.server.max_sessions,
            listener_grace_s=config.projects.listener_grace_s,
        )
        await _serve(config, api, _supervisor(config, parts), stopping, on_ready)


async def _open(config: Config, stack: AsyncExitStack) -> Parts:
    clock = SystemClock()
    journal = await SqlJournal.open(config.database.url)
    stack.push_async_callback(journal.aclose)
    chosen = Configured(name="cloud", kind=config.cloud.kind, options=config.cloud.options)
    cloud = load_cloud(chosen, clock)
    stack.push_async_callback(cloud.aclose)
    actions = [
        Configured(name=name, kind=action.kind, options=action.options)
        for name, action in config.actions.items()
    ]
    return Parts(
        clock=clock,
        journal=journal,
        constraints=SqlConstraints(journal),
        cloud=cloud,
        actions=load_actions(actions, clock),
        workflows=load_workflows(config.workflows.allowed),
    )


def _supervisor(config: Config, parts: Parts) -> Supervisor:
    actions = {name: parts.actions.named(name) for name in parts.actions.names}
    return Supervisor(
        f"{socket.gethostname()}/{config.server.grpc_listen}",
        journal=parts.journal,
        performer=Performer(cloud=parts.cloud, actions=actions, clock=parts.clock),
        workflows={name: parts.workflows.named(name) for name in parts.workflows.names},
        listening=Listening(
            managed=frozenset(config.projects.managed),
            grace_s=config.projects.listener_grace_s,
        ),
        wall=parts.clock,
        lease_s=config.engine.lease_s,
        constraints=parts.constraints,
    )


async def _serve(
    config: Config,
    api: Api,
    supervisor: Supervisor,
    stop: asyncio.Event,
    on_ready: Callable[[Endpoints], None] | None,
) -> None:
    """The engine, the watches and both doors, side by side; when one fails all end."""
    grpc_host, _ = address("server.grpc_listen", config.server.grpc_listen)
    rest_host, rest_port = address("server.rest_listen", config.server.rest_listen)
    door = GrpcDoor(api.chain)
    grpc_port = await door.start(config.server.grpc_listen)

    def ready(port: int) -> None:
        there = Endpoints(grpc=f"{grpc_host}:{grpc_port}", rest=f"{rest_host}:{port}")
        logger.info("gRPC on %s, REST on http://%s", there.grpc, there.rest)
        if on_ready:
            on_ready(there)

    app = create_app(InProcess(api.chain))
    async with asyncio.TaskGroup() as group:
        group.create_task(api.run(stop))
        group.create_task(supervisor.run(stop))
        group.create_task(_close(door, stop))
        group.create_task(serve_rest(app, rest_host, rest_port, stop=stop, on_ready=ready))


async def _close(door: GrpcDoor, stop: asyncio.Event) -> None:
    """In the end, also when another part has failed first."""
    try:
        await stop.wait()
    finally:
        await door.stop(GRACE_S)


def _stopped_by_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
