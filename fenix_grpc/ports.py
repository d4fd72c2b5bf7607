"""What the pure core needs from the world, as small protocols. Each docstring is the contract; `testing.py` ships the
suites that hold implementations to it. Nothing here does anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from fenix_grpc.core.announcements import HostNotice, SessionNotice
from fenix_grpc.core.constraints import ConstraintSet, GroupConstraint, InstanceConstraint
from fenix_grpc.core.events import Event
from fenix_grpc.core.live import LiveRule
from fenix_grpc.core.model import HostKind, InstanceAction, Inventory, Package
from fenix_grpc.core.notices import ProjectNotice


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
        live: LiveRule | None = None,
    ) -> MoveResult:
        """Returns when the instance is not on `source` any more and no operation is left open on it (a cold migration
        is confirmed). `how` is MIGRATE or LIVE_MIGRATE; a stopped instance is moved cold and a paused one live either
        way, and stays so. An empty `target` lets the scheduler choose. An instance that is gone, or elsewhere already,
        is success. A move found in progress is followed, not started again. CloudRefused also when the move ended and
        the instance is still on `source`. CloudUnavailable when `timeout_s` has passed: the move goes on, a later call
        follows it.

        `live` is what is done about a live migration that is slow, its times counted from the migration's beginning: it
        is forced to complete, and aborted as far as the cloud still allows that. Then the instance is where it was,
        with nothing left open, and that is CloudRefused, which says after how long it was aborted.
        """

    async def evacuate_instance(
        self, instance_id: str, *, source: str, target: str = "", timeout_s: float
    ) -> MoveResult:
        """Builds an instance again on another host because `source` is dead, whatever was going on with it there, and
        returns when it runs. The caller vouches that it does not run on `source` any more. CloudRefused while the
        cloud takes `source` for alive. Otherwise as `move_instance`; room stays booked on `source` until it is back.
        """

    async def remove_host(self, host: str, reason: str) -> None:
        """Takes a compute host out of the cloud for good: it is not in the inventory any more. One that is not there is
        left so. CloudRefused while it has instances, while it is not disabled with this very `reason`, and while its
        service runs: that would enter itself again.
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
    #: The state that the session is in.
    state: str = ""
    #: Directory with the packages of the session, each under its name; empty when it brings none.
    packages: str = ""
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
    """An action plug-in: the work itself. Found by entry point `fenix.actions`, allowed by configuration.
    `testing_action.check_action` is the conformance suite."""

    #: May be run again on the same host after an unknown outcome.
    idempotent: bool

    async def run(self, request: ActionRequest) -> ActionResult:
        """Does the work on one host (or once, for pre and post), also on several at a time. Must end within
        `timeout_s`; is cancelled after it, when the session is deleted and when the server stops, and then ends what
        it has begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A package that is there."""

    #: SHA-256 of its bytes, in hexadecimal digits.
    sha256: str
    #: One line for an operator.
    detail: str = ""


