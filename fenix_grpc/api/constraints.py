"""What managers of projects call to say what their applications demand of every maintenance.

A project sees and changes what is its own. What nobody owns (an administrator set it without a project) any project may
change, but only administrators see.
"""

from __future__ import annotations

from typing import Any

from fenix_grpc.api.changes import Call
from fenix_grpc.api.convert import to_message, to_timestamp
from fenix_grpc.api.demands import group_demand, instance_demand
from fenix_grpc.core.errors import InvalidRequest, NotAllowed, NotFound
from fenix_grpc.ports import Caller, Clock, ConstraintKind, Constraints, KeptConstraint, Role
from fenix_grpc.v1 import constraint_service_pb2 as pb

_PAGE = 100
_LARGEST_PAGE = 1000

_RECORDS: dict[ConstraintKind, Any] = {
    ConstraintKind.INSTANCE: pb.InstanceConstraintRecord,
    ConstraintKind.GROUP: pb.GroupConstraintRecord,
}


class ConstraintRecords:
    """The methods of ConstraintService."""

    def __init__(self, constraints: Constraints, clock: Clock) -> None:
        self._constraints = constraints
        self._clock = clock

    async def get_instance_constraint(
        self, request: pb.GetInstanceConstraintRequest, caller: Caller
    ) -> pb.GetInstanceConstraintResponse:
        """What an instance demands."""
        record = await self._get(ConstraintKind.INSTANCE, request.instance_id, caller)
        return pb.GetInstanceConstraintResponse(record=record)

    async def list_instance_constraints(
        self, request: pb.ListInstanceConstraintsRequest, caller: Caller
    ) -> pb.ListInstanceConstraintsResponse:
        """A page of them."""
        records, token = await self._list(ConstraintKind.INSTANCE, request, caller)
        return pb.ListInstanceConstraintsResponse(records=records, next_page_token=token)

    async def set_instance_constraint(
        self, request: pb.SetInstanceConstraintRequest, caller: Caller
    ) -> pb.SetInstanceConstraintResponse:
        """Creates or replaces."""
        response = pb.SetInstanceConstraintResponse
        constraint, warnings = instance_demand(request, caller)
        kept = await self._constraints.put_instance(
            constraint,
            warnings=warnings,
            at=self._clock.now(),
            only_of=_limit(caller, Role.ADMIN),
            request_key=Call(request=request, caller=caller, response=response).key,
        )
        return response(record=_record(ConstraintKind.INSTANCE, kept))

    async def delete_instance_constraint(
        self, request: pb.DeleteInstanceConstraintRequest, caller: Caller
    ) -> pb.DeleteInstanceConstraintResponse:
        """Nothing to remove is fine."""
        response = pb.DeleteInstanceConstraintResponse
        await self._constraints.delete(
            ConstraintKind.INSTANCE,
            request.instance_id,
            at=self._clock.now(),
            only_of=_limit(caller, Role.ADMIN),
            request_key=Call(request=request, caller=caller, response=response).key,
        )
        return response()

    async def get_group_constraint(
        self, request: pb.GetGroupConstraintRequest, caller: Caller
    ) -> pb.GetGroupConstraintResponse:
        """What a group demands."""
        record = await self._get(ConstraintKind.GROUP, request.group_id, caller)
        return pb.GetGroupConstraintResponse(record=record)

    async def list_group_constraints(
        self, request: pb.ListGroupConstraintsRequest, caller: Caller
    ) -> pb.ListGroupConstraintsResponse:
        """A page of them."""
        records, token = await self._list(ConstraintKind.GROUP, request, caller)
        return pb.ListGroupConstraintsResponse(records=records, next_page_token=token)

    async def set_group_constraint(
        self, request: pb.SetGroupConstraintRequest, caller: Caller
    ) -> pb.SetGroupConstraintResponse:
        """Creates or replaces."""
        response = pb.SetGroupConstraintResponse
        constraint, warnings = group_demand(request, caller)
        kept = await self._constraints.put_group(
            constraint,
            warnings=warnings,
            at=self._clock.now(),
            only_of=_limit(caller, Role.ADMIN),
            request_key=Call(request=request, caller=caller, response=response).key,
        )
        return response(record=_record(ConstraintKind.GROUP, kept))

    async def delete_group_constraint(
        self, request: pb.DeleteGroupConstraintRequest, caller: Caller
    ) -> pb.DeleteGroupConstraintResponse:
        """Nothing to remove is fine."""
        response = pb.DeleteGroupConstraintResponse
        await self._constraints.delete(
            ConstraintKind.GROUP,
            request.group_id,
            at=self._clock.now(),
            only_of=_limit(caller, Role.ADMIN),
            request_key=Call(request=request, caller=caller, response=response).key,
        )
        return response()

    async def _get(self, kind: ConstraintKind, constraint_id: str, caller: Caller) -> Any:
        kept = await self._constraints.get(kind, constraint_id)
        limit = _limit(caller, Role.ADMIN, Role.READER)
        if kept is None or (limit and kept.constraint.project_id != limit):
            raise NotFound(f"constraint of {kind.lower()}", constraint_id)
        return _record(kind, kept)

    async def _list(
        self, kind: ConstraintKind, request: Any, caller: Caller
    ) -> tuple[list[Any], str]:
        """Records, and the token of the next page: the id of the last one here."""
        if request.page_size < 0:
            raise InvalidRequest("page_size", "must not be negative")
        limit = _limit(caller, Role.ADMIN, Role.READER)
        if limit and request.project_id not in ("", limit):
            raise NotAllowed(f"{caller.name} speaks for {limit}, not for {request.project_id}")
        size = min(request.page_size or _PAGE, _LARGEST_PAGE)
        found = await self._constraints.list(
            kind,
            project_id=limit or request.project_id,
            after=request.page_token,
            limit=size + 1,
        )
        records = [_record(kind, kept) for kept in found[:size]]
        last = records[-1].constraint if len(found) > size else None
        return records, getattr(last, f"{kind.lower()}_id", "")


def _limit(caller: Caller, *unlimited: Role) -> str:
    """The only project that the caller may touch; empty for all, which these roles may. Raises NotAllowed."""
    if caller.roles.intersection(unlimited):
        return ""
    if not caller.project_id:
        raise NotAllowed(f"{caller.name} speaks for no project")
    return caller.project_id


def _record(kind: ConstraintKind, kept: KeptConstraint) -> Any:
    return _RECORDS[kind](
        constraint=to_message(kept.constraint),
        warnings=kept.warnings,
        created_at=to_timestamp(kept.created_at),
        updated_at=to_timestamp(kept.updated_at),
    )
