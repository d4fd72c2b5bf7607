"""The rules that a move must keep: each a small function that answers with what holds the move back, or nothing.

Together they mean: nobody is moved unasked or too early, every host has room on both ends at every moment, members of a
group stay apart, and no more of them are out of service than their group allows. They know nothing of plans: a plan
says what is wanted, a rule whether it may happen now.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fenix_grpc.core.capacity import groups_of, mitigated, per_host, same_pool
from fenix_grpc.core.model import HostKind, HostProgress, InstanceView
from fenix_grpc.core.session import Host, Session
from fenix_grpc.core.situation import Move, Situation


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Why something may not happen now."""

    reason: str
    #: When that may end by itself; None where only an event ends it.
    until: datetime | None = None
    #: Nothing that the session does ends it; somebody else has to act.
    outside: bool = False
    #: It never ends as long as the constraint stands.
    never: bool = False


Rule = Callable[[Situation, Move], Hold | None]


def agreed(situation: Situation, move: Move) -> Hold | None:
    """Its project, or policy in the project's place, has agreed that it leaves this host."""
    if situation.agreed(move.instance) is None:
        return Hold(reason="its project has not agreed yet")
    return None


def lead_time(situation: Situation, move: Move) -> Hold | None:
    """A reply waives the rest of the time that the instance asked for; silence does not."""
    instance = move.instance
    lead = situation.lead_time(instance.instance_id)
    ask, agreement = situation.ask(instance), situation.agreed(instance)
    if not lead or agreement is None or (ask is not None and ask.answer is not None):
        return None
    until = (ask.asked_at if ask is not None else agreement.at) + lead
    if situation.now >= until:
        return None
    return Hold(reason=f"its lead time of {lead.total_seconds():.0f} s is not over", until=until)


def target_ready(situation: Situation, move: Move) -> Hold | None:
    """The target is in service and about to stay so."""
    host = situation.session.hosts.get(move.target)
    if host is None or not host.view.up:
        return Hold(reason=f"the service of target {move.target} does not report", outside=True)
    if host.view.trouble:
        return Hold(reason=f"target {move.target}: {host.view.trouble}", outside=True)
    if not situation.takes_new(move.target):
        return Hold(reason=f"target {move.target} is out of service")
    return None


def pool(situation: Situation, move: Move) -> Hold | None:
    """Nobody leaves its availability zone, or the aggregates that tell what it may need."""
    if same_pool(situation.session, move.instance.host, move.target):
        return None
    return Hold(reason=f"target {move.target} is in another zone or aggregate")


def target_room(situation: Situation, move: Move) -> Hold | None:
    """A move counts on both ends until it has ended."""
    if move.instance.size.fits(situation.free(move.target)):
        return None
    return Hold(reason=f"no room on target {move.target}: {situation.free(move.target)} are free")


def apart(situation: Situation, move: Move) -> Hold | None:
    """Anti-affinity, of the cloud and of constraints; a member under way counts on both ends."""
    for group_id in groups_of(situation.session, move.instance):
        limit = per_host(situation.session, group_id)
        if limit and situation.members_on(move.target, group_id) >= limit:
            return Hold(reason=f"target {move.target} has {limit} of group {group_id} already")
    return None


def group_budget(situation: Situation, move: Move) -> Hold | None:
    """See `budget_left`."""
    return budget_left(situation, move.instance)


def budget_left(situation: Situation, instance: InstanceView) -> Hold | None:
    """With this one, no more members are out of service than each group allows: moving, recovering, being replaced by
    their manager, or down for another reason. A member that recovers is not disturbed (ETSI: time between impacts)."""
    never = never_left(situation, instance)
    if never is not None:
        return never
    for group_id in groups_of(situation.session, instance):
        demand = situation.session.group_constraints.get(group_id)
        if demand is None:
            continue
        budget = demand.budget(len(situation.members(group_id)))
        out = situation.impacted(group_id, timedelta(seconds=demand.recovery_time))
        itself = out.pop(instance.instance_id, None)
        if itself is not None:
            return Hold(reason=f"it recovers from its last move (group {group_id})", until=itself)
        others = out
        if len(others) < budget:
            continue
        ends = [until for until in others.values() if until is not None]
        names = ", ".join(sorted(others)[:3])
        return Hold(
            reason=f"group {group_id} allows {budget} out of service and {names} "
            f"{'is' if len(others) == 1 else 'are'}",
            until=min(ends, default=None),
            outside=not ends and not any(name in situation.moving for name in others),
        )
    return None


