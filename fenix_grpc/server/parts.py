"""The concrete parts that a configuration names, and what is made of them."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from fenix_grpc.api.policy import Access, read_access
from fenix_grpc.api.service import Api, Needs
from fenix_grpc.clock import SystemClock
from fenix_grpc.config import Config, address
from fenix_grpc.core.decision import Workflow
from fenix_grpc.engine.runner import Listening
from fenix_grpc.engine.steps import Performer
from fenix_grpc.engine.supervisor import Supervisor
from fenix_grpc.measures import Measures
from fenix_grpc.notify.warnings import warnings
from fenix_grpc.outbound import Reach, reach
from fenix_grpc.packages import Depot, rules
from fenix_grpc.plugins import Allowed, Configured, load_actions, load_cloud, load_workflows
from fenix_grpc.ports import (
    Action,
    Clock,
    Cloud,
    Constraints,
    Cursors,
    Identity,
    Packages,
    Webhooks,
)
from fenix_grpc.readiness import Readiness
from fenix_grpc.server.callers import identity_of, tls_of
from fenix_grpc.store import SqlConstraints, SqlCursors, SqlJournal, SqlWebhooks
from fenix_grpc.tls import ServerTls
from fenix_grpc.traces import Traces

#: How often a server looks for sessions that another has given up.
LOOK_S = 1.0
#: A session that many ask for is read less than 200 times a second.
READ_REST_S = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The concrete parts that a configuration names."""

    #: The server's name in leases: unique among living ones, and the same after a restart unless any port will do.
    owner: str
    clock: Clock
    measures: Measures
    traces: Traces
    journal: SqlJournal
    constraints: Constraints
    webhooks: Webhooks
    cursors: Cursors
    #: Where webhooks may go.
    webhook_reach: Reach
    cloud: Cloud
    actions: Allowed[Action]
    packages: Packages | None
    workflows: Allowed[Workflow]
    identity: Identity
    access: Access
    #: None for plain text.
    tls: ServerTls | None


async def open_parts(config: Config, stack: AsyncExitStack) -> Parts:
    """Opens them; `stack` closes them. Raises as `run` does."""
    clock, measures = SystemClock(), Measures()
    traces = Traces.sent_to(config.traces.endpoint)
    stack.push_async_callback(asyncio.to_thread, traces.close)
    journal = await SqlJournal.open(
        config.database.url,
        timeout_s=config.database.timeout_s,
        observe=measures.asked_database,
    )
    stack.push_async_callback(journal.aclose)
    chosen = Configured(name="cloud", kind=config.cloud.kind, options=config.cloud.options)
    cloud = load_cloud(chosen, clock)
    stack.push_async_callback(cloud.aclose)
    policy = config.auth.policy_file
    return Parts(
        owner=_owner(config),
        clock=clock,
        measures=measures,
        traces=traces,
        journal=journal,
        constraints=SqlConstraints(journal),
        webhooks=SqlWebhooks(journal),
        cursors=SqlCursors(journal),
        webhook_reach=reach(
            "webhooks",
            config.webhooks.allowed_urls,
            config.webhooks.private_networks,
            config.webhooks.ca_file,
        ),
        cloud=cloud,
        actions=_actions(config, clock),
        packages=_packages(config),
        workflows=load_workflows(config.workflows.allowed),
        identity=identity_of(config.auth, clock, stack),
        access=read_access(Path(policy)) if policy else Access(),
        tls=tls_of(config.tls),
    )


def _actions(config: Config, clock: Clock) -> Allowed[Action]:
    chosen = [
        Configured(
            name=name,
            kind=action.kind,
            options=action.options,
            timeout_s=action.timeout_s,
            attempts=action.attempts,
        )
        for name, action in config.actions.items()
    ]
    return load_actions(chosen, clock)


def _packages(config: Config) -> Packages | None:
    chosen = asdict(config.packages)
    directory = chosen.pop("directory")
    return Depot(Path(directory), rules(**chosen)) if directory else None


def api_of(config: Config, parts: Parts) -> Api:
    """The call chain, and what runs for its watches."""
    calls = bool(parts.webhook_reach.allowed_urls)
    tells = bool(config.oslo.transport_url) or calls
    needs = Needs(
        journal=parts.journal,
        constraints=parts.constraints,
        webhooks=parts.webhooks,
        cursors=parts.cursors,
        check_url=parts.webhook_reach.check if calls else None,
        warn=warnings if tells else lambda _: (),
        cloud=parts.cloud,
        identity=parts.identity,
        access=parts.access,
        workflows=parts.workflows,
        actions=parts.actions,
        packages=parts.packages,
        policy=config.policy(),
        clock=parts.clock,
        wall=parts.clock,
        max_sessions=config.server.max_sessions,
        listener_grace_s=config.projects.listener_grace_s,
        limits=config.limits,
        measures=parts.measures,
        traces=parts.traces,
        read_rest_s=READ_REST_S,
    )
    return Api(needs)


def _owner(config: Config) -> str:
    name = f"{socket.gethostname()}/{config.server.grpc_listen}"
    _, port = address("server.grpc_listen", config.server.grpc_listen)
    return name if port else f"{name}/{uuid4()}"


def supervisor_of(config: Config, parts: Parts) -> Supervisor:
    """The engine."""
    actions = {name: parts.actions.named(name) for name in parts.actions.names}
    return Supervisor(
        parts.owner,
        journal=parts.journal,
        performer=Performer(
            cloud=parts.cloud,
            actions=actions,
            clock=parts.clock,
            packages=parts.packages,
            measured=parts.measures.stepped,
            traces=parts.traces,
        ),
        workflows={name: parts.workflows.named(name) for name in parts.workflows.names},
        listening=Listening(
            managed=frozenset(config.projects.managed),
            grace_s=config.projects.listener_grace_s,
        ),
        wall=parts.clock,
        lease_s=config.engine.lease_s,
        constraints=parts.constraints,
        look_s=LOOK_S,
        measures=parts.measures,
    )


def readiness_of(parts: Parts, api: Api, supervisor: Supervisor) -> Readiness:
    """A server is ready while its database answers, its watches hear of what is appended and its engine has leases."""

    async def database() -> str:
        await parts.journal.head()
        return ""

    return Readiness(
        {"database": database, "watches": api.feed.alive, "engine": supervisor.alive},
        wall=parts.clock,
    )
