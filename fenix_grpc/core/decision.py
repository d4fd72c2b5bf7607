"""What a workflow decides, and what every workflow is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from fenix_grpc.core.events import Event, StateEntered, StepStarted
from fenix_grpc.core.model import SessionState, Waiting
from fenix_grpc.core.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be done now. The engine records first, then looks, then runs; it asks again after every new event.

    `record` and `run` are appended only if nothing else was appended since the session was folded.
    """

    #: Facts to append.
    record: tuple[Event, ...] = ()
    #: Steps to start.
    run: tuple[StepStarted, ...] = ()
    #: A look at the cloud is needed before anything else can be decided.
    look: bool = False
    #: Ask again at this time even if nothing happens; None: only an event changes anything.
    wake_at: datetime | None = None
    #: Look at the cloud then, because something is awaited there.
    poll: bool = False
    waiting: tuple[Waiting, ...] = ()


def merged(*decisions: Decision) -> Decision:
    """All of several independent decisions."""
    times = [d.wake_at for d in decisions if d.wake_at is not None]
    return Decision(
        record=tuple(event for d in decisions for event in d.record),
        run=tuple(step for d in decisions for step in d.run),
        look=any(d.look for d in decisions),
        wake_at=min(times) if times else None,
        poll=any(d.poll for d in decisions),
        waiting=tuple(w for d in decisions for w in d.waiting),
    )


Transitions = Mapping[SessionState, frozenset[SessionState]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A workflow plug-in: which state may follow which, and the pure function that decides.

    `decide` must depend on its arguments only, and must be total: an unexpected session is a MAINTENANCE_FAILED with a
    reason, not an exception.
    """

    name: str
    #: Names that it is known by as well.
    aliases: tuple[str, ...] = ()
    transitions: Transitions
    decide: Callable[[Session, datetime], Decision]
    #: It works on several hosts at once, as the plan in the journal says; else it empties one after the other.
    follows_plan: bool = False


class IllegalTransition(Exception):
    """A workflow wanted to enter a state that its own table forbids."""


def check_transitions(workflow: Workflow, session: Session, events: tuple[Event, ...]) -> None:
    """Raises IllegalTransition unless each state entered may follow the one before."""
    state = session.state
    for event in events:
        if not isinstance(event, StateEntered):
            continue
        if event.state not in workflow.transitions.get(state, frozenset()):
            raise IllegalTransition(f"workflow {workflow.name}: {state} to {event.state}")
        state = event.state
