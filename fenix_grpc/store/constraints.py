"""The Constraints port over the database of a journal: the same writer thread, the same transactions, one table more.

A change is read, checked and written while the journal is locked, so that of several servers none overlooks another.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row

from fenix_grpc.core.constraints import ConstraintSet, GroupConstraint, InstanceConstraint
from fenix_grpc.core.errors import JournalUnreadable, NotAllowed
from fenix_grpc.ports import Constraint, ConstraintKind, KeptConstraint
from fenix_grpc.store import statements as sql
from fenix_grpc.store.batch import Work
from fenix_grpc.store.journal import SqlJournal

_TYPES: Mapping[str, type[InstanceConstraint] | type[GroupConstraint]] = {
    ConstraintKind.INSTANCE: InstanceConstraint,
    ConstraintKind.GROUP: GroupConstraint,
}


class _Stored(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a row, also kept as the reply to a repeated request."""

    kind: str
    id: str
    project_id: str
    data: str
    warnings: str
    created_at: datetime
    updated_at: datetime


class SqlConstraints:
    """See `ports.Constraints`. Lives as long as the journal whose database it shares."""

    def __init__(self, journal: SqlJournal) -> None:
        self._journal = journal
        #: Up to this version everything is on disk.
        self._settled = 0

    async def put_instance(
        self,
        constraint: InstanceConstraint,
        *,
        warnings: Sequence[str] = (),
        at: datetime,
        only_of: str = "",
        request_key: str = "",
    ) -> KeptConstraint:
        """See the port."""
        kind, name = ConstraintKind.INSTANCE, constraint.instance_id
        stored = _stored(kind, name, constraint, warnings, at)
        return await self._put(stored, only_of, request_key)

    async def put_group(
        self,
        constraint: GroupConstraint,
        *,
        warnings: Sequence[str] = (),
        at: datetime,
        only_of: str = "",
        request_key: str = "",
    ) -> KeptConstraint:
        """See the port."""
        stored = _stored(ConstraintKind.GROUP, constraint.group_id, constraint, warnings, at)
        return await self._put(stored, only_of, request_key)

    async def get(self, kind: ConstraintKind, constraint_id: str) -> KeptConstraint | None:
        """See the port."""
        values = {"of_kind": kind, "of_id": constraint_id}
        return next(iter(await self._journal.read_rows(sql.CONSTRAINT, values, _kept)), None)

    async def list(
        self, kind: ConstraintKind, *, project_id: str = "", after: str = "", limit: int = 100
    ) -> Sequence[KeptConstraint]:
        """See the port."""
        values = {"of_kind": kind, "after": after, "most": limit}
        if not project_id:
            return await self._journal.read_rows(sql.CONSTRAINTS_LISTED, values, _kept)
        values_of_project = {**values, "of_project": project_id}
        statement = sql.CONSTRAINTS_LISTED_OF_PROJECT
        return await self._journal.read_rows(statement, values_of_project, _kept)

    async def delete(
        self,
        kind: ConstraintKind,
        constraint_id: str,
        *,
        at: datetime,
        only_of: str = "",
        request_key: str = "",
    ) -> bool:
        """See the port."""

        def do(connection: Connection) -> bool:
            repeated = _reply(connection, request_key)
            if repeated is not None:
                return msgspec.json.decode(repeated, type=bool)
            found = _find(connection, kind, constraint_id, only_of)
            if found:
                values = {"of_kind": kind, "of_id": constraint_id}
                connection.execute(sql.DROP_CONSTRAINT, values)
                connection.execute(sql.COUNT_CONSTRAINT_CHANGE)
            _remember(connection, request_key, found is not None, at)
            return found is not None

        removed: bool = await self._journal.write(Work(do=do))
        return removed

    async def all_for(self, projects: Collection[str]) -> ConstraintSet:
        """See the port."""
        names = sorted({"", *projects})
        rows = await self._journal.read_rows(sql.CONSTRAINTS_OF_PROJECTS, {"names": names}, _kept)
        found = [row.constraint for row in rows]
        return ConstraintSet(
            instances=tuple(each for each in found if isinstance(each, InstanceConstraint)),
            groups=tuple(each for each in found if isinstance(each, GroupConstraint)),
        )

    async def version(self) -> int:
        """See the port."""
        (changes,) = await self._journal.read_rows(sql.CONSTRAINT_CHANGES_SO_FAR, {}, _first)
        if changes != self._settled:
            await self._journal.settle()
            self._settled = changes
        return int(changes)

    async def _put(self, new: _Stored, only_of: str, request_key: str) -> KeptConstraint:
        def do(connection: Connection) -> _Stored:
            repeated = _reply(connection, request_key)
            if repeated is not None:
                return msgspec.json.decode(repeated, type=_Stored)
            old = _find(connection, new.kind, new.id, only_of)
            stored = _replace(connection, old, new) if old else _add(connection, new)
            connection.execute(sql.COUNT_CONSTRAINT_CHANGE)
            _remember(connection, request_key, stored, new.updated_at)
            return stored

        return _kept(await self._journal.write(Work(do=do)))


