"""Old sessions are deleted by one of all servers at a time."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from fenix_grpc.core.errors import StoreUnavailable
from fenix_grpc.engine.tasks import first
from fenix_grpc.ports import Clock
from fenix_grpc.store import Retention

logger = logging.getLogger(__name__)
#: How often one of all servers deletes what is older than `database.keep_days`.
PURGE_EVERY = timedelta(hours=6)
#: How often a server looks whether it is its turn to do so: another one may have died, or the database been away.
PURGE_LOOK = timedelta(hours=1)


async def keep_for(
    age: timedelta, retention: Retention, *, clock: Clock, stop: asyncio.Event
) -> None:
    """Deletes sessions past that age when it is this server's turn, until `stop` is set; an age of 0 keeps all."""
    while age and not stop.is_set():
        try:
            if await retention.in_turn(clock.now(), PURGE_EVERY):
                purged = await retention.purge(clock.now() - age)
                logger.info("purged %s sessions of %s events", purged.sessions, purged.events)
        except StoreUnavailable as err:
            logger.warning("old sessions are deleted later: %s", err)
        await first(stop.wait(), clock.sleep_until(clock.now() + PURGE_LOOK))
