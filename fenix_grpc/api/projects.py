"""What the manager of a project calls: look at what is asked of it, and reply."""

from __future__ import annotations

from fenix_grpc.api.changes import Call, Change, Changes
from fenix_grpc.api.convert import from_number, to_message, to_number
from fenix_grpc.api.folds import Folds
from fenix_grpc.api.validate import LONGEST_ID, check_text
from fenix_grpc.core.errors import InvalidRequest, NotFound
from fenix_grpc.core.model import Answer, InstanceAction, NoticeKind
from fenix_grpc.core.negotiate import NoEffect, Reply, check_reply
from fenix_grpc.core.notices import as_notice
from fenix_grpc.core.session import Session
from fenix_grpc.ports import Caller
from fenix_grpc.v1 import project_service_pb2 as pb


class Projects:
    """The unary methods of ProjectService."""

    def __init__(self, folds: Folds, changes: Changes) -> None:
        self._folds = folds
        self._changes = changes

    async def get_project_session(
        self, request: pb.GetProjectSessionRequest, caller: Caller
    ) -> pb.GetProjectSessionResponse:
        """What a session asks of a project now."""
        session = (await self._folds.latest(request.session_id)).session
        if request.project_id not in session.projects or session.closed:
            raise NotFound("session", f"{request.session_id} of project {request.project_id}")
        asks = session.asks_of(request.project_id)
        response = pb.GetProjectSessionResponse(state=to_number(session.state))
        if not asks:
            instances = session.instances_of(request.project_id)
            response.instance_ids.extend(instance.instance_id for instance in instances)
            return response
        response.instance_ids.extend(asks[-1].instance_ids)
        response.notice.CopyFrom(to_message(as_notice(session, asks[-1])))
        response.answer = to_number(asks[-1].answer)
        return response

    async def reply_project_session(
        self, request: pb.ReplyProjectSessionRequest, caller: Caller
    ) -> pb.ReplyProjectSessionResponse:
        """Appends ProjectReplied unless the reply has no effect."""
        reply = _reply(request, caller)

        def check(session: Session) -> Change[pb.ReplyProjectSessionResponse]:
            outcome = check_reply(session, reply)
            if isinstance(outcome, NoEffect):
                detail = outcome.detail
                return Change(
                    event=None, respond=lambda _: pb.ReplyProjectSessionResponse(detail=detail)
                )
            return Change(
                event=outcome,
                respond=lambda _: pb.ReplyProjectSessionResponse(
                    counted=True, detail=f"{reply.answer} to {reply.kind}"
                ),
            )

        call = Call(request=request, caller=caller, response=pb.ReplyProjectSessionResponse)
        return await self._changes.apply(call, request.session_id, check)


def _reply(request: pb.ReplyProjectSessionRequest, caller: Caller) -> Reply:
    kind = from_number(NoticeKind, request.kind, "kind")
    answer = from_number(Answer, request.answer, "answer")
    if kind is None or answer is None:
        raise InvalidRequest("answer" if kind else "kind", "must be set")
    actions: dict[str, InstanceAction] = {}
    for instance_id, number in request.instance_actions.items():
        check_text("instance_actions", instance_id, LONGEST_ID)
        action = from_number(InstanceAction, number, "instance_actions")
        if action is not None:
            actions[instance_id] = action
    return Reply(
        project_id=request.project_id,
        kind=kind,
        answer=answer,
        action=from_number(InstanceAction, request.action, "action"),
        instance_actions=actions,
        instance_id=request.instance_id,
        notice_id=request.notice_id,
        reason=request.reason,
        replied_by=caller.name,
    )
