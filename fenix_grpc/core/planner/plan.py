"""What the planner answers: waves of hosts and moves, how good they are, and what cannot be done and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fenix_grpc.core.model import Resources
from fenix_grpc.core.planner.problem import PlannedMove


class BlockerKind(StrEnum):
    """Why some hosts are not planned."""

    #: A group allows no member out of service, so its members can never move.
    BUDGET_NEVER_MET = "BUDGET_NEVER_MET"
    #: Neither the cloud nor a manager can move the instance.
    INSTANCE_CANNOT_MOVE = "INSTANCE_CANNOT_MOVE"
    #: A group has more members than the hosts may take when one of them is out.
    GROUP_TOO_LARGE = "GROUP_TOO_LARGE"
    #: Another session works on the host.
    HOST_HELD = "HOST_HELD"
    #: The instance asks for another zone than that of its host.
    WRONG_ZONE = "WRONG_ZONE"
    #: What is on the hosts finds no room elsewhere.
    NO_ROOM = "NO_ROOM"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleIn:
    """Instances whose release lets all hosts of these zones be planned; none of them can be left out."""

    instance_ids: tuple[str, ...] = ()
    amount: Resources = Resources()
    zones: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.instance_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """Why `hosts` are not planned, and what would help."""

    kind: BlockerKind
    #: `instance:ID`, `group:ID`, `host:NAME` or `zone:NAME`.
    subject: str
    #: For a person.
    reason: str
    #: Hosts that are not planned because of it.
    hosts: tuple[str, ...]
    #: True: no plan exists at all. False: none was found.
    proven: bool
    scale_in: ScaleIn | None = None
    #: Empty hosts of the zone's largest kind that would help as well; 0 when unknown or none would.
    add_hosts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """Hosts worked on at the same time, and the moves that empty them. Wave 0 holds the seeds."""

    number: int
    hosts: tuple[str, ...]
    moves: tuple[PlannedMove, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One point of the Pareto front."""

    rounds: int
    moves: int
    #: Seconds, estimated without the waits for slots and groups.
    makespan_s: float
    #: Hosts emptied into hosts that are not yet maintained.
    seeds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """No plan of the planned hosts can do better. `moves` holds for any number of rounds, `moves_at_rounds` for plans
    of waves with as many rounds as this one; times are seconds, 0 where nothing binds."""

    rounds: int
    moves: int
    moves_at_rounds: int
    #: Host hours against free capacity.
    capacity_s: float = 0.0
    #: Host hours against the hosts that may be out at once.
    parallel_s: float = 0.0
    #: The slowest group.
    group_s: float = 0.0
    #: Slots of the slowest host and in all.
    network_s: float = 0.0
    #: As many works one after the other as there are rounds at least.
    chain_s: float = 0.0

    @property
    def makespan_s(self) -> float:
        """The greatest of the times."""
        return max(self.capacity_s, self.parallel_s, self.group_s, self.network_s, self.chain_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An answer. It covers every host that can be planned; `blockers` name the others."""

    waves: tuple[Wave, ...]
    #: By falling rounds and rising moves.
    front: tuple[Option, ...]
    chosen: Option
    bounds: Bounds
    blockers: tuple[Blocker, ...] = ()
    kept: tuple[PlannedMove, ...] = ()

    @property
    def rounds(self) -> int:
        """Waves in which hosts are worked on."""
        return sum(1 for wave in self.waves if wave.hosts)

    @property
    def moves(self) -> int:
        """Moves still to be made."""
        return sum(len(wave.moves) for wave in self.waves)

    @property
    def moves_gap(self) -> float:
        """Moves above the bound at these rounds, as a share of it."""
        least = self.bounds.moves_at_rounds
        return (self.moves - least) / least if least else 0.0

    def wave_of(self) -> dict[str, int]:
        """Host to wave."""
        return {host: wave.number for wave in self.waves for host in wave.hosts}

    def all_moves(self) -> tuple[PlannedMove, ...]:
        """In the order of the waves."""
        return tuple(move for wave in self.waves for move in wave.moves)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a new plan does differently."""

    rounds: int
    moves: int
    #: Hosts that change their wave, with the old and the new one; -1 for not planned.
    hosts: tuple[tuple[str, int, int], ...]
    added: tuple[PlannedMove, ...]
    dropped: tuple[PlannedMove, ...]
    #: Blockers that came and went.
    blocked: tuple[Blocker, ...]
    unblocked: tuple[Blocker, ...]

    def __bool__(self) -> bool:
        return bool(self.hosts or self.added or self.dropped or self.blocked or self.unblocked)

    def __str__(self) -> str:
        """One line for a person."""
        new, old = ({m.instance_id for m in moves} for moves in (self.added, self.dropped))
        waves = [(before, after) for _, before, after in self.hosts]
        what = [
            _count(len(new & old), "move has another destination", "moves have other destinations"),
            _count(len(new - old), "move is new", "moves are new"),
            _count(len(old - new), "move is dropped", "moves are dropped"),
            _count(sum(0 <= b < a for b, a in waves), "host goes later", "hosts go later"),
            _count(sum(0 <= a < b for b, a in waves), "host goes earlier", "hosts go earlier"),
            _count(sum(b < 0 for b, _ in waves), "host is planned now", "hosts are planned now"),
            _count(
                sum(a < 0 for _, a in waves),
                "host is not planned any more",
                "hosts are not planned any more",
            ),
            _subjects("came", self.blocked),
            _subjects("went", self.unblocked),
        ]
        totals = [_more(self.rounds, "round"), _more(self.moves, "move", " in all")]
        parts = [", ".join(part for part in some if part) for some in (what, totals)]
        return "; ".join(part for part in parts if part) or "nothing changes"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}" if number else ""


def _subjects(what: str, blockers: tuple[Blocker, ...]) -> str:
    named = ", ".join(b.subject for b in blockers[:3]) + (", ..." if len(blockers) > 3 else "")
    return _count(len(blockers), f"blocker {what}: {named}", f"blockers {what}: {named}")


def _more(number: int, what: str, where: str = "") -> str:
    some = _count(abs(number), what, what + "s")
    return f"{some} {'more' if number > 0 else 'fewer'}{where}" if some else ""


def difference(old: Plan, new: Plan) -> Difference:
    """What changed from `old` to `new`; moves that were executed meanwhile count as unchanged."""
    before, after = old.wave_of(), new.wave_of()
    had = set(old.all_moves()) | set(old.kept)
    has = set(new.all_moves()) | set(new.kept)
    return Difference(
        rounds=new.rounds - old.rounds,
        moves=new.moves - old.moves,
        hosts=tuple(
            (host, before.get(host, -1), after.get(host, -1))
            for host in sorted(before.keys() | after.keys())
            if before.get(host, -1) != after.get(host, -1)
        ),
        added=tuple(sorted(has - had)),
        dropped=tuple(sorted(had - has)),
        blocked=tuple(b for b in new.blockers if b not in old.blockers),
        unblocked=tuple(b for b in old.blockers if b not in new.blockers),
    )