class Packages(Protocol):
    """What sessions bring for their actions, kept on this server while they last. Every verb may be called again."""

    def check(self, packages: Sequence[Package]) -> None:
        """Raises InvalidRequest for packages that would be refused whatever is in them."""

    async def fetch(
        self, session_id: str, packages: Sequence[Package], number: int, sha256: str = ""
    ) -> Fetched:
        """Has one of the packages here: fetched, checked and unpacked. `sha256` is what it was when it was fetched
        before, perhaps by another server. Raises PackageRefused, PackageUnavailable."""

    async def directory(
        self, session_id: str, packages: Sequence[Package], fetched: Mapping[int, str]
    ) -> str:
        """Where all of them are, fetching what this server has not; empty for none. `fetched` is number to SHA-256.
        Raises as `fetch`."""

    async def remove(self, session_id: str) -> None:
        """Removes everything of a session; nothing there is fine."""


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
    returned is kept; one that ended in StoreUnavailable is kept or not, as a whole. Errors: Conflict, LeaseLost,
    StoreUnavailable."""

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
        alone_since: int | None = None,
        held_by: str = "",
    ) -> Appended:
        """Appends all or nothing. With `expected_seq` raises Conflict unless that is the last seq now (0: no such
        session), with `alone_since` when another session has an event past that position. With `held_by` raises
        LeaseLost unless that owner holds the session now, however long its lease may be over. `active` and `deleted`
        set the session's row in the same transaction; None leaves them. Without `expected_seq` an unknown session is
        Conflict. No events at all is fine with an `expected_seq`: it sets the row if nothing came between."""

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

    async def forgotten(self) -> int:
        """The position up to which events may be missing because their sessions were purged; 0 when none were. A
        session's events are all there or, once it is not found any more, on their way out."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An event of the journal and what it tells."""

    entry: Recorded
    notices: tuple[ProjectNotice, ...] = ()
    announcements: tuple[HostNotice | SessionNotice, ...] = ()
    #: Projects that are told of each instance by itself.
    demanding: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message on its way out of a sink."""

    session_id: str
    #: Place of its event in the journal.
    position: int
    #: Letters of one lane leave in order, one at a time; lanes do not wait for each other. At most 255 characters.
    lane: str
    #: Where it goes, as the sink understands it.
    address: str
    #: `project:ID` or `session`, and what it says: for operators.
    subject: str
    title: str
    event_type: str
    #: The same when it is sent again, by whatever server.
    message_id: str
    at: datetime
    payload: Mapping[str, Any]
    #: It is given up when it could not be delivered by then.
    deadline: datetime
    #: Arriving twice does no harm.
    repeatable: bool = True
    #: Nothing is lost when its reader does not understand it.
    optional: bool = False


class Sink(Protocol):
    """A way out for notices: a message bus, webhooks. `testing_sink.py` is the conformance suite."""

    #: Names its cursors; never changes.
    name: str

    async def letters(self, told: Told) -> Sequence[Letter]:
        """What it sends upon an event, in order; nothing is sent yet. The same event gives the same letters."""

    async def deliver(self, letter: Letter) -> None:
        """Returns when it has arrived. Holds nothing that another delivery waits for. Raises NotDelivered; may be
        cancelled, and called again with the same letter."""

    async def aclose(self) -> None:
        """Releases connections. The port is not used afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """Why a lane does not get on, or what could not be delivered in it."""

    session_id: str
    sink: str
    lane: str
    subject: str
    problem: str
    since: datetime
    #: When it is given up; None when it was.
    deadline: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a sink is."""

    #: Everything up to here has left.
    position: int
    #: Lanes that are further.
    lanes: Mapping[str, int] = field(default_factory=dict)


class Cursors(Protocol):
    """How far each sink is, and who sends for it. Survives the death of the process. Errors: StoreUnavailable."""

    async def claim(self, sink: str, owner: str, *, now: datetime, until: datetime) -> bool:
        """True when `owner` sends for this sink until then: nobody else does. A sink that nobody knew begins at the
        head of the journal."""

    async def release(self, sink: str, owner: str) -> None:
        """Gives up the lease."""

    async def load(self, sink: str) -> Progress:
        """How far it is."""

    async def save(
        self,
        sink: str,
        owner: str,
        *,
        position: int,
        session_id: str = "",
        lane: str = "",
        lane_position: int = 0,
        undelivered: Undelivered | None = None,
    ) -> None:
        """Moves the sink to `position` and the lane, if one is named, to `lane_position`, with what is wrong there.
        Raises Conflict when another owner has the sink."""

    async def undelivered(self, session_id: str) -> Sequence[Undelivered]:
        """What is wrong with the notices of a session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A project's wish to be told by HTTP."""

    webhook_id: str
    project_id: str
    url: str
    #: What requests are signed with; shown to nobody.
    secret: str = field(repr=False)
    created_at: datetime
    #: What came before in the journal is none of its business.
    position: int = 0


class Webhooks(Protocol):
    """Subscriptions of projects. A change that returned is kept. Errors: StoreUnavailable."""

    async def add(self, webhook: Webhook) -> Webhook:
        """Keeps it, from the head of the journal on. An id that is there already is left as it is and returned."""

    async def of(self, project_id: str) -> Sequence[Webhook]:
        """Those of a project, oldest first."""

    async def get(self, webhook_id: str) -> Webhook | None:
        """One of them; None when it is gone."""

    async def remove(self, project_id: str, webhook_id: str) -> bool:
        """True when there was one."""

    async def projects(self) -> frozenset[str]:
        """Projects that have any."""


class Role(StrEnum):
    """What a caller may be."""

    #: Administrators of the infrastructure.
    ADMIN = "admin"
    #: Those who look after it and change nothing: they see what administrators see.
    READER = "reader"
    #: Managers of a project's applications.
    PROJECT = "project"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls."""

    name: str
    roles: frozenset[Role]
    #: The project that the caller speaks for; empty for none.
    project_id: str = ""
    #: When what it proved itself with expires; None for never.
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Where a call comes from, as the door saw it."""

    #: Such as `ipv4:192.0.2.7:50514`, or `rest:192.0.2.7:50514`.
    address: str
    #: The names in the client's certificate, which the door has verified; empty without one.
    names: tuple[str, ...] = ()


class Identity(Protocol):
    """Tells who a caller is."""

    async def identify(self, metadata: Mapping[str, str], peer: Peer) -> Caller:
        """From the call's metadata (lower-case keys) and its peer. Raises NotAuthenticated, and IdentityUnavailable
        when whoever knows does not answer."""


class Workflow(Protocol):
    """A workflow plug-in: the transition table and the one pure function that decides. See `core.decision`."""

    name: str


EventStream = AsyncIterator[Recorded]
