"""What every rule is: a name, a sentence, and a tally of what it saw."""

from __future__ import annotations

from datetime import timedelta

from fenix_grpc.checker.certificate import Case, RuleResult, Tightest
from fenix_grpc.checker.world import Entry, World
from fenix_grpc.core.events import Event


class Rule:
    """One promise, judged event by event. A subclass says which events it `sees`, and judges them in `before`, with the
    world as it was just before the event, or in `after`, with the event in it."""

    name = ""
    #: The promise in one sentence.
    means = ""
    sees: tuple[type[Event], ...] = ()

    def __init__(self) -> None:
        self.checked = 0
        self.tightest: Tightest | None = None
        self.violations: list[Case] = []
        self.found: list[Case] = []

    def before(self, entry: Entry, world: World) -> None:
        """Judges an event that is about to happen."""

    def after(self, entry: Entry, world: World) -> None:
        """Judges what an event has led to."""

    def measure(self, slack: float, entry: Entry, text: str) -> None:
        """Keeps the moment if none was tighter."""
        if self.tightest is None or slack < self.tightest.slack:
            self.tightest = Tightest(slack=slack, seq=entry.seq, text=text)

    def broken(self, entry: Entry, text: str, *others: int) -> None:
        """The rule was broken; `others` are the numbers of the events that belong to it."""
        self.violations.append(Case(seqs=(*(seq for seq in others if seq), entry.seq), text=text))

    def saw(self, entry: Entry, text: str, *others: int) -> None:
        """Something worth knowing that the session is not to blame for."""
        self.found.append(Case(seqs=(*(seq for seq in others if seq), entry.seq), text=text))

    def result(self) -> RuleResult:
        """The tally."""
        return RuleResult(
            name=self.name,
            means=self.means,
            checked=self.checked,
            tightest=self.tightest,
            violations=tuple(self.violations),
            found=tuple(self.found),
        )


def seconds(time: timedelta) -> float:
    """To the millisecond, for slacks and texts."""
    return round(time.total_seconds(), 3)
