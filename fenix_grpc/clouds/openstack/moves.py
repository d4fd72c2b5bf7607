"""Moves one instance off its host: look at the server, take one small action, look again.

The loop holds no plan. What to do next follows from what Nova shows now, so a move that another process began, or that
this one began before it was killed, is taken over at whatever point it has reached. The state of the server alone does
not tell how a live migration ended (nova API: 202 is answered before a host is even chosen, the server shows its new
host before all is done, and after a failure it is ACTIVE without a fault); the migration record does.
"""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime, timedelta

from fenix_grpc.clouds.openstack.hurry import Hurry
from fenix_grpc.clouds.openstack.nova import Migration, Nova, Server
from fenix_grpc.core.errors import CloudError, CloudRefused, CloudUnavailable
from fenix_grpc.core.live import LiveRule
from fenix_grpc.core.model import InstanceAction
from fenix_grpc.ports import Clock, MoveResult

#: States of a server on its way that change by themselves (nova API: server status).
_UNDER_WAY = frozenset({"MIGRATING", "RESIZE"})
_ON_ITS_WAY = _UNDER_WAY | {"VERIFY_RESIZE"}
#: States of a server that Nova does not migrate at all, and what makes them others (nova: compute/api.py).
_STAYS = {"SUSPENDED": "resume", "RESCUE": "unrescue", "SHELVED": "unshelve"}
#: States of a migration record that end by themselves (nova: objects/migration.py).
_RUNNING = frozenset(
    {
        "accepted",
        "queued",
        "preparing",
        "running",
        "pre-migrating",
        "migrating",
        "post-migrating",
        "confirming",
        "reverting",
    }
)
#: State of the record of a cold migration that awaits its confirmation.
_UNCONFIRMED = "finished"
#: How many looks long an unconfirmed migration is left to whoever began it.
_LOOKS_LEFT_TO_OTHERS = 5


class Move:
    """One instance that is to leave `source`. `run` is called once."""

    def __init__(
        self,
        nova: Nova,
        clock: Clock,
        *,
        instance_id: str,
        how: InstanceAction,
        source: str,
        target: str,
        timeout_s: float,
        poll: timedelta,
        live: LiveRule | None = None,
    ) -> None:
        self._hurry = Hurry(nova, clock, instance_id, live) if live else None
        self._nova = nova
        self._clock = clock
        self._instance_id = instance_id
        self._how = how
        self._source = source
        self._target = target
        self._timeout_s = timeout_s
        self._poll = poll
        #: Nova took our request to move it.
        self._began = False
        #: A move away from the source was seen under way.
        self._seen = False
        #: From when on a confirmation is ours to give.
        self._confirm_at: datetime | None = None
        #: The newest record when the move was begun here: it tells of an earlier one.
        self._earlier = 0
        #: What Nova said no to when it was last asked for something.
        self._refused = ""

    async def run(self) -> MoveResult:
        """Returns when the instance has left. Errors as the port says; CloudUnavailable also when time is up."""
        deadline = self._clock.now() + timedelta(seconds=self._timeout_s)
        while True:
            try:
                server, record = await self._look()
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
                refused = f"; {self._hurry.refused}" if self._hurry and self._hurry.refused else ""
                raise CloudUnavailable(
                    f"instance {self._instance_id}: {self._timeout_s:.0f} s passed while waiting for"
                    f" {awaited}{refused}"
                )
            await self._clock.sleep_until(min(now + self._poll, deadline))

    async def _look(self) -> tuple[Server | None, Migration | None]:
        """The server and its newest record; that is not asked for while it is plain that our own migration goes on."""
        server = await self._nova.server(self._instance_id)
        if server is None or (self._began and server.status in _UNDER_WAY):
            return server, None
        return server, await self._nova.last_migration(self._instance_id)

    async def _step(self, server: Server, record: Migration | None) -> str:
        """Takes the one action that is due, if any. Returns what is awaited; nothing once the instance has left."""
        running = record is not None and record.status in _RUNNING
        if server.status == "ERROR":
            raise CloudRefused(await self._why_broken(server))
        if server.status in _ON_ITS_WAY and (record is None or record.target != self._source):
            self._seen = True
        if server.status == "VERIFY_RESIZE":
            if record is not None and record.status == _UNCONFIRMED and self._may_confirm():
                await self._ask("confirm", self._nova.confirm(server.instance_id))
            return "the confirmation of its migration"
        if self._hurry is not None and server.status == "MIGRATING":
            await self._hurry.look()
        if server.status in _ON_ITS_WAY or server.task:
            return f"Nova, which is busy with it ({server.task or server.status})"
        if server.host == self._source and not (self._began or self._seen):
            await self._begin(server, record)
            return "its migration to begin"
        if running:
            return "its migration record to end"
        if server.host == self._source:
            raise CloudRefused(await self._why_still_here(record))
        return ""

    async def _begin(self, server: Server, record: Migration | None) -> None:
        self._earlier = record.number if record else 0
        if server.status in _STAYS:
            raise CloudRefused(
                f"instance {server.instance_id} on {server.host} is {server.status}, and Nova moves it only while it is"
                f" ACTIVE, PAUSED or SHUTOFF: openstack server {_STAYS[server.status]} it, or have its project replace"
                " it (OWN_ACTION)"
            )
        # A paused one knows only the live way, a stopped one only the cold way.
        wanted = self._how is InstanceAction.LIVE_MIGRATE and server.status == "ACTIVE"
        live = wanted or server.status == "PAUSED"
        migrate = self._nova.live_migrate if live else self._nova.cold_migrate
        self._began = await self._ask("begin", migrate(server.instance_id, self._target))
        if self._hurry is not None and self._began:
            self._hurry.began()

    def _may_confirm(self) -> bool:
        """Whoever began the migration confirms it; others only when that one seems to be dead. (nova: two confirmations
        in one moment are both taken, and the second puts the server into ERROR.)"""
        now = self._clock.now()
        if self._confirm_at is None:
            self._confirm_at = now if self._began else now + _LOOKS_LEFT_TO_OTHERS * self._poll
        return now >= self._confirm_at

    async def _ask(self, what: str, action: Awaitable[None]) -> bool:
        """True when Nova takes the action. A first no, or no answer, may only mean that something else was a moment
        faster or that the answer was lost, which the next look will show; a second one to the same counts. (Nova, asked
        twice in one moment, answers 500 to one of them.)"""
        try:
            await action
        except CloudError:
            if self._refused == what:
                raise
            self._refused = what
            return False
        return True

    async def _why_broken(self, server: Server) -> str:
        why = server.fault or await self._nova.last_problem(server.instance_id)
        return (
            f"instance {server.instance_id} is in ERROR on {server.host or 'no host'}:"
            f" {why or 'Nova gives no reason'}; repair it"
            " (openstack server set --state active, then server reboot --hard) or delete it"
        )

    async def _why_still_here(self, record: Migration | None) -> str:
        if record is None or record.number <= self._earlier:
            ended = "its migration left no record"
        else:
            ended = f"its {record.kind} ended as {record.status!r}"
        why = self._hurry.told if self._hurry else ""
        why = why or await self._nova.last_problem(self._instance_id)
        return (
            f"instance {self._instance_id} is still on {self._source}: {ended}:"
            f" {why or 'Nova gives no reason; see the log of nova-compute'}"
        )
