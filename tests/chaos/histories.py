"""Watches recorded while everything goes wrong, and what they must come to: each event once, in order, none missing,
and tokens from which any server goes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from random import Random

from fenix_client import Backoff, Client, watch_session

from fenix_grpc.v1.events_pb2 import SessionEvent
from fenix_grpc.v1.session_service_pb2 import WatchSessionResponse
from tests.api.promises import check_all, events_of
from tests.chaos.site import pause
from tests.processes.sessions import PATIENT

Journals = Mapping[str, Sequence[SessionEvent]]


@dataclass(slots=True, kw_only=True)
class History:
    """What one reader has seen."""

    name: str
    responses: list[WatchSessionResponse] = field(default_factory=list)
    #: How often it was interrupted, or went to another server of itself.
    resumed: int = 0

    @property
    def backoff(self) -> Backoff:
        """Patience that counts."""
        return Backoff(
            first_s=PATIENT.first_s,
            most_s=PATIENT.most_s,
            attempts=PATIENT.attempts,
            on_break=lambda *_: self._count(),
        )

    def _count(self) -> None:
        self.resumed += 1

    async def record(self, clients: Sequence[Client], chance: Random | None = None) -> None:
        """All sessions, until cancelled; with a `chance` it goes to another client after every few responses."""
        token = ""
        while True:
            client = chance.choice(clients) if chance else clients[0]
            left = chance.randint(1, 20) if chance else None
            async with aclosing(
                watch_session(client, after=token, backoff=self.backoff)
            ) as responses:
                async for response in responses:
                    self.responses.append(response)
                    token = response.token
                    left = left and left - 1
                    if left == 0:
                        break
            self.resumed += 1

    async def until_complete(self, journals: Journals) -> None:
        """Returns when it has seen as many events as there are. Raises TimeoutError through its caller's deadline."""
        while len(events_of(self.responses)) < sum(map(len, journals.values())):
            await pause(0.1)

    def problems(self, journals: Journals) -> Iterator[str]:
        """Promises that were broken."""
        try:
            check_all(self.responses)
        except AssertionError as err:
            yield f"watch {self.name}: {err}"
        seen: dict[str, list[SessionEvent]] = {}
        for event in events_of(self.responses):
            seen.setdefault(event.session_id, []).append(event)
        for session_id, journal in journals.items():
            if seen.get(session_id, []) != list(journal):
                got = [event.seq for event in seen.get(session_id, [])]
                yield f"watch {self.name}: {session_id} has {len(journal)} events, seen were {got}"
