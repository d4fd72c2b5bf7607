"""A reader of the message bus with queues of its own: gets a copy of every notification, one after the other."""

from __future__ import annotations

import asyncio
import uuid
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import oslo_messaging
    from oslo_config import cfg


class BusWitness:
    """What it has read, in order: event type and payload."""

    def __init__(self) -> None:
        self.read: list[tuple[str, Mapping[str, Any]]] = []

    def info(self, context: Any, publisher: str, event: str, payload: Any, metadata: Any) -> None:
        if publisher == "fenix":
            self.read.append((event, payload))


@asynccontextmanager
async def a_bus_witness(transport_url: str) -> AsyncIterator[BusWitness]:
    """Reads while the block lasts. One thread: more would overtake each other."""
    witness, conf = BusWitness(), cfg.ConfigOpts()
    conf([], project="witness", default_config_files=[], default_config_dirs=[])
    transport = oslo_messaging.get_notification_transport(conf, url=transport_url)
    target = oslo_messaging.Target(topic="notifications", exchange="openstack")
    listener = oslo_messaging.get_notification_listener(
        transport, [target], [witness], executor="threading", pool=f"witness-{uuid.uuid4().hex}"
    )
    conf.set_override("executor_thread_pool_size", 1)
    await asyncio.to_thread(listener.start)
    try:
        yield witness
    finally:
        await asyncio.to_thread(listener.stop)
        await asyncio.to_thread(listener.wait)
        await asyncio.to_thread(transport.cleanup)
