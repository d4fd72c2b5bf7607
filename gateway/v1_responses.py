"""Writes responses as v1 clients know them: snake_case keys, bare words for enums, ISO 8601 UTC, null for unset.

Row and column names of the detail are those of the v1 database; where fenix knows more, keys are added.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from fenix_grpc.v1 import project_service_pb2 as project_pb
from fenix_grpc.v1 import session_service_pb2 as session_pb
from fenix_grpc.v1 import types_pb2 as pb
from gateway import words

Json = dict[str, Any]


def created(response: session_pb.CreateSessionResponse, _body: Any) -> Json:
    """E1; warnings only where there are any, as old clients know one key."""
    said: Json = {"session_id": response.session.session_id}
    return {**said, "warnings": list(response.warnings)} if response.warnings else said


def listed(response: session_pb.ListSessionsResponse, _body: Any) -> Json:
    """E2: the documents say `session_id`, the old code `sessions` (D6)."""
    ids = [session.session_id for session in response.sessions]
    listing: Json = {"session_id": ids, "sessions": ids}
    if response.next_page_token:
        listing["next_page_token"] = response.next_page_token
    return listing


def session(
    response: session_pb.GetSessionResponse | session_pb.UpdateSessionResponse, _body: Any
) -> Json:
    """E3 and E4 (D7)."""
    return _session(response.session)


def deleted(_response: Any, _body: Any) -> Json:
    """E5, E12 and E15."""
    return {}


def echo(_response: Any, body: Any) -> Any:
    """E8 and E9: the request's own body."""
    return body


def asked(response: project_pb.GetProjectSessionResponse, _body: Any) -> Json:
    """E7: the ids; besides, all that a manager without alarms needs to answer."""
    notice = response.notice
    return {
        "instance_ids": list(response.instance_ids),
        "state": words.STATE.word(response.state),
        "notice": _notice(notice) if response.HasField("notice") else None,
        "answer": words.ANSWER.word(response.answer),
    }


def detail(response: session_pb.GetSessionDetailResponse, _body: Any) -> Json:
    """E6."""
    found = response.detail
    session_id = found.session.session_id
    project_states = {project.project_id: _project_state(project) for project in found.projects}
    runs = [step for step in found.steps if step.verb == pb.STEP_VERB_RUN_ACTION]
    last_run = {step.host: step for step in runs if step.host}
    rows: dict[str, Iterable[Json]] = {
        "hosts": (_host(host, last_run.get(host.host)) for host in found.hosts),
        "projects": (_project(project) for project in found.projects),
        "instances": (
            _instance(instance, project_states.get(instance.project_id))
            for instance in found.instances
        ),
        "action_plugins": (_action_plugin(action) for action in found.actions),
        "action_plugin_instances": (_action_plugin_instance(run) for run in runs),
        "steps": (_step(step) for step in found.steps),
        "downloads": (_download(package) for package in found.packages),
    }
    return {
        **_session(found.session),
        "meta": _object(found.session.metadata),
        **{name: [{"session_id": session_id, **row} for row in of] for name, of in rows.items()},
        "waiting": [waiting(wait) for wait in found.waiting],
        "owed_hosts": list(found.owed_hosts),
    }


def _session(session: pb.Session) -> Json:
    return {
        "session_id": session.session_id,
        "state": words.STATE.word(session.state),
        "prev_state": words.STATE.word(session.prev_state),
        "percent_done": session.percent_done,
        "reason": session.reason,
        "workflow": session.workflow,
        "maintenance_at": time(session.maintenance_at),
        "metadata": _object(session.metadata),
        "created_at": time(session.created_at),
        "updated_at": time(session.updated_at),
        "seq": session.seq,
    }


def _notice(notice: pb.ProjectNotice) -> Json:
    return {
        "notice_id": notice.notice_id,
        "state": words.NOTICE.word(notice.kind),
        "instances": [
            {"instance_id": instance.instance_id, "instance_name": instance.instance_name}
            for instance in notice.instances
        ],
        "allowed_actions": [words.INSTANCE_ACTION.word(a) for a in notice.allowed_actions],
        "actions_at": time(notice.actions_at),
        "reply_at": time(notice.reply_at),
        "metadata": _object(notice.metadata),
        "needed": resources(notice.needed) if notice.HasField("needed") else None,
        "reason": notice.reason,
    }


