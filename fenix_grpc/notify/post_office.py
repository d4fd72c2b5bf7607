"""All ways out that a configuration names, put together: what server.py makes one of and runs beside the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from fenix_grpc.notify.courier import Counts, Courier
from fenix_grpc.notify.hearing import Hearing, Source
from fenix_grpc.ports import Clock, Cursors, Journal, Sink


class PostOffice:
    """A courier for each sink, and who listens through them."""

    def __init__(
        self,
        sinks: Sequence[Sink],
        sources: Mapping[str, Source],
        *,
        journal: Journal,
        cursors: Cursors,
        clock: Clock,
        owner: str,
        lease_s: float,
        refresh_s: float,
    ) -> None:
        """`owner` is unique among living servers; `sources` are asked every `refresh_s`."""
        self._couriers = {
            sink.name: Courier(
                sink,
                journal=journal,
                cursors=cursors,
                clock=clock,
                owner=owner,
                lease_s=lease_s,
            )
            for sink in sinks
        }
        self._hearing = Hearing(journal, sources, clock=clock, refresh_s=refresh_s)

    @property
    def counts(self) -> Mapping[str, Counts]:
        """By sink."""
        return {name: courier.counts for name, courier in self._couriers.items()}

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hearing.run(stop))
            for courier in self._couriers.values():
                tasks.create_task(courier.run(stop))
