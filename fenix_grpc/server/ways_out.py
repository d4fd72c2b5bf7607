"""Where notices go besides the watches: the message bus and webhooks, as far as they are configured."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import asdict
from functools import partial
from typing import Any

from fenix_grpc.config import Config
from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.notify.aodh import Aodh
from fenix_grpc.notify.hearing import Source
from fenix_grpc.notify.oslo import Bus, OsloSink
from fenix_grpc.notify.post_office import PostOffice
from fenix_grpc.notify.webhook import WebhookSink
from fenix_grpc.ports import Sink
from fenix_grpc.server.parts import Parts


async def post_office_of(config: Config, parts: Parts, stack: AsyncExitStack) -> PostOffice:
    """The ways out that are configured. Raises InvalidRequest."""
    sinks: list[Sink] = []
    sources: dict[str, Source] = {}
    told: dict[str, Any] = {
        "public_url": config.public_url,
        "patience_s": config.notices.patience_s,
    }
    aodh = Aodh(config.aodh.cloud) if config.aodh.cloud else None
    if aodh:
        stack.push_async_callback(aodh.aclose)
        sources["alarms"] = aodh.projects
    if config.oslo.transport_url:
        sinks.append(OsloSink(await _bus(config, aodh), **told))
    if parts.webhook_reach.allowed_urls:
        sinks.append(
            WebhookSink(
                parts.webhooks,
                parts.webhook_reach,
                clock=parts.clock,
                answer_s=config.webhooks.answer_s,
                **told,
            )
        )
        sources["webhooks"] = parts.webhooks.projects
    for sink in sinks:
        stack.push_async_callback(sink.aclose)
    office = PostOffice(
        sinks,
        sources,
        journal=parts.journal,
        cursors=parts.cursors,
        clock=parts.clock,
        owner=parts.owner,
        lease_s=config.engine.lease_s,
        refresh_s=config.projects.listener_grace_s / 4,
    )
    for name, counts in office.counts.items():
        waiting = partial(getattr, counts, "waiting")
        parts.measures.follow("fenix_notifications_pending", waiting, sink=name)
    return office


async def _bus(config: Config, aodh: Aodh | None) -> Bus:
    """Whom hosts and sessions are told to is asked of Keystone where it is not configured."""
    admin_project_id = config.oslo.admin_project_id
    if aodh and not admin_project_id:
        admin_project_id = await aodh.own_project()
    if not admin_project_id:
        raise InvalidRequest("oslo.admin_project_id", "must be set, or aodh.cloud")
    return Bus(**{**asdict(config.oslo), "admin_project_id": admin_project_id})
