"""Hosts, steps and answers in words and colours: the same in the live picture and in tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fenix_grpc.cli.words import clean, phrase, word
from fenix_grpc.v1.types_pb2 import (
    Answer,
    HostDetail,
    HostProgress,
    InstanceAction,
    ProjectDetail,
    StepDetail,
    StepVerb,
)


class Described(NamedTuple):
    """Words, and the style that rich prints them in."""

    text: str
    style: str = ""


def host_state(host: HostDetail) -> Described:
    """Where a host is in its maintenance."""
    if host.excluded:
        return Described(f"left out: {clean(host.excluded)}", "dim")
    if host.maintained:
        return Described("removed" if host.retired else "done", "green")
    if host.progress == HostProgress.HOST_PROGRESS_HOST_ADDED:
        return Described("new", "green")
    if host.progress == HostProgress.HOST_PROGRESS_IN_MAINTENANCE:
        return Described("in work", "bold yellow")
    if host.set_aside:
        return Described(f"set aside: {clean(host.set_aside)}", "bold red")
    if host.progress == HostProgress.HOST_PROGRESS_MAINTENANCE_COMPLETE:
        return Described("returning", "green")
    if host.disabled:
        return Described("emptying", "cyan") if host.instances else Described("empty", "yellow")
    return Described("to do")


def answer_of(project: ProjectDetail) -> Described:
    """What came of the last question to a project."""
    if project.answer:
        refused = project.answer == Answer.ANSWER_NACK
        return Described(word(Answer, project.answer), "bold red" if refused else "green")
    if project.defaulted:
        return Described(f"by policy: {clean(project.defaulted)}", "dim")
    return Described("awaited" if project.notice else "", "yellow")


def step_words(step: StepDetail, names: Mapping[str, str]) -> tuple[str, str]:
    """What a step does, and where."""
    if step.instance_id:
        name = names.get(step.instance_id) or step.instance_id
        evacuates = step.verb == StepVerb.STEP_VERB_EVACUATE_INSTANCE
        how = "evacuate" if evacuates else phrase(InstanceAction, step.how) or "move"
        return f"{how} {name}", f"{step.host} → {step.target or '?'}"
    if step.verb == StepVerb.STEP_VERB_RUN_ACTION:
        return step.plugin, step.host
    if step.verb == StepVerb.STEP_VERB_FETCH_PACKAGE:
        return f"fetch {step.package}", step.host
    return phrase(StepVerb, step.verb), step.host
