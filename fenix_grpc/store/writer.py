"""The one thread that writes: group commit.

Whatever waits when the thread is free goes into one transaction, so a commit (the costly part: it waits for the disk)
is shared by all who ask at that time. While nothing is to be written and somebody waits for news, the same thread looks
now and then whether other processes have appended. The asyncio side is told once per batch, on the loop that opened it.

A database in memory needs no thread: its jobs are done at once on the loop, so that nothing happens behind the back of
a virtual clock.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from sqlalchemy.exc import DBAPIError

from fenix_grpc.core.errors import StoreUnavailable
from fenix_grpc.store.batch import Batch, Job
from fenix_grpc.store.database import Contended, Database
from fenix_grpc.store.statements import HEAD

logger = logging.getLogger(__name__)

#: Most jobs in one transaction: bounds how long the first of them waits.
_MOST_JOBS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ticket:
    """A job and who waits for it."""

    job: Job
    done: asyncio.Future[Any]


class Writer:
    """Does jobs in the order of submission. Belongs to the event loop that it is made in."""

    def __init__(
        self,
        database: Database,
        *,
        learned: Callable[[int], None],
        poll_s: float | None,
        watched: Callable[[], bool],
    ) -> None:
        """`learned` is called on the loop with the head whenever it is seen. Every `poll_s` without a job, if `watched`
        says so, the head is looked at; None never does."""
        self._database = database
        self._learned = learned
        self._poll_s = poll_s
        self._watched = watched
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Ticket | None] = SimpleQueue()
        self._closing = False
        #: Up to here everything is on disk, as far as this writer knows.
        self._settled = 0
        self._thread: threading.Thread | None = None
        if not database.private:
            self._thread = threading.Thread(target=self._run, name="fenix-journal", daemon=True)
            self._thread.start()

    async def submit(self, job: Job) -> Any:
        """What the job returns, once it is committed. Raises Conflict, StoreUnavailable.

        Cancelled or StoreUnavailable: it is not known whether the job was done.
        """
        done: asyncio.Future[Any] = self._loop.create_future()
        ticket = _Ticket(job=job, done=done)
        if self._thread:
            self._queue.put(ticket)
        else:
            self._serve([ticket])
        return await done

    async def aclose(self) -> None:
        """Returns when everything submitted is done and the thread has ended."""
        if self._thread:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while not self._closing:
            tickets = self._take()
            if tickets:
                self._serve(tickets)
            elif self._watched():
                self._look()

    def _take(self) -> list[_Ticket]:
        """All that wait; none when nothing came within the poll time."""
        tickets: list[_Ticket] = []
        with suppress(Empty):
            ticket = self._queue.get(timeout=self._poll_s)
            while ticket:
                tickets.append(ticket)
                if len(tickets) == _MOST_JOBS:
                    return tickets
                ticket = self._queue.get_nowait()
            self._closing = True
        return tickets

    def _serve(self, tickets: Sequence[_Ticket]) -> None:
        try:
            head, outcomes = self._commit_anew([ticket.job for ticket in tickets])
        except DBAPIError as err:
            # The database refuses something in the batch itself: alone, each concerns only itself.
            if len(tickets) > 1:
                for ticket in tickets:
                    self._serve([ticket])
                return
            head, outcomes = 0, [err]
        except Exception as err:  # The thread must outlive whatever happens to one batch.
            head, outcomes = 0, [err] * len(tickets)
        self._tell(head, tickets, outcomes)

    def _commit_anew(self, jobs: Sequence[Job]) -> tuple[int, Sequence[Any]]:
        """Again while the transaction loses against others, for as long as a database may take: nothing was kept."""
        until = monotonic() + self._database.timeout_s
        while monotonic() < until:
            with suppress(Contended):
                return self._commit(jobs)
        return self._commit(jobs)

    def _commit(self, jobs: Sequence[Job]) -> tuple[int, Sequence[Any]]:
        with self._database.transaction() as connection:
            batch = Batch(connection, jobs)
            outcomes = [batch.do(job) for job in jobs]
            batch.finish(settles=self._database.shows_early)
            connection.commit()
        self._settled = batch.head
        return batch.head, outcomes

    def _look(self) -> None:
        try:
            head = self._database.rows(HEAD, {})[0].head
            if head > self._settled and self._database.shows_early:
                head, _ = self._commit_anew(())
        except StoreUnavailable as err:
            logger.debug("the head of the journal cannot be read: %s", err)
        else:
            self._tell(head, (), ())

    def _tell(self, head: int, tickets: Sequence[_Ticket], outcomes: Sequence[Any]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._answer, head, tickets, outcomes)

    def _answer(self, head: int, tickets: Sequence[_Ticket], outcomes: Sequence[Any]) -> None:
        for ticket, outcome in zip(tickets, outcomes, strict=True):
            if ticket.done.done():
                continue
            if isinstance(outcome, Exception):
                ticket.done.set_exception(outcome)
            else:
                ticket.done.set_result(outcome)
        self._learned(head)
