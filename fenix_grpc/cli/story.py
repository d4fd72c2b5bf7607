"""A session's journal as lines that a person reads: one line per event.

The only state is what later events refer to by id: the steps and the names of instances. Nothing is printed here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from fenix_grpc.cli.words import amount, clean, clock_time, count, moment, phrase, word
from fenix_grpc.v1 import events_pb2 as e
from fenix_grpc.v1.types_pb2 import (
    Answer,
    HostProgress,
    InstanceAction,
    NoticeKind,
    SessionState,
    SessionVerified,
    StepOutcome,
    StepVerb,
)

Tone = Literal["plain", "state", "good", "bad"]


class Told(NamedTuple):
    """What an event says."""

    text: str
    tone: Tone = "plain"
    #: Worth a line in a log, not one in a short list of the latest events.
    routine: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One event in words."""

    at: datetime
    #: The local time of day.
    time: str
    text: str
    tone: Tone = "plain"
    routine: bool = False

    def __str__(self) -> str:
        return f"{self.time}  {self.text}"


class Story:
    """Tells events one after the other."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._steps: dict[str, e.StepStarted] = {}
        self._plugins: list[str] = []
        self._packages: list[str] = []
        self._looked = False

    def tell(self, event: e.SessionEvent) -> Line:
        """The line of the next event."""
        kind = event.WhichOneof("event") or ""
        tell = _TELLERS.get(kind)
        told = tell(self, getattr(event, kind)) if tell else Told(kind.replace("_", " "))
        return Line(
            at=moment(event.at),
            time=clock_time(event.at),
            text=clean(told.text),
            tone=told.tone,
            routine=told.routine,
        )

    def _created(self, event: e.SessionCreated) -> Told:
        self._plugins = [action.plugin for action in event.actions]
        self._packages = [package.url for package in event.packages]
        hosts = count(len(event.hosts), "host") if event.hosts else "all hosts"
        by = f" by {event.created_by}" if event.created_by else ""
        return Told(f"session created{by}: {hosts}, workflow {event.workflow}", "state")

    def _observed(self, event: e.WorldObserved) -> Told:
        new = sum(i.instance_id not in self._names for i in event.instances)
        self._names.update((i.instance_id, i.instance_name) for i in event.instances)
        first, self._looked = not self._looked, True
        gone = len(event.gone_instances)
        hosts = f"{count(len(event.hosts), 'host')} and " if first else ""
        news = [
            f"{hosts}{count(new, 'instance' if first else 'new instance')}" if first or new else "",
            f"{count(gone, 'instance')} less" if gone else "",
            f"managers of {', '.join(event.listening)}" if event.listening else "",
            f"no manager of {', '.join(event.not_listening)} any more"
            if event.not_listening
            else "",
        ]
        if any(news):
            return Told(f"seen: {', '.join(part for part in news if part)}")
        changed = len(event.hosts) + len(event.instances)
        what = f"{count(changed, 'change')} of hosts or instances" if changed else "no change"
        return Told(f"seen: {what}", routine=True)

    def _others(self, event: e.OthersObserved) -> Told:
        held = sum(1 for host in event.held_hosts if host.session_id)
        free = len(event.held_hosts) - held
        going = sum(1 for impact in event.impacts if not impact.HasField("ended_at"))
        news = [
            f"hold {count(held, 'host')} more" if held else "",
            f"give {count(free, 'host')} back" if free else "",
            f"disturb {count(going, 'instance')}" if going else "",
        ]
        text = ", ".join(part for part in news if part) or "disturb less"
        return Told(f"other sessions {text}", routine=not held)

    def _selected(self, event: e.HostsSelected) -> Told:
        left_out = "".join(f"; {host} left out: {why}" for host, why in event.excluded.items())
        return Told(f"{count(len(event.hosts), 'host')} to work on{left_out}")

    def _planned(self, event: e.PlanMade) -> Told:
        moves, waves = count(len(event.moves), "move"), count(len(event.waves), "wave")
        why = f": {event.reason}" if event.reason else ""
        return Told(f"planned: {moves} in {waves}{why}")

    def _verified(self, event: SessionVerified) -> Told:
        broken = [rule.name for rule in event.rules if rule.violations]
        if event.ok:
            checks = sum(rule.checked for rule in event.rules)
            return Told(f"verified: every promise was kept ({count(checks, 'check')})", "good")
        return Told(f"verified: BROKEN: {', '.join(broken)}", "bad")

    def _entered(self, event: e.StateEntered) -> Told:
        failed = event.state == SessionState.SESSION_STATE_MAINTENANCE_FAILED
        done = event.state == SessionState.SESSION_STATE_MAINTENANCE_DONE
        words = [word(SessionState, event.state), event.host]
        text = " ".join(w for w in words if w) + (f": {event.reason}" if event.reason else "")
        return Told(text, "bad" if failed else "good" if done else "state")

    def _asked(self, event: e.ProjectAsked) -> Told:
        kind = word(NoticeKind, event.kind)
        if not event.HasField("reply_at"):
            return Told(f"{event.project_id} is told {kind}", routine=True)
        what = f" for {count(len(event.instance_ids), 'instance')}" if event.instance_ids else ""
        if event.HasField("needed"):
            what = f": {amount(event.needed)} needed"
        return Told(f"{event.project_id} is asked {kind}{what}")

    def _replied(self, event: e.ProjectReplied) -> Told:
        answer = word(Answer, event.answer)
        refused = event.answer == Answer.ANSWER_NACK
        actions = {phrase(InstanceAction, a) for a in event.instance_actions.values()}
        actions.discard("")
        how = f" ({', '.join(sorted(actions))})" if actions else ""
        why = f": {event.reason}" if event.reason else ""
        text = f"{event.project_id} answers {answer} {word(NoticeKind, event.kind)}{how}{why}"
        return Told(text, "bad" if refused else "plain")

    def _defaulted(self, event: e.ProjectDefaulted) -> Told:
        how = f", {phrase(InstanceAction, event.action)}" if event.action else ""
        kind = word(NoticeKind, event.kind)
        return Told(f"policy answers {kind} for {event.project_id}: {event.reason}{how}")

    def _action_done(self, event: e.InstanceActionDone) -> Told:
        how = phrase(InstanceAction, event.action)
        where = f"is on {event.to_host}" if event.to_host else "is gone"
        name = self._name(event.instance_id)
        return Told(f"{name} left {event.from_host}, {where} ({how})", routine=True)

    def _host_changed(self, event: e.HostChanged) -> Told:
        if event.progress == HostProgress.HOST_PROGRESS_HOST_ADDED:
            return Told(f"{event.host} has joined the cloud")
        if event.progress == HostProgress.HOST_PROGRESS_HOST_REMOVED:
            return Told(f"{event.host} has left the cloud", "good")
        done = event.progress == HostProgress.HOST_PROGRESS_MAINTENANCE_COMPLETE
        text = "is done" if done else "begins"
        return Told(f"work on {event.host} {text}", "good" if done else "plain")

    def _action_replaced(self, event: e.ActionReplaced) -> Told:
        how = phrase(InstanceAction, event.action)
        return Told(f"{self._name(event.instance_id)} now by {how}, because {event.reason}", "bad")

    def _set_aside(self, event: e.HostSetAside) -> Told:
        return Told(f"{event.host} is set aside: {event.reason}", "bad")

    def _started(self, event: e.StepStarted) -> Told:
        self._steps[event.step_id] = event
        return Told(f"{self._step(event)} begins", routine=True)

    def _ended(self, event: e.StepEnded) -> Told:
        started = self._steps.pop(event.step_id, None)
        text = self._step(started) if started else event.step_id
        done = event.outcome == StepOutcome.STEP_OUTCOME_DONE
        if done and event.host and started and started.target != event.host:
            text += f" to {event.host}"
        detail = f": {event.detail}" if event.detail else ""
        routine = done and not (started and started.instance_id)
        outcome = phrase(StepOutcome, event.outcome)
        return Told(f"{text} {outcome}{detail}", "plain" if done else "bad", routine)

    def _continued(self, event: e.SessionContinued) -> Told:
        by = f" by {event.continued_by}" if event.continued_by else ""
        return Told(f"continued{by} from {word(SessionState, event.state)}", "state")

    def _deleted(self, event: e.SessionDeleted) -> Told:
        by = f" by {event.deleted_by}" if event.deleted_by else ""
        return Told(f"deleted{by}; hosts are being given back", "state")

    def _closed(self, event: e.SessionClosed) -> Told:
        left = f"; left disabled: {', '.join(event.left_disabled)}" if event.left_disabled else ""
        return Told(f"closed{left}", "state")

    def _name(self, instance_id: str) -> str:
        return self._names.get(instance_id) or instance_id

    def _step(self, step: e.StepStarted) -> str:
        """What a step does, in words."""
        if step.instance_id:
            target = f" to {step.target}" if step.target else ""
            evacuates = step.verb == StepVerb.STEP_VERB_EVACUATE_INSTANCE
            how = "evacuate" if evacuates else phrase(InstanceAction, step.how) or "move"
            return f"{how} {self._name(step.instance_id)} from {step.host}{target}"
        if step.verb == StepVerb.STEP_VERB_RUN_ACTION:
            known = step.action_index < len(self._plugins)
            plugin = self._plugins[step.action_index] if known else f"action {step.action_index}"
            return f"{plugin} on {step.host}" if step.host else plugin
        if step.verb == StepVerb.STEP_VERB_FETCH_PACKAGE:
            known = step.package_index < len(self._packages)
            return f"fetch {self._packages[step.package_index] if known else 'a package'}"
        return f"{phrase(StepVerb, step.verb).removesuffix(' host')} {step.host}"


_TELLERS: Mapping[str, Callable[[Story, Any], Told]] = {
    "session_created": Story._created,
    "world_observed": Story._observed,
    "hosts_selected": Story._selected,
    "plan_made": Story._planned,
    "state_entered": Story._entered,
    "project_asked": Story._asked,
    "project_replied": Story._replied,
    "project_defaulted": Story._defaulted,
    "instance_action_done": Story._action_done,
    "host_changed": Story._host_changed,
    "host_set_aside": Story._set_aside,
    "action_replaced": Story._action_replaced,
    "step_started": Story._started,
    "step_ended": Story._ended,
    "session_continued": Story._continued,
    "session_deleted": Story._deleted,
    "session_closed": Story._closed,
    "session_verified": Story._verified,
    "others_observed": Story._others,
}
