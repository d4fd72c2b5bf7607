"""What the manager of a project calls: look at what is asked of it, and reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fenix_grpc.api.changes import Call, Change, Changes
from fenix_grpc.api.convert import from_number, to_message, to_number
from fenix_grpc.api.validate import LONGEST_ID, check_text
from fenix_grpc.core.errors import InvalidRequest, NotFound
from fenix_grpc.core.model import Answer, InstanceAction, NoticeKind
from fenix_grpc.core.negotiate import NoEffect, Reply, check_reply
from fenix_grpc.core.notices import as_notice
from fenix_grpc.core.session import Ask, Session
from fenix_grpc.folds import Folds
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
            # In the words for a session that does not exist: a project must not learn which others there are.
            raise NotFound("session", request.session_id)
        asks = session.asks_of(request.project_id)
        response = pb.GetProjectSessionResponse(state=to_number(session.state))
        if not asks:
            instances = session.instances_of(request.project_id)
            response.instance_ids.extend(instance.instance_id for instance in instances)
            return response
        # Several notices of a kind may be open at once; who reads the ids here replies for all of them (D18).
        alike = [a for a in asks if a.kind is asks[-1].kind and not a.settled] or [asks[-1]]
        response.instance_ids.extend(i for ask in alike for i in ask.instance_ids)
        response.notice.CopyFrom(to_message(as_notice(session, alike[-1])))
        response.answer = to_number(alike[-1].answer)
        return response

    async def reply_project_session(
        self, request: pb.ReplyProjectSessionRequest, caller: Caller
    ) -> pb.ReplyProjectSessionResponse:
        """Appends ProjectReplied unless the reply has no effect."""
        reply = _reply(request, caller)
        *others, last = await self._meant(request.session_id, reply)
        for other in others:  # first, so that a repetition misses none
            asked = pb.ReplyProjectSessionRequest(session_id=request.session_id)
            await self._give(other, asked, caller)
        return await self._give(last, request, caller)

    async def _meant(self, session_id: str, reply: Reply) -> Sequence[Reply]:
        """A reply that names neither a notice nor an instance is for all open notices of its kind (D18), or for those
        about the instances that its actions name."""
        if reply.notice_id or reply.instance_id:
            return (reply,)
        session = (await self._folds.latest(session_id)).session
        asks = [
            ask
            for ask in session.asks_of(reply.project_id)
            if ask.kind is reply.kind and not ask.settled
        ]
        about = [ask for ask in asks if _about(ask, reply)] if reply.instance_actions else asks
        if len(asks) < 2 or not about:
            return (reply,)
        return [
            replace(reply, notice_id=ask.notice_id, instance_actions=_about(ask, reply))
            for ask in about
        ]

    async def _give(
        self, reply: Reply, request: pb.ReplyProjectSessionRequest, caller: Caller
    ) -> pb.ReplyProjectSessionResponse:

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


def _about(ask: Ask, reply: Reply) -> Mapping[str, InstanceAction]:
    """What the reply says of the instances of a notice."""
    return {i: action for i, action in reply.instance_actions.items() if i in ask.instance_ids}


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
