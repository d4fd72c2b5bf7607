"""What the pure core needs from the world, as small protocols. Each docstring is the contract; `testing.py` ships the
suites that hold implementations to it. Nothing here does anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from fenix_grpc.core.constraints import ConstraintSet, GroupConstraint, InstanceConstraint
from fenix_grpc.core.events import Event
from fenix_grpc.core.model import HostKind, InstanceAction, Inventory


class Clock(Protocol):
    """Time as fenix sees it: the only place that sleeps."""

    def now(self) -> datetime:
        """The present, aware UTC."""

    async def sleep_until(self, when: datetime) -> None:
        """Returns at `when` or later; at once when that is past. May be cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveResult:
    """Where an instance is after a move."""

    #: Its host now; empty when it no longer exists.
    host: str


class Cloud(Protocol):
    """An infrastructure. Every verb *ensures*: it may be called again at any time, also by another process after the
    first caller died half-way, and ends in the same state. `testing.check_cloud` is the conformance suite.

    Errors: CloudRefused for a definite no with the cloud's own reason; CloudUnavailable when trying again may help.
    """

    async def inventory(self) -> Inventory:
        """All hosts, all instances of all projects on them, and their groups, as they are now."""

    async def disable_host(self, host: str, reason: str) -> None:
        """Keeps new instances off a compute host. `reason` names the session and is kept with the host.

        A host already disabled with this very reason is left as it is; one disabled by somebody else is CloudRefused.
        """

    async def enable_host(self, host: str, reason: str) -> None:
        """Gives a host back to the scheduler if it is disabled with this very `reason`.

        An enabled host is left as it is; one disabled by somebody else since is left disabled and is CloudRefused.
        """

    async def move_instance(
        self,
        instance_id: str,
        how: InstanceAction,
        *,
        source: str,
        target: str = "",
        timeout_s: float,
    ) -> MoveResult:
        """Returns when the instance is not on `source` any more and no operation is left open on it (a cold migration
        is confirmed). `how` is MIGRATE or LIVE_MIGRATE; a stopped instance is moved cold either way and stays stopped.
        An empty `target` lets the scheduler choose. An instance that is gone, or elsewhere already, is success. A move
        found in progress is followed, not started again. CloudRefused also when the move ended and the instance is
        still on `source`. CloudUnavailable when `timeout_s` has passed: the move goes on, a later call follows it.
        """

    async def aclose(self) -> None:
        """Releases connections. The port is not used afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRequest:
    """What an action plug-in is told."""

    session_id: str
    #: Empty for pre and post actions.
    host: str
    host_kind: HostKind | None
    type: str
    #: Metadata of the action as given at creation.
    metadata: Mapping[str, Any]
    #: Metadata of the session.
    session_metadata: Mapping[str, Any] = field(default_factory=dict)
    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult:
    """How a run ended. A failure is a value, not an exception."""

    ok: bool
    #: One line for an operator.
    detail: str = ""
    #: The end of what was printed; at most 4096 characters are kept.
    output: str = ""


class Action(Protocol):
    """An action plug-in: the work itself. Found by entry point `fenix.actions`, allowed by configuration."""

    #: May be run again on the same host after an unknown outcome.
    idempotent: bool

    async def run(self, request: ActionRequest) -> ActionResult:
        """Does the work on one host (or once, for pre and post). Must end within `timeout_s`; is cancelled after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An event in its place in the journal."""

    session_id: str
    #: 1, 2, 3, ... within the session.
    seq: int
    #: Place among the events of all sessions; grows in the order of commit, may have gaps.
    position: int
    at: datetime
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """What an append did. Equal `request_id`s from one caller append once; then `reply` is the first one's."""

    seq: int
    position: int
    #: The `reply` stored with an earlier append of the same request; None when this append is the first.
    repeated: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """Makes an append happen once per request."""

    #: Who asks and with which request_id; at most 255 characters.
    key: str
    #: Given back to whoever repeats it.
    reply: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A line of the list of sessions."""

    session_id: str
    created_at: datetime
    seq: int
    #: True while an engine must care for it.
    active: bool
    #: True once it was deleted.
    deleted: bool


class Journal(Protocol):
    """Append-only, gap-free list of events per session. Survives the death of the process at any moment: an append that
    returned is kept. Errors: Conflict, StoreUnavailable."""

    async def append(
        self,
        session_id: str,
        events: Sequence[Event],
        *,
        at: datetime,
        expected_seq: int | None = None,
        active: bool | None = None,
        deleted: bool | None = None,
        once: Once | None = None,
    ) -> Appended:
        """Appends all or nothing. With `expected_seq` raises Conflict unless that is the last seq now (0: no such
        session). `active` and `deleted` set the session's row in the same transaction; None leaves them.
        Without `expected_seq` an unknown session is Conflict. No events at all is fine with an `expected_seq`: it sets
        the row if nothing came between."""

    async def replied(self, key: str) -> str | None:
        """The `reply` stored with an append that was made with `Once(key=key)`; None when there was none."""

    async def read(self, session_id: str, after_seq: int = 0) -> Sequence[Recorded]:
        """All events of a session past `after_seq`, in order; empty when there are none or no such session."""

    async def read_all(
        self, after: int, limit: int = 1000, session_id: str = ""
    ) -> Sequence[Recorded]:
        """Events past position `after`, in order of position; of all sessions, or of one."""

    async def head(self) -> int:
        """The last position, 0 when the journal is empty."""

    async def wait(self, after: int) -> int:
        """Returns the head as soon as it is past `after`, also for appends by other processes. May be cancelled."""

    async def sessions(self, after: str = "", limit: int = 100) -> Sequence[SessionRow]:
        """Sessions not deleted, oldest first, past the session named `after`."""

    async def find(self, session_id: str) -> SessionRow | None:
        """The row of one session, deleted or not."""

    async def claim(self, owner: str, *, now: datetime, until: datetime) -> Sequence[str]:
        """Renews all leases of `owner` to `until`, takes every active session whose lease is over, and returns all
        sessions that `owner` now holds."""

    async def release(self, owner: str) -> None:
        """Gives up all leases of `owner`."""

    async def heard(self, projects: Sequence[str], at: datetime) -> None:
        """Records that the managers of these projects were listening at `at`."""

    async def listeners(self, since: datetime) -> frozenset[str]:
        """Projects whose manager was heard at `since` or later."""

    async def aclose(self) -> None:
        """Writes what is queued and closes. The port is not used afterwards."""


Constraint = InstanceConstraint | GroupConstraint


class ConstraintKind(StrEnum):
    """Whose constraint it is."""

    INSTANCE = "INSTANCE"
    GROUP = "GROUP"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptConstraint:
    """A constraint as it is kept."""

    constraint: Constraint
    #: What was corrected or passed over when it was put.
    warnings: tuple[str, ...] = ()
    #: When it was put first, and last.
    created_at: datetime
    updated_at: datetime


class Constraints(Protocol):
    """What applications demand, across sessions: one constraint for each instance and for each group. A change that
    returned is kept, also when the process dies. With `only_of`, a change is NotAllowed where the constraint there now
    is of another project; one of no project (empty) may be changed by any. Changes with equal `request_key`s are made
    once. Errors: NotAllowed, StoreUnavailable."""

    async def put_instance(
        self,
        constraint: InstanceConstraint,
        *,
        warnings: Sequence[str] = (),
        at: datetime,
        only_of: str = "",
        request_key: str = "",
    ) -> KeptConstraint:
        """Creates or replaces; returns what is kept, and to a repetition what the first returned."""

    async def put_group(
        self,
        constraint: GroupConstraint,
        *,
        warnings: Sequence[str] = (),
        at: datetime,
        only_of: str = "",
        request_key: str = "",
    ) -> KeptConstraint:
        """As `put_instance`."""

    async def get(self, kind: ConstraintKind, constraint_id: str) -> KeptConstraint | None:
        """The constraint of an instance or a group; None when there is none."""

    async def list(
        self, kind: ConstraintKind, *, project_id: str = "", after: str = "", limit: int = 100
    ) -> Sequence[KeptConstraint]:
        """Those past the id `after`, in order of id; of one project, or of all."""

    async def delete(
        self,
        kind: ConstraintKind,
        constraint_id: str,
        *,
        at: datetime,
        only_of: str = "",
        request_key: str = "",
    ) -> bool:
        """Removes it; True when there was one. Nothing to remove is fine."""

    async def all_for(self, projects: Collection[str]) -> ConstraintSet:
        """Everything these projects demand, and what is of no project."""

    async def version(self) -> int:
        """Grows with every change, by whatever process: while it is the same, so is everything else here."""


class Role(StrEnum):
    """What a caller may be."""

    ADMIN = "admin"
    PROJECT = "project"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls."""

    name: str
    roles: frozenset[Role]
    #: The project that the caller speaks for; empty for none.
    project_id: str = ""


class Identity(Protocol):
    """Tells who a caller is."""

    async def identify(self, metadata: Mapping[str, str], peer: str) -> Caller:
        """From the call's metadata (lower-case keys). Raises NotAuthenticated."""


class Workflow(Protocol):
    """A workflow plug-in: the transition table and the one pure function that decides. See `core.decision`."""

    name: str


EventStream = AsyncIterator[Recorded]
