"""A folded session as the messages that show it."""

from __future__ import annotations

from collections.abc import Iterable

from fenix_grpc.api.convert import to_message, to_number, to_struct, to_timestamp
from fenix_grpc.core.model import InstanceView, Package, StepVerb, Waiting
from fenix_grpc.core.session import Host, Session, Step
from fenix_grpc.v1 import types_pb2 as t


def session_view(session: Session) -> t.Session:
    """The session itself."""
    return t.Session(
        session_id=session.session_id,
        state=to_number(session.state),
        prev_state=to_number(session.prev_state),
        reason=session.reason,
        workflow=session.created.workflow,
        maintenance_at=to_timestamp(session.created.maintenance_at),
        metadata=to_struct(session.created.metadata),
        percent_done=session.percent_done,
        created_at=to_timestamp(session.created_at),
        updated_at=to_timestamp(session.updated_at),
        seq=session.seq,
    )


def detail_view(session: Session, waiting: Iterable[Waiting]) -> t.SessionDetail:
    """The session with everything that is known of it."""
    return t.SessionDetail(
        session=session_view(session),
        hosts=[_host(session, host) for host in _hosts(session)],
        projects=[_project(session, project_id) for project_id in session.projects],
        instances=[_instance(session, instance) for instance in _instances(session)],
        actions=[to_message(action) for action in session.created.actions],
        steps=[_step(session, step) for step in session.steps.values()],
        waiting=[to_message(wait) for wait in waiting],
        owed_hosts=session.owed_hosts,
        verified=to_message(session.verified) if session.verified else None,
        packages=[
            _package(session, number, package)
            for number, package in enumerate(session.created.packages)
        ],
    )


def _package(session: Session, number: int, package: Package) -> t.PackageDetail:
    return t.PackageDetail(
        url=package.url,
        sha256=session.fetched.get(number, package.sha256),
        name=package.name,
        fetched=number in session.fetched,
    )


def _hosts(session: Session) -> Iterable[Host]:
    """Those that are worked on, left out or disabled; before that is settled, those asked for."""
    asked = frozenset(session.created.hosts or session.hosts)
    for name, host in sorted(session.hosts.items()):
        settled = host.selected or host.excluded or host.disabled
        if settled if session.selected else name in asked:
            yield host


def _host(session: Session, host: Host) -> t.HostDetail:
    return t.HostDetail(
        host=host.name,
        kind=to_number(host.view.kind),
        maintained=host.maintained,
        disabled=host.disabled,
        excluded=host.excluded,
        progress=to_number(host.progress),
        capacity=to_message(host.view.capacity),
        used=to_message(host.view.used),
        instances=len(session.on_host.get(host.name, ())),
        set_aside=host.set_aside,
        retired=host.retired,
    )


def _project(session: Session, project_id: str) -> t.ProjectDetail:
    detail = t.ProjectDetail(project_id=project_id, listening=project_id in session.listening)
    asks = session.asks_of(project_id)
    if asks:
        ask = asks[-1]
        detail.notice = to_number(ask.kind)
        detail.answer = to_number(ask.answer)
        detail.defaulted = ask.defaulted
        if ask.reply_at:
            detail.reply_at.CopyFrom(to_timestamp(ask.reply_at))
    return detail


def _instances(session: Session) -> Iterable[InstanceView]:
    """Those on the session's hosts, and those that it moves or has moved."""
    for instance_id, instance in sorted(session.instances.items()):
        host = session.hosts.get(instance.host)
        if instance_id in session.agreed or (host and (host.selected or not session.selected)):
            yield instance


def _instance(session: Session, instance: InstanceView) -> t.InstanceDetail:
    agreed = session.agreed.get(instance.instance_id)
    return t.InstanceDetail(
        instance_id=instance.instance_id,
        instance_name=instance.instance_name,
        project_id=instance.project_id,
        host=instance.host,
        status=instance.status,
        action=to_number(agreed.action if agreed else None),
        action_done=bool(agreed and agreed.done),
        size=to_message(instance.size),
    )


def _step(session: Session, step: Step) -> t.StepDetail:
    detail = t.StepDetail(
        step_id=step.step_id,
        verb=to_number(step.verb),
        host=step.host,
        instance_id=step.instance_id,
        target=step.target,
        how=to_number(step.how),
        outcome=to_number(step.outcome),
        detail=step.detail,
        output=step.output,
        started_at=to_timestamp(step.started_at),
    )
    if step.verb is StepVerb.RUN_ACTION:
        action = session.created.actions[step.action_index]
        detail.plugin = action.plugin
        detail.action_type = to_number(action.type)
    if step.verb is StepVerb.FETCH_PACKAGE:
        detail.package = session.created.packages[step.package_index].url
    if step.ended_at:
        detail.ended_at.CopyFrom(to_timestamp(step.ended_at))
    return detail
