"""Each safety rule in a table of named situations: what it says, or that it says nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from fenix_grpc.core import events as e
from fenix_grpc.core import safety
from fenix_grpc.core.constraints import GroupConstraint, InstanceConstraint
from fenix_grpc.core.model import (
    Answer,
    GroupView,
    InstanceAction,
    NoticeKind,
    Policy,
    StepOutcome,
    StepVerb,
)
from fenix_grpc.core.session import Session
from fenix_grpc.core.situation import Move, Situation
from tests.core.factories import T0, a_session, after, host, instance

PLANNED = NoticeKind.PLANNED_MAINTENANCE


def demands(*groups: GroupConstraint, **of_a: object) -> e.WorldObserved:
    """Constraints of groups, and of instance `a` if anything is said of it."""
    one = InstanceConstraint(instance_id="a", project_id="red", **of_a)  # type: ignore[arg-type]
    return e.WorldObserved(instance_constraints=(one,) if of_a else (), group_constraints=groups)


def group(budget: int = 1, recovery_s: int = 0, *, apart: bool = False) -> GroupConstraint:
    return GroupConstraint(
        group_id="g",
        project_id="red",
        max_impacted_members=budget,
        recovery_time=recovery_s,
        anti_affinity_group=apart,
    )


def asked(*instance_ids: str, notice: str = "n1") -> e.ProjectAsked:
    return e.ProjectAsked(
        notice_id=notice, project_id="red", kind=PLANNED, instance_ids=instance_ids
    )


def replied(
    answer: Answer = Answer.ACK, action: InstanceAction | None = None, notice: str = "n1"
) -> e.ProjectReplied:
    return e.ProjectReplied(
        notice_id=notice, project_id="red", kind=PLANNED, answer=answer, action=action
    )


def defaulted() -> e.ProjectDefaulted:
    return e.ProjectDefaulted(notice_id="n1", project_id="red", kind=PLANNED, reason="silent")


def move(name: str, source: str, target: str) -> e.StepStarted:
    return e.StepStarted(
        step_id=f"move_instance/{name}/1",
        verb=StepVerb.MOVE_INSTANCE,
        host=source,
        instance_id=name,
        target=target,
        how=InstanceAction.MIGRATE,
    )


def moved(name: str, to: str) -> e.StepEnded:
    return e.StepEnded(step_id=f"move_instance/{name}/1", outcome=StepOutcome.DONE, host=to)


CLOSED = (
    e.StepStarted(step_id="disable_host/c2/1", verb=StepVerb.DISABLE_HOST, host="c2"),
    e.StepEnded(step_id="disable_host/c2/1", outcome=StepOutcome.DONE),
)


def a_cloud(*events: e.Event, policy: Policy = Policy()) -> Session:
    """Instances a and b of group g on c1, c of g on c3, x of nobody's group on c1; 8 vCPU per host."""
    return after(
        a_session(
            instances=(
                instance("a", "c1", 4, groups=("g",)),
                instance("b", "c1", 2, groups=("g",)),
                instance("c", "c3", 4, groups=("g",)),
                instance("x", "c1", 2),
            ),
            policy=policy,
        ),
        *events,
    )


@dataclass(frozen=True)
class Case:
    """What has happened, and what the rule says of moving `a` from c1 to `target`, `at_s` after it."""

    rule: safety.Rule
    events: tuple[e.Event, ...] = ()
    says: str = ""
    target: str = "c2"
    at_s: float = 0.0
    until_s: float | None = None
    policy: Policy = Policy()


