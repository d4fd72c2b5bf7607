"""Builds one instance of a dead host again on another one: look at the server, ask once, look until it runs.

What to do next follows from what Nova shows now, so an evacuation that another process began is followed. Whatever the
dead host was doing with the server is of no interest any more: Nova evacuates it all the same.
"""

from __future__ import annotations

from datetime import timedelta

from fenix_grpc.clouds.openstack.nova import Migration, Nova, Server
from fenix_grpc.core.errors import CloudError, CloudRefused, CloudUnavailable
from fenix_grpc.ports import Clock, MoveResult

#: Word in the task of a server that is evacuated (nova: task_states.REBUILDING and those that follow).
_REBUILD = "rebuild"
_KIND = "evacuation"
#: States of its record before its end (nova: objects/migration.py).
_RUNNING = frozenset({"accepted", "pre-migrating"})


class Evacuation:
    """One instance of `source`. `run` is called once."""

    def __init__(
        self,
        nova: Nova,
        clock: Clock,
        *,
        instance_id: str,
        source: str,
        target: str,
        timeout_s: float,
        poll: timedelta,
    ) -> None:
        self._nova = nova
        self._clock = clock
        self._instance_id = instance_id
        self._source = source
        self._target = target
        self._timeout_s = timeout_s
        self._poll = poll
        #: Nova took our request, or was seen at it.
        self._began = False
        self._refused = False

    async def run(self) -> MoveResult:
        """Returns when the instance runs elsewhere. CloudUnavailable also when time is up."""
        deadline = self._clock.now() + timedelta(seconds=self._timeout_s)
        while True:
            try:
                server = await self._nova.server(self._instance_id)
                record = await self._nova.last_migration(self._instance_id)
            except CloudUnavailable as err:  # an outage shorter than the time-out does no harm
                awaited = f"an answer ({err})"
            else:
                if server is None:
                    return MoveResult(host="")
                awaited = await self._step(server, record)
                if not awaited:
                    return MoveResult(host=server.host)
            now = self._clock.now()
            if now >= deadline:
                raise CloudUnavailable(
                    f"instance {self._instance_id}: {self._timeout_s:.0f} s passed while waiting for {awaited}"
                )
            await self._clock.sleep_until(min(now + self._poll, deadline))

    async def _step(self, server: Server, record: Migration | None) -> str:
        """Takes the one action that is due, if any. Returns what is awaited; nothing once the instance has left."""
        running = record is not None and record.kind == _KIND and record.status in _RUNNING
        if running or server.task.startswith(_REBUILD):
            self._began = True
            return f"its evacuation ({server.task or server.status})"
        if server.host != self._source and server.status != "ERROR":
            return "" if not server.task else f"Nova, which is busy with it ({server.task})"
        if self._began or server.host != self._source:
            why = server.fault or await self._nova.last_problem(server.instance_id)
            where = f"in {server.status} on {server.host or 'no host'}"
            raise CloudRefused(
                f"instance {server.instance_id} is {where} after its evacuation:"
                f" {why or 'Nova gives no reason'}"
            )
        try:
            await self._nova.evacuate(server.instance_id, self._target)
        except CloudError:
            if self._refused:
                raise
            self._refused = (
                True  # perhaps somebody else was a moment faster, or the answer was lost
            )
            return "its evacuation to begin"
        self._began = True
        return "its evacuation to begin"
