"""Who may call what: a table over full method names, which a file may replace line by line.

A server whose table misses one of its methods, or lets a role in that would see what is not its own, does not start.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fenix_grpc.core.errors import InvalidRequest, NotAllowed
from fenix_grpc.ports import Caller, Role

#: Administrators of the infrastructure only.
_CHANGE = frozenset({Role.ADMIN})
#: Those who may see everything.
_LOOK = frozenset({Role.ADMIN, Role.READER})
#: The manager of the project that the request names or that owns the thing, and administrators.
_OWN = frozenset({Role.ADMIN, Role.PROJECT})
_OWN_LOOK = _OWN | _LOOK

_SESSIONS = "/fenix.v1.SessionService/"
_PROJECTS = "/fenix.v1.ProjectService/"
_CONSTRAINTS = "/fenix.v1.ConstraintService/"

TABLE: Mapping[str, frozenset[Role]] = {
    _SESSIONS + "CreateSession": _CHANGE,
    _SESSIONS + "ListSessions": _LOOK,
    _SESSIONS + "GetSession": _LOOK,
    _SESSIONS + "GetSessionDetail": _LOOK,
    _SESSIONS + "UpdateSession": _CHANGE,
    _SESSIONS + "DeleteSession": _CHANGE,
    _SESSIONS + "PlanSession": _LOOK,
    _SESSIONS + "WatchSession": _LOOK,
    _PROJECTS + "GetProjectSession": _OWN_LOOK,
    _PROJECTS + "ReplyProjectSession": _OWN,
    # Whoever watches counts as the project's manager, so a reader may not.
    _PROJECTS + "WatchProject": _OWN,
    _PROJECTS + "CreateWebhook": _OWN,
    _PROJECTS + "ListWebhooks": _OWN_LOOK,
    _PROJECTS + "DeleteWebhook": _OWN,
    _CONSTRAINTS + "GetInstanceConstraint": _OWN_LOOK,
    _CONSTRAINTS + "ListInstanceConstraints": _OWN_LOOK,
    _CONSTRAINTS + "SetInstanceConstraint": _OWN,
    _CONSTRAINTS + "DeleteInstanceConstraint": _OWN,
    _CONSTRAINTS + "GetGroupConstraint": _OWN_LOOK,
    _CONSTRAINTS + "ListGroupConstraints": _OWN_LOOK,
    _CONSTRAINTS + "SetGroupConstraint": _OWN,
    _CONSTRAINTS + "DeleteGroupConstraint": _OWN,
}

#: Answered without the call chain, to everybody.
OPEN = frozenset(
    {
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/List",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    }
)


def check_covered(methods: Iterable[str]) -> None:
    """Raises LookupError when the table misses a method."""
    missed = sorted(set(methods) - TABLE.keys() - OPEN)
    if missed:
        raise LookupError(f"api/policy.py does not say who may call {', '.join(missed)}")


class Access:
    """A table in use."""

    def __init__(self, table: Mapping[str, frozenset[Role]] = TABLE) -> None:
        self._table = table

    def check_allowed(self, method: str, caller: Caller, request: Any) -> None:
        """Raises NotAllowed unless the caller may make this call. A project's manager may for its own project only;
        whose a constraint is, its handler checks."""
        allowed = self._table[method]
        granted = allowed & caller.roles
        if not granted:
            raise NotAllowed(
                f"{caller.name} may not call {method}: it is for {_words(allowed)} callers"
            )
        if granted != {Role.PROJECT}:
            return
        if not caller.project_id:
            raise NotAllowed(f"{caller.name} speaks for no project")
        if method.startswith(_PROJECTS) and request.project_id != caller.project_id:
            raise NotAllowed(
                f"{caller.name} speaks for project {caller.project_id}, "
                f"not for project {request.project_id}"
            )


def read_access(file: Path) -> Access:
    """The table with the lines of a file in place of its own:

        "/fenix.v1.SessionService/CreateSession" = ["admin"]

    Raises InvalidRequest for a method or a role that is not known, and for a line that would show projects what is not
    theirs."""
    try:
        lines = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        raise InvalidRequest(f"auth.policy_file: {file}", str(err)) from err
    return Access({**TABLE, **{method: _roles(file, method, lines[method]) for method in lines}})


def _roles(file: Path, method: str, said: Any) -> frozenset[Role]:
    place = f"auth.policy_file: {file}: {method}"
    if method in OPEN:
        raise InvalidRequest(place, "is open to everybody")
    if method not in TABLE:
        raise InvalidRequest(place, "is not a method; expected one such as " + next(iter(TABLE)))
    words = said if isinstance(said, list) else [said]
    unknown = [word for word in words if word not in list(Role)]
    if unknown or not words:
        named = ", ".join(map(repr, unknown)) or "nobody"
        raise InvalidRequest(place, f"expected a list of {', '.join(Role)}, not {named}")
    roles = frozenset(map(Role, words))
    if Role.PROJECT in roles - TABLE[method]:
        raise InvalidRequest(place, "shows or changes what belongs to no one project")
    return roles


def _words(roles: frozenset[Role]) -> str:
    return " and ".join(sorted(roles))