def _host(host: pb.HostDetail, run: pb.StepDetail | None) -> Json:
    return {
        "id": host.host,
        "hostname": host.host,
        "type": _lower(words.HOST_KIND.word(host.kind)),
        "maintained": host.maintained,
        "disabled": host.disabled,
        "details": host.excluded or host.set_aside or None,
        "plugin": run.plugin if run else None,
        "plugin_state": _outcome(run) if run else None,
        "progress": words.HOST_PROGRESS.word(host.progress),
        "capacity": resources(host.capacity),
        "used": resources(host.used),
        "instances": host.instances,
        "created_at": None,
        "updated_at": None,
    }


def _project(project: pb.ProjectDetail) -> Json:
    return {
        "id": project.project_id,
        "project_id": project.project_id,
        "state": _project_state(project),
        "listening": project.listening,
        "defaulted": project.defaulted or None,
        "reply_at": time(project.reply_at),
    }


def _project_state(project: pb.ProjectDetail) -> str | None:
    """What it was asked, with ACK_ or NACK_ in front once it has answered."""
    notice = words.NOTICE.word(project.notice)
    answer = words.ANSWER.word(project.answer)
    return f"{answer}_{notice}" if answer and notice else notice


def _instance(instance: pb.InstanceDetail, project_state: str | None) -> Json:
    return {
        "id": instance.instance_id,
        "instance_id": instance.instance_id,
        "instance_name": instance.instance_name,
        "project_id": instance.project_id,
        "host": instance.host,
        "state": instance.status,
        "project_state": project_state,
        "action": words.INSTANCE_ACTION.word(instance.action),
        "action_done": instance.action_done,
        "details": None,
        "size": resources(instance.size),
        "created_at": None,
        "updated_at": None,
    }


def _download(package: pb.PackageDetail) -> Json:
    return {
        "id": package.name,
        "local_file": package.name,
        "url": package.url,
        "sha256": package.sha256 or None,
        "fetched": package.fetched,
    }


def _action_plugin(action: pb.ActionSpec) -> Json:
    return {
        "id": action.plugin,
        "plugin": action.plugin,
        "type": _lower(words.ACTION_TYPE.word(action.type)),
        "meta": _object(action.metadata),
    }


def _action_plugin_instance(run: pb.StepDetail) -> Json:
    return {
        "id": run.step_id,
        "plugin": run.plugin,
        "hostname": run.host or None,
        "state": _outcome(run),
    }


def _step(step: pb.StepDetail) -> Json:
    return {
        "id": step.step_id,
        "verb": words.STEP_VERB.word(step.verb),
        "host": step.host or None,
        "instance_id": step.instance_id or None,
        "target": step.target or None,
        "plugin": step.plugin or None,
        "type": _lower(words.ACTION_TYPE.word(step.action_type)),
        "how": words.INSTANCE_ACTION.word(step.how),
        "state": _outcome(step),
        "details": step.detail or None,
        "output": step.output or None,
        "started_at": time(step.started_at),
        "ended_at": time(step.ended_at),
    }


def _outcome(step: pb.StepDetail) -> str:
    return words.STEP_OUTCOME.word(step.outcome) or "RUNNING"


def waiting(wait: pb.Waiting) -> Json:
    """Something that is awaited."""
    return {
        "subject": wait.subject,
        "reason": wait.reason,
        "since": time(wait.since),
        "deadline": time(wait.deadline),
        "then": wait.then or None,
    }


def resources(amount: pb.Resources) -> Json:
    """An amount of capacity."""
    return {
        "vcpus": amount.vcpus,
        "memory_mb": amount.memory_mb,
        "disk_gb": amount.disk_gb,
    }


def time(when: Timestamp) -> str | None:
    """fenix has no times at or before 1970, so zero means unset."""
    return when.ToJsonString() if when.seconds > 0 else None


def _object(struct: Struct) -> Json:
    written: Json = json_format.MessageToDict(struct)
    return written


def _lower(word: str | None) -> str | None:
    return word.lower() if word else None
