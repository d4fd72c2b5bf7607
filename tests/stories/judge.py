"""What must hold at the end of every session, judged from the cloud's side and from the journal's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from fenix_grpc.checker import as_text, verify
from fenix_grpc.core.events import StepEnded, StepStarted
from fenix_grpc.core.evolve import evolve
from fenix_grpc.core.model import HostProgress, SessionState, StepOutcome, StepVerb
from fenix_grpc.core.session import Session
from fenix_grpc.ports import Recorded
from tests.stories.world import World


async def end_of(world: World) -> dict[str, object]:
    """What a session came to, without how it got there."""
    session = await world.session()
    inventory = await world.cloud.inventory()
    return {
        "state": session.state,
        "maintained": sorted(h.name for h in session.hosts.values() if h.maintained),
        "excluded": sorted(h.name for h in session.hosts.values() if h.excluded),
        "enabled": sorted(h.host for h in inventory.hosts if h.enabled),
        "instances": Counter(i.project_id for i in inventory.instances),
        "statuses": {i.status for i in inventory.instances},
        "done": sorted(_done_actions(session)),
    }


def _done_actions(session: Session) -> list[tuple[str, int]]:
    return [
        (step.host, step.action_index)
        for step in session.steps.values()
        if step.verb is StepVerb.RUN_ACTION
        and step.outcome is StepOutcome.DONE
        and not session.is_check(step)
    ]


async def check_everything(world: World) -> None:
    """The rules that hold whatever happened, once the cloud has come to rest."""
    await world.clock.sleep_until(world.clock.now() + timedelta(hours=1))
    entries = await world.journal.read("s1")
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    session = await world.session()
    certificate = verify(entries)
    assert certificate.ok, as_text(certificate)
    check_steps(entries)
    check_empty_while_worked_on(entries)
    if session.state is SessionState.MAINTENANCE_DONE:
        assert not session.owed_hosts
        assert session.verified is not None
        assert session.verified.ok
        done = Counter(_done_actions(session))
        assert all(times == 1 for times in done.values()), done
        inventory = await world.cloud.inventory()
        for host in inventory.hosts:
            assert host.enabled or session.hosts[host.host].excluded, host
    owed = set(session.owed_hosts)
    for host in (await world.cloud.inventory()).hosts:
        ours = host.disabled_reason.startswith("fenix session")
        assert not ours or host.host in owed, f"{host.host} was forgotten"


def check_steps(entries: Sequence[Recorded]) -> None:
    """Each step starts once, and nothing ends that never began."""
    started = Counter(e.event.step_id for e in entries if isinstance(e.event, StepStarted))
    ended = Counter(e.event.step_id for e in entries if isinstance(e.event, StepEnded))
    assert all(times == 1 for times in started.values()), started
    assert set(ended) <= set(started)


def check_empty_while_worked_on(entries: Sequence[Recorded]) -> None:
    """No compute host is worked on while it is open or anything is on it."""
    session: Session | None = None
    for entry in entries:
        session = evolve(session, entry)
        if session.deleted:
            return
        for name, host in session.hosts.items():
            if host.view.kind == "COMPUTE" and host.progress is HostProgress.IN_MAINTENANCE:
                assert not session.on_host.get(name), f"{name} was not empty at {entry.seq}"
                assert host.disabled or host.removed, f"{name} was open at {entry.seq}"