def _find(connection: Connection, kind: str, constraint_id: str, only_of: str) -> Row[Any] | None:
    """The row there is now. Raises NotAllowed when it is not for `only_of` to change."""
    values = {"of_kind": kind, "of_id": constraint_id}
    row = connection.execute(sql.CONSTRAINT, values).one_or_none()
    if row and only_of and row.project_id not in ("", only_of):
        raise NotAllowed(f"{kind.lower()} {constraint_id} has a constraint of another project")
    return row


def _add(connection: Connection, new: _Stored) -> _Stored:
    connection.execute(sql.ADD_CONSTRAINT, msgspec.structs.asdict(new))
    return new


def _replace(connection: Connection, old: Row[Any], new: _Stored) -> _Stored:
    values = {
        "of_kind": new.kind,
        "of_id": new.id,
        "new_project_id": new.project_id,
        "new_data": new.data,
        "new_warnings": new.warnings,
        "new_updated_at": new.updated_at,
    }
    connection.execute(sql.CHANGE_CONSTRAINT, values)
    return msgspec.structs.replace(new, created_at=old.created_at)


def _reply(connection: Connection, key: str) -> str | None:
    """The reply to an earlier request of this key."""
    if not key:
        return None
    return connection.execute(sql.REPLIES_NAMED, {"names": [key]}).scalar_one_or_none()


def _remember(connection: Connection, key: str, reply: _Stored | bool, at: datetime) -> None:
    if not key:
        return
    place = {"session_id": "", "seq": 0, "position": 0}
    text = msgspec.json.encode(reply).decode()
    connection.execute(sql.ADD_REQUEST, {**place, "request_key": key, "reply": text, "at": at})


def _stored(
    kind: ConstraintKind,
    constraint_id: str,
    constraint: Constraint,
    warnings: Sequence[str],
    at: datetime,
) -> _Stored:
    return _Stored(
        kind=kind.value,
        id=constraint_id,
        project_id=constraint.project_id,
        data=msgspec.json.encode(constraint).decode(),
        warnings=msgspec.json.encode(list(warnings)).decode(),
        created_at=at,
        updated_at=at,
    )


def _kept(row: Row[Any] | _Stored) -> KeptConstraint:
    """Forgives what time brings, as codec.py does. Raises JournalUnreadable."""
    try:
        return KeptConstraint(
            constraint=msgspec.json.decode(row.data, type=_TYPES[row.kind]),
            warnings=msgspec.json.decode(row.warnings, type=tuple[str, ...]),
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
    except (msgspec.DecodeError, KeyError) as err:
        problem = f"the constraint of {row.kind.lower()} {row.id} cannot be read: {err}"
        raise JournalUnreadable(f"{problem}; set it anew") from err


def _first(row: Row[Any]) -> Any:
    return row[0]