CASES = {
    "nobody was asked": Case(safety.agreed, (), "has not agreed yet"),
    "asked and silent": Case(safety.agreed, (asked("a"),), "has not agreed yet"),
    "asked and willing": Case(safety.agreed, (asked("a"), replied())),
    "asked and refused": Case(
        safety.agreed, (asked("a"), replied(Answer.NACK)), "has not agreed yet"
    ),
    "policy agreed": Case(safety.agreed, (asked("a"), defaulted())),
    "no lead time": Case(safety.lead_time, (asked("a"), defaulted())),
    "silence before the lead time is over": Case(
        safety.lead_time,
        (demands(lead_time=60), asked("a"), defaulted()),
        "lead time of 60 s is not over",
        at_s=59,
        until_s=60,
    ),
    "silence after the lead time": Case(
        safety.lead_time, (demands(lead_time=60), asked("a"), defaulted()), at_s=60
    ),
    "an answer waives the lead time": Case(
        safety.lead_time, (demands(lead_time=60), asked("a"), replied())
    ),
    "the target is in service": Case(safety.target_ready),
    "the target is closed": Case(safety.target_ready, CLOSED, "target c2 is out of service"),
    "the target is down": Case(
        safety.target_ready,
        (e.WorldObserved(hosts=(host("c2", up=False),)),),
        "service of target c2 does not report",
    ),
    "the target is unknown": Case(safety.target_ready, (), "c9 does not report", target="c9"),
    "room": Case(safety.target_room),
    "just enough room": Case(safety.target_room, target="c3"),
    "room that another move has booked": Case(
        safety.target_room, (move("x", "c1", "c3"),), "no room on target c3", target="c3"
    ),
    "the source keeps its place while a move runs": Case(
        safety.target_room, (move("b", "c1", "c2"),), "no room on target c1", target="c1"
    ),
    "no limit per host": Case(safety.apart, target="c3"),
    "the cloud keeps members apart": Case(
        safety.apart,
        (e.WorldObserved(groups=(GroupView(group_id="g", max_per_host=1),)),),
        "target c3 has 1 of group g already",
        target="c3",
    ),
    "a constraint keeps members apart": Case(
        safety.apart, (demands(group(apart=True)),), "has 1 of group g already", target="c3"
    ),
    "a member on its way counts": Case(
        safety.apart,
        (demands(group(apart=True)), move("b", "c1", "c2")),
        "target c2 has 1 of group g already",
    ),
    "a member that leaves still counts": Case(
        safety.apart,
        (demands(group(apart=True)), move("c", "c3", "c2")),
        "target c3 has 1 of group g already",
        target="c3",
    ),
    "nobody is out of service": Case(safety.group_budget, (demands(group()),)),
    "a member moves": Case(
        safety.group_budget,
        (demands(group()), move("c", "c3", "c2")),
        "group g allows 1 out of service and c is",
    ),
    "a member moves and two may": Case(
        safety.group_budget, (demands(group(2)), move("c", "c3", "c2"))
    ),
    "somebody else moves": Case(safety.group_budget, (demands(group()), move("x", "c1", "c2"))),
    "a member recovers": Case(
        safety.group_budget,
        (demands(group(recovery_s=30)), move("c", "c3", "c2"), moved("c", "c2")),
        "and c is",
        at_s=29,
        until_s=30,
    ),
    "a member has recovered": Case(
        safety.group_budget,
        (demands(group(recovery_s=30)), move("c", "c3", "c2"), moved("c", "c2")),
        at_s=30,
    ),
    "it recovers itself": Case(
        safety.group_budget,
        (demands(group(2, recovery_s=30)), move("a", "c2", "c1"), moved("a", "c1")),
        "it recovers from its last move",
        until_s=30,
    ),
    "a member is down": Case(
        safety.group_budget,
        (
            demands(group()),
            e.WorldObserved(
                instances=(replace(instance("c", "c3", 4, groups=("g",)), status="SHUTOFF"),)
            ),
        ),
        "and c is",
    ),
    "it is down itself": Case(
        safety.group_budget,
        (
            demands(group()),
            e.WorldObserved(
                instances=(replace(instance("a", "c1", 4, groups=("g",)), status="SHUTOFF"),)
            ),
        ),
    ),
    "a member is replaced by its manager": Case(
        safety.group_budget,
        (demands(group()), asked("b"), replied(action=InstanceAction.OWN_ACTION)),
        "and b is",
    ),
    "a member may be replaced any moment": Case(
        safety.group_budget, (demands(group()), asked("b")), "and b is"
    ),
    "no budget": Case(
        safety.group_budget, (demands(group(0)),), "allows no member to be out of service"
    ),
    "free slots": Case(safety.slots),
    "all slots taken": Case(
        safety.slots,
        (move("c", "c3", "c2"),),
        "1 moves are running",
        policy=Policy(parallel_moves=1),
    ),
    "slots of the source taken": Case(
        safety.slots,
        (move("b", "c1", "c3"),),
        "1 moves leave c1",
        policy=Policy(moves_per_source=1),
    ),
    "slots of the target taken": Case(
        safety.slots,
        (move("c", "c3", "c2"),),
        "1 moves arrive at c2",
        policy=Policy(moves_per_target=1),
    ),
    "room for a substitute": Case(safety.mitigation, (demands(resource_mitigation=True),)),
    "no room for a substitute": Case(
        safety.mitigation,
        (demands(resource_mitigation=True), *CLOSED),
        "no room to reserve for a substitute of a",
        target="c3",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_rule(name: str) -> None:
    case = CASES[name]
    session = a_cloud(*case.events, policy=case.policy)
    situation = Situation(session, T0 + timedelta(seconds=case.at_s))
    hold = case.rule(situation, Move(instance=session.instances["a"], target=case.target))
    if not case.says:
        assert hold is None
        return
    assert hold is not None
    assert case.says in hold.reason
    until = None if case.until_s is None else T0 + timedelta(seconds=case.until_s)
    assert hold.until == until


def test_moves_of_one_decision_are_weighed_together() -> None:
    session = a_cloud(demands(group()), asked("a", "b"), replied())
    situation = Situation(session, T0)
    first = Move(instance=session.instances["a"], target="c2")
    assert safety.held_back(situation, first) is None
    situation.book(first)
    second = safety.held_back(situation, Move(instance=session.instances["b"], target="c2"))
    assert second is not None
    assert second.reason == "group g allows 1 out of service and a is"


def test_what_can_never_be_is_said_first() -> None:
    session = a_cloud(demands(group(0)))
    hold = safety.held_back(
        Situation(session, T0), Move(instance=session.instances["a"], target="c2")
    )
    assert hold is not None
    assert hold.never