def quorum(session: Session, host: Host) -> Hold | None:
    """Enough controllers stay in service while one is worked on: a majority of them where there are three or more, else
    all the others (control planes vote by majority)."""
    known = (h for h in session.hosts.values() if not h.gone)
    controllers = [h for h in known if h.view.kind is HostKind.CONTROLLER]
    if host.view.kind is not HostKind.CONTROLLER:
        return None
    needed = len(controllers) // 2 + 1 if len(controllers) > 2 else len(controllers) - 1
    held = session.held_hosts
    serving = [
        other
        for other in controllers
        if other.name != host.name
        and other.view.up
        and other.progress is not HostProgress.IN_MAINTENANCE
        and not (other.name in held and held[other.name].in_work)
    ]
    if len(serving) >= needed:
        return None
    return Hold(
        reason=f"{needed} of {len(controllers)} controllers must stay in service, and besides {host.name} "
        f"only {len(serving)} are",
        outside=True,
    )


def never_left(situation: Situation, instance: InstanceView) -> Hold | None:
    """A group of it allows nobody to be out of service, ever."""
    for group_id in groups_of(situation.session, instance):
        demand = situation.session.group_constraints.get(group_id)
        if demand is not None and demand.budget(len(situation.members(group_id))) <= 0:
            return Hold(
                reason=f"group {group_id} allows no member to be out of service", never=True
            )
    return None


def slots(situation: Situation, move: Move) -> Hold | None:
    """Moves share links and disks; too many at once are slower than a few."""
    policy = situation.session.created.policy
    if len(situation.moving) >= policy.parallel_moves:
        return Hold(reason=f"{policy.parallel_moves} moves are running")
    if not has_slot(situation, move.instance.host):
        return Hold(reason=f"{policy.moves_per_source} moves leave {move.instance.host}")
    if situation.arriving[move.target] >= policy.moves_per_target:
        return Hold(reason=f"{policy.moves_per_target} moves arrive at {move.target}")
    return None


def has_slot(situation: Situation, host: str) -> bool:
    """One more may leave a host now, whatever it is."""
    policy = situation.session.created.policy
    if len(situation.moving) >= policy.parallel_moves:
        return False
    return situation.leaving[host] < policy.moves_per_source


def mitigation(situation: Situation, move: Move) -> Hold | None:
    """Room for a second one of its size is free while an instance moves that asks for it, for all of them at once."""
    wanted = list(situation.mitigated)
    if not mitigated(situation.session, move.instance):
        if not wanted:
            return None
    else:
        wanted.append(move)
    free = {h: situation.free(h) for h in situation.session.hosts if situation.takes_new(h)}
    if move.target in free:
        free[move.target] -= move.instance.size
    for each in sorted(wanted, key=lambda m: m.instance.size, reverse=True):
        size = each.instance.size
        home = min(
            (h for h, room in free.items() if size.fits(room) and h != each.instance.host),
            key=lambda h: (free[h], h),
            default="",
        )
        if not home:
            return Hold(
                reason=f"no room to reserve for a substitute of {each.instance.instance_id}"
            )
        free[home] -= size
    return None


#: In the order in which a person wants to know.
RULES: tuple[Rule, ...] = (
    agreed,
    lead_time,
    target_ready,
    pool,
    group_budget,
    apart,
    target_room,
    mitigation,
    slots,
)


def held_back(situation: Situation, move: Move) -> Hold | None:
    """What holds a move back now: a rule that can never be kept first, else the first that is not; None: go."""
    never = never_left(situation, move.instance)
    if never is not None:
        return never
    return next((hold for rule in RULES if (hold := rule(situation, move)) is not None), None)
