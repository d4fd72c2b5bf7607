"""How long moves and the work on hosts take: what finished steps show, and what is configured as long as none did.

The journal tells when each step began and ended, in virtual or real time alike, so every session measures without being
asked. Nothing here knows an order of things; rehearsal.py plays one through with the durations found here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import exp, log, sqrt
from statistics import NormalDist, median

from fenix_grpc.core.model import (
    ActionType,
    HostKind,
    InstanceAction,
    Policy,
    StepOutcome,
    StepVerb,
)
from fenix_grpc.core.reindex import LEAVING
from fenix_grpc.core.session import Session

#: Actions that make up the work on a host of each kind.
WORK: Mapping[HostKind, tuple[ActionType, ...]] = {
    HostKind.COMPUTE: (ActionType.HOST, ActionType.COMPUTE),
    HostKind.CONTROLLER: (ActionType.HOST, ActionType.CONTROLLER),
    HostKind.OTHER: (ActionType.HOST,),
}

#: Points at which a spread is kept.
POINTS = 64
#: A session that has measured so often itself needs no earlier ones.
ENOUGH = 10
#: Durations kept of one kind; the latest count.
_MOST = 500
#: Nothing takes less, so that logarithms exist.
_LEAST_S = 0.001
#: A configured duration is taken to be exceeded by half in one of ten cases.
_GUESSED = log(1.5) / NormalDist().inv_cdf(0.9)
_NORMAL = tuple(NormalDist().inv_cdf((n + 0.5) / POINTS) for n in range(POINTS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long things take, in seconds: measured in this session and earlier ones, or configured as long as none was
    measured."""

    #: A move, in half of the cases at most, and in nine of ten.
    move_p50_s: float
    move_p90_s: float
    moves_measured: int = 0
    #: The work on a host, the same way.
    work_p50_s: float
    work_p90_s: float
    works_measured: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Durations in seconds, the latest last."""

    moves: Mapping[InstanceAction, tuple[float, ...]] = field(default_factory=dict)
    #: By the plug-ins that make up the work on a host.
    works: Mapping[tuple[str, ...], tuple[float, ...]] = field(default_factory=dict)
    #: The same by plug-in, for those that run once in a session.
    once: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    #: From a notice to leave a host to its answer.
    replies: tuple[float, ...] = ()


def measured(session: Session) -> Measured:
    """What the steps of a session show that ended well; others say nothing of how long it takes."""
    moves: dict[InstanceAction, list[float]] = defaultdict(list)
    runs: dict[str, list[tuple[float, float]]] = defaultdict(list)
    once: dict[str, list[float]] = defaultdict(list)
    for step in session.steps.values():
        if step.outcome is not StepOutcome.DONE or step.ended_at is None or session.is_check(step):
            continue
        if step.verb is StepVerb.MOVE_INSTANCE and step.how is not None:
            moves[step.how].append((step.ended_at - step.started_at).total_seconds())
        elif step.verb is StepVerb.RUN_ACTION and step.host:
            runs[step.host].append((step.started_at.timestamp(), step.ended_at.timestamp()))
        elif step.verb is StepVerb.RUN_ACTION:
            plugin = session.created.actions[step.action_index].plugin
            once[plugin].append((step.ended_at - step.started_at).total_seconds())
    for agreed in session.agreed.values():
        if agreed.action is InstanceAction.OWN_ACTION and agreed.done_at is not None:
            moves[agreed.action].append((agreed.done_at - agreed.at).total_seconds())
    works: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for name, times in runs.items():
        host = session.hosts.get(name)
        if host is not None and host.maintained:
            lasted = max(end for _, end in times) - min(start for start, _ in times)
            works[work_on(session, host.view.kind)].append(lasted)
    replies = [
        (ask.answered_at - ask.asked_at).total_seconds()
        for ask in session.asks.values()
        if ask.kind in LEAVING and ask.answer is not None and ask.answered_at is not None
    ]
    return Measured(
        moves={how: tuple(each[-_MOST:]) for how, each in moves.items()},
        works={plugins: tuple(each[-_MOST:]) for plugins, each in works.items()},
        once={plugin: tuple(each[-_MOST:]) for plugin, each in once.items()},
        replies=tuple(replies[-_MOST:]),
    )


def work_on(session: Session, kind: HostKind) -> tuple[str, ...]:
    """The plug-ins that work on a host of this kind, in their order."""
    actions = session.created.actions
    return tuple(actions[index].plugin for index in session.action_order(*WORK[kind]))


class Spread:
    """How a duration is spread: its quantiles, and how far off all of them may be together.

    Measured and configured durations are blended quantile by quantile on a logarithmic scale, as they may be orders of
    magnitude apart: n measured ones weigh n * n times as much as the configured one. So the first measurement says half
    of it, three of them nine tenths, ten all but everything; and the spread of a few is not taken for that of all.
    """

    def __init__(self, samples: Sequence[float], expected_s: float) -> None:
        self.count = len(samples)
        known = sorted(max(_LEAST_S, each) for each in samples)
        guess, weight = log(max(_LEAST_S, expected_s)), len(known) ** 2
        self.quantiles = tuple(
            exp((weight * log(_quantile(known, n)) + guess + _GUESSED * z) / (weight + 1))
            if known
            else exp(guess + _GUESSED * z)
            for n, z in enumerate(_NORMAL)
        )
        logs = [log(each) for each in self.quantiles]
        mean = sum(logs) / POINTS
        #: Standard deviation of the logarithm of one duration, and of the error that all have in common.
        self.sigma = sqrt(sum((each - mean) ** 2 for each in logs) / POINTS)
        self.doubt = max(self.sigma, 0.0 if known else _GUESSED) / sqrt(self.count + 1)

    def at(self, share: float) -> float:
        """The duration that is kept in this share of the cases."""
        place = share * POINTS - 0.5
        low = min(POINTS - 1, max(0, int(place)))
        high = min(POINTS - 1, low + 1)
        part = min(1.0, max(0.0, place - low))
        return self.quantiles[low] * (1 - part) + self.quantiles[high] * part


#: No time at all: what the work on a host takes for which no plug-in is named.
NOTHING = Spread((), _LEAST_S)


def _quantile(ordered: Sequence[float], point: int) -> float:
    """Of a few sorted values, at one of the points; between two of them in proportion."""
    place = (point + 0.5) / POINTS * len(ordered) - 0.5
    low = min(len(ordered) - 1, max(0, int(place)))
    high = min(len(ordered) - 1, low + 1)
    part = min(1.0, max(0.0, place - low))
    return ordered[low] * (1 - part) + ordered[high] * part


class Tempo:
    """What a session expects of durations: from its own steps, from those of earlier sessions as long as its own are
    few, and from its policy."""

    def __init__(self, policy: Policy, own: Measured, earlier: Iterable[Measured] = ()) -> None:
        self._policy = policy
        self._own = own
        self._earlier = tuple(earlier)
        self._works: dict[tuple[str, ...], Spread] = {}

    @cached_property
    def any_move(self) -> Spread:
        """A move of which nothing more is known."""
        earlier = [each for m in self._earlier for each in _all(m.moves)]
        return Spread(_latest(_all(self._own.moves), earlier), self._policy.expected_move_s)

    @cached_property
    def _moves(self) -> Mapping[InstanceAction, Spread]:
        found = {}
        for how in InstanceAction:
            earlier = [each for m in self._earlier for each in m.moves.get(how, ())]
            samples = _latest(self._own.moves.get(how, ()), earlier)
            if len(samples) >= ENOUGH:
                found[how] = Spread(samples, self._policy.expected_move_s)
        return found

    def move(self, how: InstanceAction | None) -> Spread:
        """A move of this kind; as long as too few of them were measured, as any."""
        return self.any_move if how is None else self._moves.get(how, self.any_move)

    def work(self, plugins: tuple[str, ...]) -> Spread:
        """The work that these plug-ins do on a host."""
        if not plugins:
            return NOTHING
        if plugins not in self._works:
            earlier = [each for m in self._earlier for each in m.works.get(plugins, ())]
            samples = _latest(self._own.works.get(plugins, ()), earlier)
            self._works[plugins] = Spread(samples, self._policy.expected_work_s)
        return self._works[plugins]

    @cached_property
    def reply_s(self) -> float:
        """How long a manager that listens takes to answer; 0 as long as none has."""
        earlier = [each for m in self._earlier for each in m.replies]
        return median(_latest(self._own.replies, earlier) or (0.0,))

    def once(self, plugin: str) -> float:
        """How long a plug-in takes that runs once in a session; 0 as long as it was never seen."""
        earlier = [each for m in self._earlier for each in m.once.get(plugin, ())]
        return median(_latest(self._own.once.get(plugin, ()), earlier) or (0.0,))

    def pace(self, plugins: tuple[str, ...]) -> Pace:
        """In a few numbers, for the work that these plug-ins do."""
        move, work = self.any_move, self.work(plugins)
        return Pace(
            move_p50_s=move.at(0.5),
            move_p90_s=move.at(0.9),
            moves_measured=move.count,
            work_p50_s=work.at(0.5) if plugins else 0.0,
            work_p90_s=work.at(0.9) if plugins else 0.0,
            works_measured=work.count,
        )


def _all(moves: Mapping[InstanceAction, tuple[float, ...]]) -> list[float]:
    return [each for how in sorted(moves) for each in moves[how]]


def _latest(own: Sequence[float], earlier: Sequence[float]) -> Sequence[float]:
    return own[-_MOST:] if len(own) >= ENOUGH else [*earlier, *own][-_MOST:]
