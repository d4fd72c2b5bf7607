"""What must hold however badly a session went, and one case from its seed to its verdict."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from time import process_time

from fenix_grpc.checker import verify
from fenix_grpc.clock import VirtualClock
from fenix_grpc.core.events import StepStarted
from fenix_grpc.core.model import BETWIXT, Inventory, SessionState, StepVerb
from fenix_grpc.core.session import Session
from fenix_grpc.store.journal import SqlJournal
from tests.soak.case import case
from tests.soak.play import Hangs, Played, SoakWorld, play
from tests.stories.judge import check_empty_while_worked_on, check_steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One session in numbers."""

    seed: int
    end: str
    reason: str = ""
    moves: int = 0
    events: int = 0
    continued: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    problems: tuple[str, ...] = ()


async def judged(seed: int) -> Verdict:
    """Plays the case of a seed and judges it; whatever is raised is a problem as well."""
    clock = VirtualClock()
    journal = await SqlJournal.open("sqlite://", shared=False)
    world = SoakWorld(clock, journal, case(seed))
    try:
        before = {i.instance_id for i in (await world.look()).instances}
        played = await play(world)
        return await _verdict(world, played, before)
    except Exception as err:
        return Verdict(seed=seed, end="error", problems=tuple(_leaves(err)))
    finally:
        await world.cloud.aclose()
        await journal.aclose()


def measured(seed: int) -> tuple[Verdict, float]:
    """A verdict and the CPU seconds that it took; for a process of its own."""
    logging.disable(logging.CRITICAL)
    began = process_time()
    return asyncio.run(judged(seed)), process_time() - began


def _leaves(err: BaseException) -> Iterator[str]:
    if isinstance(err, BaseExceptionGroup):
        for each in err.exceptions:
            yield from _leaves(each)
    elif isinstance(err, Hangs):
        yield f"hangs {err}"
    else:
        yield "".join(traceback.format_exception(err))


async def _verdict(world: SoakWorld, played: Played, before: set[str]) -> Verdict:
    session, certificate = played.session, verify(played.entries, removed=world.removed)
    struck = world.struck + Counter(
        {"move_failed": "failed move", "refuse": "refused or no answer"}[op.verb]
        for op in world.cloud.operations()
        if op.verb in ("move_failed", "refuse")
    )
    started = [e.event for e in played.entries if isinstance(e.event, StepStarted)]
    checker = (
        f"{rule.name}: {broken.text} (events {broken.seqs})"
        for rule in certificate.rules
        for broken in rule.violations
    )
    return Verdict(
        seed=world.case.seed,
        end=_end(session),
        reason=session.reason,
        moves=sum(event.verb is StepVerb.MOVE_INSTANCE for event in started),
        events=len(played.entries),
        continued=played.continued,
        struck=struck,
        checks=Counter({rule.name: rule.checked for rule in certificate.rules}),
        problems=(*checker, *[p async for p in _problems(world, played, before)]),
    )


def _end(session: Session) -> str:
    if session.closed:
        return "deleted"
    return "done" if session.state is SessionState.MAINTENANCE_DONE else "failed"


async def _problems(world: SoakWorld, played: Played, before: set[str]) -> AsyncIterator[str]:
    """What the checker cannot know: it reads no more than the journal."""
    await world.cloud.abort_stuck()  # nobody else ends what never ends
    session, seen = played.session, await world.look()
    if session.state is SessionState.MAINTENANCE_FAILED and not session.reason:
        yield "failed without a reason"
    if "defect" in session.reason or "unexpected error" in session.reason:
        yield session.reason
    for step_id, times in world.performed.items():
        if times > 1:
            yield f"{step_id} was performed {times} times"
    for check in (check_steps, check_empty_while_worked_on):
        try:
            check(played.entries)
        except AssertionError as err:
            yield str(err)
    there = {i.instance_id for i in seen.instances}
    lost = (before | world.booted) - world.removed - there
    if lost:
        yield f"instances were lost: {sorted(lost)}"
    for text in _hosts_forgotten(session, seen):
        yield text
    betwixt = {i.instance_id: i.status for i in seen.instances if i.status in BETWIXT}
    if betwixt and session.ended:
        yield f"operations are left open: {betwixt}"


def _hosts_forgotten(session: Session, seen: Inventory) -> Iterator[str]:
    """Hosts of ours that are out of service although the session does not say so."""
    named = set(session.owed_hosts)
    for host in seen.hosts:
        if host.disabled_reason.startswith("fenix session") and host.host not in named:
            yield f"host {host.host} was forgotten"
    if session.state is SessionState.MAINTENANCE_DONE and named and not session.deleted:
        yield f"done, and owes {sorted(named)}"
