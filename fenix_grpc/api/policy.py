"""Who may call what: a table over full method names. A server whose table misses one of its methods does not start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from fenix_grpc.core.errors import NotAllowed
from fenix_grpc.ports import Caller, Role


class Who(StrEnum):
    """Kinds of permission."""

    #: Administrators of the infrastructure.
    ADMIN = "ADMIN"
    #: The manager of the project that the request names, and administrators.
    PROJECT = "PROJECT"
    #: The manager of any project, for what is its own (the handler sees to that), and administrators.
    OWNER = "OWNER"
    #: Everybody, without saying who they are.
    ANY = "ANY"


_SESSIONS = "/fenix.v1.SessionService/"
_PROJECTS = "/fenix.v1.ProjectService/"
_CONSTRAINTS = "/fenix.v1.ConstraintService/"
_HEALTH = "/grpc.health.v1.Health/"

POLICY: Mapping[str, Who] = {
    _SESSIONS + "CreateSession": Who.ADMIN,
    _SESSIONS + "ListSessions": Who.ADMIN,
    _SESSIONS + "GetSession": Who.ADMIN,
    _SESSIONS + "GetSessionDetail": Who.ADMIN,
    _SESSIONS + "UpdateSession": Who.ADMIN,
    _SESSIONS + "DeleteSession": Who.ADMIN,
    _SESSIONS + "WatchSession": Who.ADMIN,
    _PROJECTS + "GetProjectSession": Who.PROJECT,
    _PROJECTS + "ReplyProjectSession": Who.PROJECT,
    _PROJECTS + "WatchProject": Who.PROJECT,
    _CONSTRAINTS + "GetInstanceConstraint": Who.OWNER,
    _CONSTRAINTS + "ListInstanceConstraints": Who.OWNER,
    _CONSTRAINTS + "SetInstanceConstraint": Who.OWNER,
    _CONSTRAINTS + "DeleteInstanceConstraint": Who.OWNER,
    _CONSTRAINTS + "GetGroupConstraint": Who.OWNER,
    _CONSTRAINTS + "ListGroupConstraints": Who.OWNER,
    _CONSTRAINTS + "SetGroupConstraint": Who.OWNER,
    _CONSTRAINTS + "DeleteGroupConstraint": Who.OWNER,
    _HEALTH + "Check": Who.ANY,
    _HEALTH + "List": Who.ANY,
    _HEALTH + "Watch": Who.ANY,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": Who.ANY,
}


def check_covered(methods: Iterable[str]) -> None:
    """Raises LookupError when the table misses a method."""
    missed = sorted(set(methods) - POLICY.keys())
    if missed:
        raise LookupError(f"api/policy.py does not say who may call {', '.join(missed)}")


def check_allowed(method: str, caller: Caller, request: Any) -> None:
    """Raises NotAllowed unless the caller may make this call. A project's manager may for its own project only."""
    who = POLICY[method]
    if who is Who.ANY or Role.ADMIN in caller.roles:
        return
    if who is Who.ADMIN or Role.PROJECT not in caller.roles:
        raise NotAllowed(f"{caller.name} may not call {method}: it is for {who.lower()} callers")
    if not caller.project_id:
        raise NotAllowed(f"{caller.name} speaks for no project")
    if who is Who.PROJECT and request.project_id != caller.project_id:
        raise NotAllowed(
            f"{caller.name} speaks for project {caller.project_id}, "
            f"not for project {request.project_id}"
        )
