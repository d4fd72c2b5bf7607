"""The replay: every event is shown to the rules that care for it, then to the world, then to the rules again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from fenix_grpc.checker.aside import FailureBudget
from fenix_grpc.checker.budget import GroupBudget, own_actions
from fenix_grpc.checker.certificate import Certificate
from fenix_grpc.checker.consent import Answers, Consent, LeadTime, MigrationType
from fenix_grpc.checker.difficult import Evacuation, Replacement
from fenix_grpc.checker.gates import HealthGates
from fenix_grpc.checker.hosts import EmptyHosts, GivenBack, HostsOfOthers, OneSession, Quorum
from fenix_grpc.checker.instances import Existence, Interruption
from fenix_grpc.checker.order import Gapless, Slots, Steps, Window
from fenix_grpc.checker.replay import apply
from fenix_grpc.checker.retired import Retired
from fenix_grpc.checker.room import Capacity, Pools, Spread
from fenix_grpc.checker.rule import Rule
from fenix_grpc.checker.world import Entry, World
from fenix_grpc.core.events import Event


def verify(
    entries: Iterable[Entry],
    *,
    removed: AbstractSet[str] = frozenset(),
) -> Certificate:
    """What the journal of one session proves, from its first event to wherever it ends. Never raises for its content.

    `removed` are instances that are known from elsewhere to have been removed by their projects.
    """
    journal = tuple(entries)
    rules = _rules(journal, removed)
    _replay(journal, rules, world := World())
    return Certificate(
        session_id=journal[0].session_id if journal else "",
        events=len(journal),
        state=str(world.state or ""),
        rules=tuple(rule.result() for rule in rules),
    )


def _rules(journal: Sequence[Entry], removed: AbstractSet[str]) -> tuple[Rule, ...]:
    """All rules, in the order of the certificate."""
    return (
        Gapless(),
        Steps(),
        Window(),
        Slots(),
        EmptyHosts(),
        HealthGates(),
        Retired(),
        GivenBack(),
        HostsOfOthers(),
        OneSession(),
        Quorum(),
        FailureBudget(),
        Capacity(),
        Pools(),
        Spread(),
        GroupBudget(own_actions(journal)),
        Answers(),
        Consent(),
        MigrationType(),
        Replacement(),
        Evacuation(),
        LeadTime(),
        Interruption(),
        Existence(removed),
    )


def _replay(journal: Iterable[Entry], rules: Iterable[Rule], world: World) -> None:
    seeing: defaultdict[type[Event], list[Rule]] = defaultdict(list)
    for rule in rules:
        for kind in rule.sees:
            seeing[kind].append(rule)
    for entry in journal:
        concerned = seeing[type(entry.event)]
        for rule in concerned:
            rule.before(entry, world)
        apply(world, entry)
        for rule in concerned:
            rule.after(entry, world)
