"""The rules of appending, applied to many requests in one transaction.

A batch locks the journal, learns what it needs with few statements, decides each job in memory, one after the other,
and writes everything at once. A job that may not be done (Conflict) or was done before (Once) leaves no trace and does
not disturb the others. Blocking; used by the writer thread alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Insert, Row, Select, Update

from fenix_grpc.core.errors import Conflict, FenixError, LeaseLost
from fenix_grpc.ports import Appended, Once
from fenix_grpc.store import statements as sql
from fenix_grpc.store.schema import EPOCH


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """One call of `Journal.append`; events are encoded as (kind, data)."""

    session_id: str
    events: Sequence[tuple[str, str]]
    at: datetime
    expected_seq: int | None
    active: bool | None
    deleted: bool | None
    once: Once | None
    alone_since: int | None = None
    held_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One call of `Journal.claim`."""

    owner: str
    now: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One call of `Journal.release`."""

    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One call of `Journal.heard`."""

    projects: Sequence[str]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A change of other tables, in its turn. `do` may refuse by a FenixError as long as it has written nothing."""

    do: Callable[[Connection], Any]


#: Nothing to do; when it is done, all that could be seen before is on disk.
SETTLE = Work(do=lambda _: None)

Job = Append | Claim | Release | Heard | Work


@dataclass(slots=True, kw_only=True)
class _Session:
    """The part of a session's row that appends change."""

    seq: int = 0
    #: Of `seq`: what is not written yet.
    grown: int = 0
    active: bool = True
    deleted: bool = False
    #: Only read: whoever holds the lease.
    owner: str = ""


