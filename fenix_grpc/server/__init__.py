"""The composition root: reads a configuration, names the concrete parts and runs them in one process until told to end.

Nothing is decided here. `parts.py` opens what a configuration names, `callers.py` says how callers prove who they are,
`ways_out.py` where notices go, `keeping.py` when old sessions go; `running.py` runs everything side by side.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from fenix_grpc.api.audit import write_to
from fenix_grpc.config import Config
from fenix_grpc.server.in_process import InProcess
from fenix_grpc.server.parts import api_of, open_parts, readiness_of, supervisor_of
from fenix_grpc.server.running import Endpoints, Running
from fenix_grpc.server.ways_out import post_office_of
from fenix_grpc.store import Retention

__all__ = ["Endpoints", "InProcess", "run"]


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
        parts = await open_parts(config, stack)
        if config.audit.file:
            stack.enter_context(write_to(Path(config.audit.file)))
        api = api_of(config, parts)
        supervisor = supervisor_of(config, parts)
        running = Running(
            config=config,
            api=api,
            supervisor=supervisor,
            office=await post_office_of(config, parts, stack),
            measures=parts.measures,
            readiness=readiness_of(parts, api, supervisor),
            retention=Retention(parts.journal),
            tls=parts.tls,
        )
        await running.serve(stopping, on_ready)


def _stopped_by_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
