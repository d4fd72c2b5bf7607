"""Recorded journals, broken in one place each: the rule that this concerns finds it, with the event, and no other."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fenix_grpc.checker import verify
from fenix_grpc.core import events as e
from fenix_grpc.core.constraints import GroupConstraint, InstanceConstraint
from fenix_grpc.core.model import (
    Answer,
    HeldHost,
    HostKind,
    HostProgress,
    InstanceAction,
    NoticeKind,
    Policy,
    SessionState,
    StepOutcome,
    StepVerb,
)
from tests.checker.tapes import Tape, broken, rule, story

BUSY = "everybody agrees"
S = SessionState


def lose_an_event(tape: Tape) -> None:
    del tape[10]


def begin_elsewhere(tape: Tape) -> None:
    tape.put(0, e.WorldObserved())


def number_twice(tape: Tape) -> None:
    tape[10] = replace(tape[10], seq=10)


def mix_sessions(tape: Tape) -> None:
    tape[10] = replace(tape[10], session_id="s2")


def start_a_step_twice(tape: Tape) -> None:
    start = tape.place(e.StepStarted, verb=StepVerb.RUN_ACTION)
    again = next(n for n in tape.places(e.WorldObserved) if n > start)
    tape.put(again, tape[start].event)


def end_a_step_twice(tape: Tape) -> None:
    end = tape.end_of(tape.moves()[0])
    again = next(n for n in tape.places(e.WorldObserved) if n > end)
    tape.put(again, tape[end].event)


def end_an_unknown_step(tape: Tape) -> None:
    look = tape.places(e.WorldObserved)[-1]
    tape.put(look, e.StepEnded(step_id="what", outcome=StepOutcome.DONE))


def leave_a_step_open(tape: Tape) -> None:
    tape.drop([tape.end_of(tape.places(e.StepStarted, verb=StepVerb.RUN_ACTION)[-1])])


def work_after_the_end(tape: Tape) -> None:
    tape.add(e.StepStarted(step_id="late", verb=StepVerb.RUN_ACTION))


def work_after_the_close(tape: Tape) -> None:
    tape.add(e.SessionDeleted())
    tape.add(e.SessionClosed())
    tape.add(e.StepStarted(step_id="late", verb=StepVerb.ENABLE_HOST, host="c1"))


def move_after_the_delete(tape: Tape) -> None:
    before = [n for n in tape.places(e.WorldObserved) if n < tape.moves()[0]]
    tape.put(before[-1], e.SessionDeleted())


def begin_too_early(tape: Tape) -> None:
    tape.change(0, maintenance_at=tape[0].event.maintenance_at + timedelta(seconds=2))


def allow_fewer_moves(tape: Tape) -> None:
    tape.change(0, policy=Policy(parallel_moves=1))


def allow_fewer_hosts(tape: Tape) -> None:
    tape.change(0, policy=Policy(parallel_hosts=0))


def work_on_a_full_host(tape: Tape) -> None:
    """Work begins where its instances have not left yet."""
    first = tape.moves()[0]
    host = tape[first].event.host
    tape.put(first - 1, e.HostChanged(host=host, progress=HostProgress.IN_MAINTENANCE))


def work_unseen(tape: Tape) -> None:
    """Nobody has looked since the last instance left."""
    began = tape.place(e.HostChanged, host="c1", progress=HostProgress.IN_MAINTENANCE)
    for look in tape.places(e.WorldObserved):
        if look < began:
            tape.change(look, looked_after_seq=min(tape[look].event.looked_after_seq, 10))


def work_on_an_open_host(tape: Tape) -> None:
    tape.drop(tape.places(e.StepStarted, verb=StepVerb.DISABLE_HOST, host="c2"))
    tape.drop(tape.places(e.StepEnded, step_id="disable_host/c2/1"))


def work_without_a_word(tape: Tape) -> None:
    tape.drop(tape.places(e.HostChanged, host="c2", progress=HostProgress.IN_MAINTENANCE))


def work_on_a_host_left_out(tape: Tape) -> None:
    chosen = tape.place(e.HostsSelected)
    tape.change(chosen, hosts=tuple(h for h in tape[chosen].event.hosts if h != "c2"))


def move_into_the_work(tape: Tape) -> None:
    """A host on which work has begun is a destination all the same."""
    move = tape.moves()[-1]
    seen = e.HostChanged(host=tape[move].event.target, progress=HostProgress.IN_MAINTENANCE)
    look = max(n for n in tape.places(e.WorldObserved) if n < move)
    tape.put(look, seen)


def open_during_work(tape: Tape) -> None:
    action = tape.place(e.StepStarted, verb=StepVerb.RUN_ACTION, host="c2")
    tape.drop([tape.end_of(action)])


def forget_to_enable(tape: Tape) -> None:
    start = tape.place(e.StepStarted, verb=StepVerb.ENABLE_HOST, host="c2")
    tape.drop([tape.end_of(start), start])


def fail_to_enable(tape: Tape) -> None:
    start = tape.place(e.StepStarted, verb=StepVerb.ENABLE_HOST, host="c2")
    tape.change(tape.end_of(start), outcome=StepOutcome.FAILED)


def take_a_host_of_others(tape: Tape) -> None:
    look = tape.first_look()
    hosts = tape[look].event.hosts
    mine = [
        replace(v, enabled=False, disabled_reason="disk") if v.host == "c2" else v for v in hosts
    ]
    tape.change(look, hosts=tuple(mine))


def shrink_a_host(tape: Tape) -> None:
    """The host to which an instance goes has less memory than it thought."""
    look, target = tape.first_look(), tape[tape.moves()[0]].event.target
    hosts = tape[look].event.hosts
    small = [
        replace(v, capacity=replace(v.capacity, memory_mb=v.used.memory_mb + 4095))
        if v.host == target
        else v
        for v in hosts
    ]
    tape.change(look, hosts=tuple(small))


def send_to_an_unknown_host(tape: Tape) -> None:
    move = tape.moves()[-1]
    tape.change(move, target="nowhere")
    tape.change(tape.end_of(move), host="nowhere")


def hear_nobody(tape: Tape) -> None:
    tape.drop(tape.places(e.ProjectReplied, kind=NoticeKind.MAINTENANCE, project_id="red"))


def answer_for_another(tape: Tape) -> None:
    tape.change(tape.place(e.ProjectReplied, project_id="red"), notice_id="n999")


def default_while_it_listens(tape: Tape) -> None:
    place = tape.place(e.ProjectReplied, kind=NoticeKind.MAINTENANCE, project_id="red")
    reply = tape[place].event
    tape.put(
        place,
        e.ProjectDefaulted(
            notice_id=reply.notice_id, project_id="red", kind=reply.kind, reason="?"
        ),
    )


def replies_to_moves(tape: Tape) -> list[int]:
    return tape.places(e.ProjectReplied, kind=NoticeKind.PREPARE_MAINTENANCE, project_id="red")


def move_after_a_refusal(tape: Tape) -> None:
    for place in replies_to_moves(tape):
        tape.change(place, answer=Answer.NACK)


def move_otherwise_than_agreed(tape: Tape) -> None:
    for place in replies_to_moves(tape):
        tape.change(place, action=InstanceAction.OWN_ACTION)


def move_without_a_word(tape: Tape) -> None:
    for place in tape.places(e.ProjectAsked, kind=NoticeKind.PREPARE_MAINTENANCE, project_id="red"):
        tape.change(place, instance_ids=())


def move_from_elsewhere(tape: Tape) -> None:
    """The notice was about another host."""
    tape.change(tape.moves()[0], host="c2")


def take_a_host_of_another_session(tape: Tape) -> None:
    place = tape.place(e.StepStarted, verb=StepVerb.DISABLE_HOST)
    held = HeldHost(host=tape[place].event.host, session_id="s2")
    tape.insert_event(place, e.OthersObserved(held_hosts=(held,)))


def move_to_a_host_of_another_session(tape: Tape) -> None:
    place = tape.moves()[0]
    held = HeldHost(host=tape[place].event.target, session_id="s2", in_work=True)
    free = HeldHost(host=held.host)
    tape.insert_event(tape.end_of(place), e.OthersObserved(held_hosts=(free,)))
    tape.insert_event(place, e.OthersObserved(held_hosts=(held,)))


def begin_where_too_few_controllers_serve(tape: Tape) -> None:
    look = tape.first_look()
    view = next(v for v in tape[look].event.hosts if v.kind is HostKind.CONTROLLER)
    more = (replace(view, host="ctl-2", up=False), replace(view, host="ctl-3"))
    tape.change(look, hosts=(*tape[look].event.hosts, *more))


def elsewhere(tape: Tape, **more: Any) -> None:
    """The host to which the first instance goes is another one than it was."""
    look, target = tape.first_look(), tape[tape.moves()[0]].event.target
    hosts = tape[look].event.hosts
    told = tuple(replace(view, **more) if view.host == target else view for view in hosts)
    tape.change(look, hosts=told)


def leave_the_zone(tape: Tape) -> None:
    elsewhere(tape, zone="far")


def leave_the_aggregate(tape: Tape) -> None:
    elsewhere(tape, aggregates=("ssd",))


def lose_an_instance(tape: Tape) -> None:
    tape.change(tape.end_of(tape.moves()[-1]), host="")


CHANGES = {
    "journal": (lose_an_event, begin_elsewhere, number_twice, mix_sessions),
    "steps": (
        start_a_step_twice,
        end_a_step_twice,
        end_an_unknown_step,
        leave_a_step_open,
        work_after_the_end,
        work_after_the_close,
        move_after_the_delete,
    ),
    "window": (begin_too_early,),
    "slots": (allow_fewer_moves, allow_fewer_hosts),
    "empty hosts": (
        work_on_a_full_host,
        work_unseen,
        work_on_an_open_host,
        work_without_a_word,
        work_on_a_host_left_out,
        move_into_the_work,
        open_during_work,
    ),
    "given back": (forget_to_enable, fail_to_enable),
    "hosts of others": (take_a_host_of_others,),
    "one session": (take_a_host_of_another_session, move_to_a_host_of_another_session),
    "quorum": (begin_where_too_few_controllers_serve,),
    "pools": (leave_the_zone, leave_the_aggregate),
    "capacity": (shrink_a_host, send_to_an_unknown_host),
    "answers": (hear_nobody, answer_for_another, default_while_it_listens),
    "consent": (
        move_after_a_refusal,
        move_otherwise_than_agreed,
        move_without_a_word,
        move_from_elsewhere,
    ),
    "existence": (lose_an_instance,),
}
#: Changes that cannot but break another rule as well.
MORE = {
    open_during_work: {"steps"},
    work_on_an_open_host: {"hosts of others"},
}


@pytest.mark.parametrize(
    ("name", "change"),
    [(name, change) for name, changes in CHANGES.items() for change in changes],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_a_broken_journal_is_found_by_its_rule(name, change):
    tape = await story(BUSY)
    assert verify(tape).ok
    change(tape)
    certificate = verify(tape)
    assert broken(certificate) == {name} | MORE.get(change, set())
    assert all(case.seqs and case.text for case in rule(certificate, name).violations)
    assert not certificate.ok


async def test_every_rule_is_broken_by_some_test():
    here = {*CHANGES, "spread", "group budget", "lead time", "migration type", "failure budget"}
    here |= {"retired hosts", "health gates", "fallback", "evacuation"}  # test_checker_difficult.py
    reports_only = {"interruption"}
    assert here | reports_only == {rule.name for rule in verify(await story(BUSY)).rules}


ASIDE = "one host fails within the budget"


def lose_no_host(tape: Tape) -> None:
    tape.change(0, policy=replace(tape[0].event.policy, failure_budget=0))


def set_aside_what_was_not_selected(tape: Tape) -> None:
    tape.change(tape.place(e.HostSetAside), host="c9")


def go_on_with_it(tape: Tape) -> None:
    run = StepVerb.RUN_ACTION
    again = e.StepStarted(step_id="run_action/c2/0/2", verb=run, host="c2", action_index=0)
    tape.insert_event(tape.place(e.HostSetAside) + 1, again)
    tape.insert_event(
        tape.place(e.HostSetAside) + 2,
        e.StepEnded(step_id=again.step_id, outcome=StepOutcome.DONE),
    )


def end_well_without_it(tape: Tape) -> None:
    place = tape.places(e.StateEntered)[-1]
    tape.change(place, state=S.MAINTENANCE_DONE, reason="")


def move_to_it(tape: Tape) -> None:
    move = next(n for n in tape.moves() if tape[n].event.host != "c2")
    tape.change(move, target="c2")


def forget_that_it_left(tape: Tape) -> None:
    gone = tape.place(e.HostChanged, progress=HostProgress.HOST_REMOVED)
    tape.put(gone, e.WorldObserved())


def remove_another(tape: Tape) -> None:
    removal = tape.place(e.StepStarted, verb=StepVerb.REMOVE_HOST)
    tape.change(removal, host="c3")


def open_it_again(tape: Tape) -> None:
    at = tape.place(e.StepStarted, verb=StepVerb.REMOVE_HOST)
    tape.change(at, verb=StepVerb.ENABLE_HOST)


def open_it_again_once_deleted(tape: Tape) -> None:
    at = tape.place(e.StepStarted, verb=StepVerb.REMOVE_HOST)
    tape.insert_event(at, e.SessionDeleted())
    open_it_again(tape)


@pytest.mark.parametrize(
    "change",
    [move_to_it, forget_that_it_left, remove_another, open_it_again, open_it_again_once_deleted],
)
async def test_a_retired_host_takes_nothing_and_leaves(change):
    tape = await story("a host is retired")
    assert verify(tape).ok
    assert rule(verify(tape), "retired hosts").checked > 1
    change(tape)
    assert "retired hosts" in broken(verify(tape))


def check_nothing_before_closing(tape: Tape) -> None:
    end_of_a_check(tape, after=False)


def check_nothing_after_the_work(tape: Tape) -> None:
    end_of_a_check(tape, after=True)


def end_of_a_check(tape: Tape, *, after: bool) -> None:
    """The check of c1 ends otherwise than well."""
    step_id = "run_action/c1/0/after/1" if after else "run_action/c1/0/1"
    tape.change(tape.place(e.StepEnded, step_id=step_id), outcome=StepOutcome.FAILED)


@pytest.mark.parametrize("change", [check_nothing_before_closing, check_nothing_after_the_work])
async def test_no_host_is_begun_or_done_without_its_checks(change):
    tape = await story("a host does not pass its check")
    assert verify(tape).ok
    assert rule(verify(tape), "health gates").checked > 1
    change(tape)
    assert broken(verify(tape)) == {"health gates"}


@pytest.mark.parametrize(
    ("change", "more"),
    [
        (lose_no_host, set()),
        (set_aside_what_was_not_selected, set()),
        (go_on_with_it, set()),
        (end_well_without_it, {"given back"}),
    ],
)
async def test_hosts_that_were_set_aside_are_left_alone_and_not_forgotten(change, more):
    tape = await story(ASIDE)
    assert verify(tape).ok
    assert rule(verify(tape), "failure budget").checked == 1
    change(tape)
    assert broken(verify(tape)) == {"failure budget"} | more


async def test_a_full_host_takes_nothing_more():
    tape = await story("full cloud scales in")
    first = tape.moves()[0]
    full = {view.host for view in tape[tape.first_look()].event.hosts}
    source = tape[first].event.host
    target = next(iter(sorted(full - {source, tape[first].event.target})))
    for place in tape.moves():
        if tape[place].event.host == source:
            tape.change(place, target=target)
    certificate = verify(tape)
    assert "capacity" in broken(certificate)
    assert rule(certificate, "capacity").tightest.slack < 0


async def test_members_that_must_stay_apart():
    tape = await story("anti-affinity")
    assert verify(tape).ok
    assert rule(verify(tape), "spread").tightest.slack == 0
    move = tape.moves()[0]
    other = next(h for h in ("c1", "c2", "c3") if h != tape[move].event.host)
    tape.change(move, target=other)
    assert broken(verify(tape)) == {"spread"}


async def test_a_project_may_keep_apart_what_the_cloud_does_not():
    tape = await story(BUSY)
    tape.regroup("pair", lambda view: view.instance_name in ("red-1", "red-2"))
    tape.demand(GroupConstraint(group_id="pair", project_id="red", anti_affinity_group=True))
    apart = broken(verify(tape))
    tape.demand(
        GroupConstraint(
            group_id="pair",
            project_id="red",
            anti_affinity_group=True,
            max_instances_per_host=2,
            max_impacted_members=2,
        )
    )
    assert "spread" in apart
    assert verify(tape).ok


@pytest.mark.parametrize(("allowed", "rules"), [(4, set()), (3, {"group budget"})])
async def test_no_more_members_move_at_once_than_allowed(allowed, rules):
    tape = await story(BUSY)
    tape.regroup("all")
    tape.demand(GroupConstraint(group_id="all", project_id="red", max_impacted_members=allowed))
    assert broken(verify(tape)) == rules


async def test_members_that_recover_count():
    tape = await story(BUSY)
    tape.regroup("reds", lambda view: view.project_id == "red")
    demand = GroupConstraint(group_id="reds", project_id="red", max_impacted_members=2)
    tape.demand(demand)
    before = broken(verify(tape))
    tape.demand(replace(demand, recovery_time=3600))
    assert not before
    assert broken(verify(tape)) == {"group budget"}


async def test_own_actions_count_from_the_notice():
    tape = await story("own action")
    tape.regroup("reds", lambda view: view.project_id == "red")
    demand = GroupConstraint(group_id="reds", project_id="red", max_impacted_members=1)
    tape.demand(demand)
    alone = verify(tape)
    assert rule(alone, "group budget").checked
    tape.demand(replace(demand, max_impacted_members=0))
    asked = tape.place(e.ProjectAsked, kind=NoticeKind.PREPARE_MAINTENANCE, project_id="red")
    case = rule(verify(tape), "group budget").violations[0]
    assert alone.ok
    assert case.seqs == (tape[asked].seq,)


def lead(tape: Tape, seconds: int) -> None:
    views = tape[tape.first_look()].event.instances
    tape.demand(
        *(
            InstanceConstraint(
                instance_id=view.instance_id, project_id=view.project_id, lead_time=seconds
            )
            for view in views
        )
    )


async def test_silent_projects_get_their_lead_time():
    tape = await story("unmanaged projects are migrated")
    lead(tape, 1)
    certificate = verify(tape)
    assert broken(certificate) == {"lead time"}
    assert rule(certificate, "lead time").tightest.slack < 0


async def test_projects_that_answer_do_not_wait_for_their_lead_time():
    tape = await story(BUSY)
    lead(tape, 3600)
    certificate = verify(tape)
    assert certificate.ok
    assert rule(certificate, "lead time").checked


@pytest.mark.parametrize(
    ("types", "rules"),
    [
        ((InstanceAction.MIGRATE,), set()),
        ((InstanceAction.LIVE_MIGRATE, InstanceAction.MIGRATE), set()),
        ((InstanceAction.LIVE_MIGRATE,), {"migration type"}),
    ],
)
async def test_defaults_are_of_a_type_that_the_constraint_names(types, rules):
    tape = await story("unmanaged projects are migrated")
    moved = tape[tape.moves()[0]].event.instance_id
    tape.demand(InstanceConstraint(instance_id=moved, project_id="red", migration_types=types))
    assert broken(verify(tape)) == rules


@pytest.mark.parametrize(("bears", "seen"), [(3, 0), (2, 1)])
async def test_long_live_migrations_are_reported(bears, seen):
    tape = await story(BUSY)
    moved = tape[tape.place(e.StepStarted, how=InstanceAction.LIVE_MIGRATE)].event.instance_id
    tape.demand(
        InstanceConstraint(instance_id=moved, project_id="blue", max_interruption_time=bears)
    )
    certificate = verify(tape)
    assert certificate.ok
    assert bool(rule(certificate, "interruption").found) == bool(seen)
    assert rule(certificate, "interruption").tightest.slack == bears - 3
