"""What must hold when everything is over: told by the journals, by the cloud's own record and by what the actions left
behind. None of it asks fenix for its opinion of itself, except the checker, which reads journals only."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from fenix_grpc.api.parse import from_session_event
from fenix_grpc.checker import verify
from fenix_grpc.cli.proof import broken_promises
from fenix_grpc.clouds.simulated import Operation
from fenix_grpc.core.events import StateEntered, StepEnded, StepStarted
from fenix_grpc.core.model import Inventory, SessionState, StepOutcome, StepVerb
from fenix_grpc.ports import Recorded
from tests.chaos.histories import History
from tests.chaos.lanes import Carried

#: Beginnings and parts of reasons for which a session may stop here, each with the misfortunes that bring it about.
#: Whoever else takes a server or a database from a session brings no stop at all.
INTERRUPTED = "was interrupted and its outcome is unknown"
EXPLAINED: Mapping[str, str] = {
    "chaos: refuse": "cloud refuses moves",
    "chaos: fail": "moves fail",
}
#: Each of the destinations that a session tried in turn was full or closed by the time that its move began: sessions
#: that run at once book nothing with each other.
TAKEN = "cannot go to host"
#: What the cloud calls that which a step brings about.
_VERBS = {
    "disable": StepVerb.DISABLE_HOST,
    "enable": StepVerb.ENABLE_HOST,
    "live_migrate": StepVerb.MOVE_INSTANCE,
    "cold_migrate": StepVerb.MOVE_INSTANCE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that a run leaves behind."""

    carried: Sequence[Carried]
    struck: Counter[str]
    #: Of all sessions.
    histories: Sequence[History]
    before: Inventory
    after: Inventory
    operations: Sequence[Operation]
    #: How often an action was performed, by session and host.
    performed: Mapping[tuple[str, str], int]
    #: Logs of the servers, by name.
    logs: Mapping[str, str]
    takeovers: int
    #: What broke the run itself; empty when it came to its end.
    broken: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A run in numbers."""

    counts: Mapping[str, int]
    struck: Mapping[str, int]
    #: Why sessions stopped, and how often.
    stops: Mapping[str, int]
    violations: Sequence[str] = field(default=())


def judge(evidence: Evidence) -> Verdict:
    """Everything that is wrong, and the counts."""
    journals = {
        one.session_id: list(map(from_session_event, one.journal)) for one in evidence.carried
    }
    entries = [entry for journal in journals.values() for entry in journal]
    started = [e for e in entries if isinstance(e.event, StepStarted)]
    outcomes = Counter(e.event.outcome for e in entries if isinstance(e.event, StepEnded))
    violations = [
        *([f"the run broke: {evidence.broken}"] if evidence.broken else []),
        *_of_sessions(evidence, journals),
        *_of_steps(evidence, started),
        *_of_actions(evidence, journals),
        *_of_the_cloud(evidence),
        *_of_watches(evidence),
        *_of_logs(evidence.logs),
    ]
    stops = [reason for one in evidence.carried for reason in one.stops]
    return Verdict(
        counts={
            "sessions": len(evidence.carried),
            "done": sum(_is_done(journal) for journal in journals.values()),
            "continued by the operator": len(stops),
            "events": len(entries),
            "steps": len(started),
            "lost steps": outcomes[StepOutcome.LOST],
            "failed steps": outcomes[StepOutcome.FAILED],
            "takeovers": evidence.takeovers,
            "watches": len(evidence.histories) + len(evidence.carried),
            "watches resumed": sum(h.resumed for h in _histories(evidence)),
            "misfortunes": evidence.struck.total(),
        },
        struck=evidence.struck,
        stops=Counter(map(_explanation, stops)),
        violations=violations,
    )


def _is_done(journal: Sequence[Recorded]) -> bool:
    states = [e.event.state for e in journal if isinstance(e.event, StateEntered)]
    return bool(states) and states[-1] is SessionState.MAINTENANCE_DONE


def _explanation(reason: str) -> str:
    """What explains that a session stopped; empty for nothing."""
    if INTERRUPTED in reason:
        return "an action that must not be repeated was interrupted"
    if TAKEN in reason:
        return "other sessions were faster at every destination"
    return next((why for part, why in EXPLAINED.items() if part in reason), "")


def _of_sessions(evidence: Evidence, journals: Mapping[str, Sequence[Recorded]]) -> Iterator[str]:
    removed = {each.subject for each in evidence.operations if each.verb == "delete"}
    for one in evidence.carried:
        journal = journals[one.session_id]
        if one.problem:
            yield f"{one.session_id} {one.problem}"
        elif not _is_done(journal):
            yield f"{one.session_id} has not ended DONE"
        for reason in one.stops:
            why = _explanation(reason)
            if not why or (why in EXPLAINED.values() and not evidence.struck[why]):
                yield f"{one.session_id} stopped, and no misfortune explains it: {reason}"
        for rule in verify(journal, removed=removed).rules:
            for broken in rule.violations:
                yield f"{one.session_id} {rule.name}: {broken.text} (events {broken.seqs})"


def _of_steps(evidence: Evidence, started: Sequence[Recorded]) -> Iterator[str]:
    """Each step starts once, and the cloud was never asked for more than the steps that had started by then."""
    times = Counter((e.session_id, e.event.step_id) for e in started)
    for (session_id, step_id), count in times.items():
        if count > 1:
            yield f"{session_id} started {step_id} {count} times"
    begun: defaultdict[tuple[str, str, str], list[datetime]] = defaultdict(list)
    for entry in started:
        begun[_step_key(entry)].append(entry.at)
    seen: Counter[tuple[str, str, str]] = Counter()
    for each in evidence.operations:
        if each.verb not in _VERBS:
            continue
        key = _operation_key(each)
        seen[key] += 1
        so_far = sum(at <= each.at for at in begun[key])
        if seen[key] > so_far:
            yield f"{' '.join(key)} was performed {seen[key]} times at {each.at}, started {so_far} times"


def _step_key(entry: Recorded) -> tuple[str, str, str]:
    """What a step does, and to what; of hosts also for which session."""
    step = entry.event
    assert isinstance(step, StepStarted)
    whose = "" if step.verb is StepVerb.MOVE_INSTANCE else entry.session_id
    return step.verb.value, step.instance_id or whose, step.host


def _operation_key(operation: Operation) -> tuple[str, str, str]:
    verb = _VERBS[operation.verb]
    if verb is StepVerb.MOVE_INSTANCE:
        return verb.value, operation.subject, operation.host
    return verb.value, operation.detail.removeprefix("fenix session "), operation.host


def _of_actions(evidence: Evidence, journals: Mapping[str, Sequence[Recorded]]) -> Iterator[str]:
    """What was done is done once; it was performed at least as often as done, and at most as often as started."""
    for one in evidence.carried:
        runs, done = Counter[str](), Counter[str]()
        hosts: dict[str, str] = {}
        for entry in journals[one.session_id]:
            event = entry.event
            if isinstance(event, StepStarted) and event.verb is StepVerb.RUN_ACTION:
                hosts[event.step_id] = event.host
                runs[event.host] += 1
            elif isinstance(event, StepEnded) and event.step_id in hosts:
                done[hosts[event.step_id]] += event.outcome is StepOutcome.DONE
        for host in {*runs, *(h for s, h in evidence.performed if s == one.session_id)}:
            times = evidence.performed.get((one.session_id, host), 0)
            if not done[host] <= times <= runs[host] or done[host] > 1:
                yield (
                    f"{one.session_id}: {one.action} on {host} was started {runs[host]} times,"
                    f" performed {times} times, done {done[host]} times"
                )
            interrupted = sum(INTERRUPTED in reason for reason in one.stops)
            if one.action == "flash" and runs[host] > 1 + interrupted:
                yield f"{one.session_id}: flash on {host} was repeated without the operator's word"


def _of_the_cloud(evidence: Evidence) -> Iterator[str]:
    events = [event for one in evidence.carried for event in one.journal]
    promises = broken_promises(evidence.before, evidence.after, evidence.operations, events)
    for promise, cases in promises.items():
        for case in cases:
            yield f"not true: {promise}: {case}"


def _of_watches(evidence: Evidence) -> Iterator[str]:
    journals = {one.session_id: one.journal for one in evidence.carried}
    for history in evidence.histories:
        yield from history.problems(journals)
    for one in evidence.carried:
        yield from one.history.problems({one.session_id: one.journal})


def _histories(evidence: Evidence) -> Iterator[History]:
    yield from evidence.histories
    yield from (one.history for one in evidence.carried)


def _of_logs(logs: Mapping[str, str]) -> Iterator[str]:
    for name, text in logs.items():
        if times := text.count("Traceback"):
            place = text.index("Traceback")
            yield f"{times} unhandled errors in {name}: {text[place : place + 2000]}"
