"""Journals to judge: recorded from stories, and the small changes that break them.

A change never renumbers: an event that is taken out leaves a look behind that saw nothing new, so that only the one
rule has reason to complain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

from fenix_grpc.checker import Certificate
from fenix_grpc.core import events as e
from fenix_grpc.core.model import StepVerb
from fenix_grpc.ports import Recorded
from tests.core.factories import T0
from tests.stories.scenarios import SCENARIOS, Scenario
from tests.stories.world import a_world

E = TypeVar("E")

_RECORDED: dict[str, tuple[Recorded, ...]] = {}


async def story(name: str) -> Tape:
    """The journal of a scenario, recorded once."""
    if name not in _RECORDED:
        _RECORDED[name] = await record(SCENARIOS[name])
    return Tape(_RECORDED[name])


async def record(scenario: Scenario) -> tuple[Recorded, ...]:
    async with a_world(scenario.cloud) as world:
        await scenario.prepare(world)
        await world.run()
        return tuple(await world.journal.read("s1"))


class Tape(list[Recorded]):
    """A journal that can be changed."""

    def places(self, kind: type[Any], /, **fields: Any) -> list[int]:
        """Where events of a type with these values are; it is an error when there are none."""
        found = [
            n
            for n, entry in enumerate(self)
            if isinstance(entry.event, kind)
            and all(getattr(entry.event, name) == value for name, value in fields.items())
        ]
        assert found, f"no {kind.__name__} with {fields}"
        return found

    def place(self, kind: type[Any], /, **fields: Any) -> int:
        """The first of them."""
        return self.places(kind, **fields)[0]

    def change(self, place: int, **fields: Any) -> None:
        """Gives an event other values."""
        self.put(place, replace(self[place].event, **fields))

    def put(self, place: int, event: e.Event) -> None:
        self[place] = replace(self[place], event=event)

    def drop(self, places: Iterable[int]) -> None:
        for place in places:
            self.put(place, e.WorldObserved())

    def add(self, event: e.Event, after_s: float = 0.0) -> None:
        """Appends an event, so long after the last one."""
        last = self[-1]
        at = last.at + timedelta(seconds=after_s)
        self.append(replace(last, seq=last.seq + 1, at=at, event=event))

    def insert_event(self, place: int, event: e.Event) -> None:
        """Puts an event in before another; what comes after it is renumbered."""
        later = self[place]
        for n in range(place, len(self)):
            entry = self[n]
            told = entry.event
            if isinstance(told, e.WorldObserved) and told.looked_after_seq >= later.seq:
                told = replace(told, looked_after_seq=told.looked_after_seq + 1)
            self[n] = replace(entry, seq=entry.seq + 1, event=told)
        self.insert(place, replace(later, event=event))

    def moves(self) -> list[int]:
        return self.places(e.StepStarted, verb=StepVerb.MOVE_INSTANCE)

    def end_of(self, place: int) -> int:
        """Where the step that starts there ends."""
        return self.place(e.StepEnded, step_id=self[place].event.step_id)  # type: ignore[union-attr]

    def first_look(self) -> int:
        """Where everything is seen for the first time."""
        return next(n for n in self.places(e.WorldObserved) if self[n].event.hosts)  # type: ignore[union-attr]

    def demand(self, *demands: Any) -> None:
        """The first look shows these constraints as well."""
        place = self.first_look()
        kind = {True: "group_constraints", False: "instance_constraints"}
        for demand in demands:
            field = kind[hasattr(demand, "max_impacted_members")]
            known = getattr(self[place].event, field)
            self.change(place, **{field: (*known, demand)})

    def regroup(self, group_id: str, wanted: Callable[[Any], bool] = lambda view: True) -> None:
        """Makes those of the instances seen first that are wanted members of one more group."""
        place = self.first_look()
        views = self[place].event.instances  # type: ignore[union-attr]
        self.change(
            place,
            instances=tuple(
                replace(view, groups=(*view.groups, group_id)) if wanted(view) else view
                for view in views
            ),
        )


def tape(*told: e.Event | tuple[float, e.Event]) -> Tape:
    """A journal written by hand; a number before an event is the seconds that have passed since the one before."""
    made, at = Tape(), T0
    for seq, item in enumerate(told, 1):
        passed, event = item if isinstance(item, tuple) else (0.0, item)
        at += timedelta(seconds=passed)
        made.append(Recorded(session_id="s1", seq=seq, position=0, at=at, event=event))
    return made


def broken(certificate: Certificate) -> set[str]:
    """The names of the rules that were broken."""
    return {rule.name for rule in certificate.rules if rule.violations}


def found(certificate: Certificate) -> set[str]:
    """The names of the rules that found something beside."""
    return {rule.name for rule in certificate.rules if rule.found}


def rule(certificate: Certificate, name: str) -> Any:
    [result] = [rule for rule in certificate.rules if rule.name == name]
    return result