class Batch:
    """The jobs of one transaction. `head` is the last position after them."""

    def __init__(self, connection: Connection, jobs: Iterable[Job]) -> None:
        self._connection = connection
        self.head: int = connection.execute(sql.HEAD_LOCKED).scalar_one()
        self._told = self.head
        appends = [job for job in jobs if isinstance(job, Append)]
        self._sessions = self._load_sessions({job.session_id for job in appends})
        self._requests = self._load_requests({job.once.key for job in appends if job.once})
        self._changed: set[str] = set()
        self._created: dict[str, dict[str, Any]] = {}
        self._new_events: list[dict[str, Any]] = []
        self._new_requests: list[dict[str, Any]] = []

    def do(self, job: Job) -> Any:
        """What the job returns, or the error that it ended in."""
        match job:
            case Append():
                return self._append(job)
            case Claim():
                return self._claim(job)
            case Release():
                return self._release(job)
            case Heard():
                return self._heard(job)
            case Work():
                return self._work(job)

    def finish(self, *, settles: bool) -> None:
        """Writes the rest; other servers are told of it when it is committed, where the database can tell. With
        `settles` it writes in any case, so that what the batch has read is on disk when it is committed."""
        self.flush()
        if self.head == self._told:
            if settles:
                self._connection.execute(sql.SETTLE)
        elif self._connection.dialect.name == "postgresql":
            self._connection.execute(sql.TELL_HEAD, {"head": str(self.head)})

    def flush(self) -> None:
        """Writes what the jobs so far decided."""
        self._write(sql.ADD_SESSION, [self._created_row(name) for name in self._created])
        self._change_sessions(self._changed - self._created.keys())
        self._write(sql.ADD_EVENT, self._new_events)
        self._write(sql.ADD_REQUEST, self._new_requests)
        if self._new_events:
            self._connection.execute(sql.MOVE_HEAD, {"new_head": self.head})
        for name in self._changed:
            self._sessions[name].grown = 0
        for done in (self._changed, self._created, self._new_events, self._new_requests):
            done.clear()

    def _created_row(self, name: str) -> dict[str, Any]:
        session = self._sessions[name]
        marks = {"seq": session.seq, "active": session.active, "deleted": session.deleted}
        return self._created[name] | marks

    def _change_sessions(self, names: Iterable[str]) -> None:
        """One statement for all that change alike: most of a batch append one event and set nothing else."""
        alike: dict[tuple[int, bool, bool], list[str]] = {}
        for name in sorted(names):
            session = self._sessions[name]
            alike.setdefault((session.grown, session.active, session.deleted), []).append(name)
        for (grown, active, deleted), those in alike.items():
            values = {"grown": grown, "new_active": active, "new_deleted": deleted}
            self._connection.execute(sql.CHANGE_SESSIONS, {**values, "names": those})

    def _append(self, job: Append) -> Appended | Conflict | LeaseLost:
        repeated = job.once and self._requests.get(job.once.key)
        if repeated:
            return repeated
        session = self._sessions.get(job.session_id)
        seq = session.seq if session else 0
        if job.held_by and (session is None or session.owner != job.held_by):
            holder = session.owner if session else ""
            return LeaseLost(f"session {job.session_id} is held by {holder or 'nobody'} now")
        if job.expected_seq is None and session is None:
            return Conflict(f"session {job.session_id} does not exist")
        if job.expected_seq not in (None, seq):
            return Conflict(
                f"session {job.session_id} is at event {seq}, not at {job.expected_seq}: "
                "somebody else appended"
            )
        if job.alone_since is not None and self._others_since(job, job.alone_since):
            return Conflict(f"other sessions went on past position {job.alone_since}")
        if session is None:
            session = self._create(job)
        if job.active is not None:
            session.active = job.active
        if job.deleted is not None:
            session.deleted = job.deleted
        self._changed.add(job.session_id)
        for kind, data in job.events:
            session.seq += 1
            session.grown += 1
            self.head += 1
            place = {"session_id": job.session_id, "seq": session.seq, "position": self.head}
            self._new_events.append({**place, "at": job.at, "kind": kind, "data": data})
        if job.once:
            self._remember(job, job.once, session.seq)
        return Appended(seq=session.seq, position=self.head)

    def _others_since(self, job: Append, position: int) -> bool:
        here = {"session_id": job.session_id, "after": position}
        return any(event["session_id"] != job.session_id for event in self._new_events) or bool(
            self._connection.execute(sql.EVENT_OF_OTHERS, here).first()
        )

    def _create(self, job: Append) -> _Session:
        self._created[job.session_id] = {
            "session_id": job.session_id,
            "first_position": self.head + 1,
            "created_at": job.at,
        }
        return self._sessions.setdefault(job.session_id, _Session())

    def _remember(self, job: Append, once: Once, seq: int) -> None:
        self._requests[once.key] = Appended(seq=seq, position=self.head, repeated=once.reply)
        self._new_requests.append(
            {
                "request_key": once.key,
                "session_id": job.session_id,
                "seq": seq,
                "position": self.head,
                "reply": once.reply,
                "at": job.at,
            }
        )

    def _claim(self, job: Claim) -> Sequence[str]:
        self.flush()
        mine = {"by": job.owner}
        take = {"now": job.now, "new_owner": job.owner, "until": job.until}
        self._connection.execute(sql.TAKE_SESSIONS, mine | take)
        held = self._connection.execute(sql.SESSIONS_HELD, mine).scalars().all()
        self._note_owner(held, job.owner)
        return held

    def _release(self, job: Release) -> None:
        self.flush()
        self._connection.execute(
            sql.FREE_SESSIONS, {"by": job.owner, "new_owner": "", "until": EPOCH}
        )
        held = [name for name, session in self._sessions.items() if session.owner == job.owner]
        self._note_owner(held, "")

    def _note_owner(self, names: Iterable[str], owner: str) -> None:
        """For the appends that follow in this batch."""
        for name in names:
            if session := self._sessions.get(name):
                session.owner = owner

    def _heard(self, job: Heard) -> None:
        projects = set(job.projects)
        rows = self._named(sql.LISTENERS_NAMED, projects)
        known = {row.project_id: row.heard_at for row in rows}
        new = [{"project_id": name, "heard_at": job.at} for name in sorted(projects - known.keys())]
        later = [{"name": name, "new_at": job.at} for name, at in known.items() if at < job.at]
        self._write(sql.ADD_LISTENER, new)
        self._write(sql.CHANGE_LISTENER, later)

    def _work(self, job: Work) -> Any:
        self.flush()
        try:
            return job.do(self._connection)
        except FenixError as refused:
            return refused

    def _load_sessions(self, session_ids: set[str]) -> dict[str, _Session]:
        return {
            row.session_id: _Session(
                seq=row.seq, active=row.active, deleted=row.deleted, owner=row.owner
            )
            for row in self._named(sql.SESSIONS_NAMED, session_ids)
        }

    def _load_requests(self, keys: set[str]) -> dict[str, Appended]:
        return {
            row.request_key: Appended(seq=row.seq, position=row.position, repeated=row.reply)
            for row in self._named(sql.REQUESTS_NAMED, keys)
        }

    def _named(self, statement: Select[Any], names: set[str]) -> Sequence[Row[Any]]:
        if not names:
            return ()
        return self._connection.execute(statement, {"names": sorted(names)}).all()

    def _write(self, statement: Insert | Update, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            self._connection.execute(statement, rows)
