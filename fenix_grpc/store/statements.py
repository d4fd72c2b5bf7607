"""Everything the store asks of a database, as constants.

In one place, so that the indexes of schema.py can be held against it; made once, because SQLAlchemy spends more time on
making a statement than SQLite on running it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BindParameter, bindparam, delete, insert, or_, select, update

from fenix_grpc.store.schema import (
    CONSTRAINT_CHANGES,
    constraints,
    counters,
    events,
    journal,
    listeners,
    requests,
    sessions,
)

_NAMES: BindParameter[Sequence[str]] = bindparam("names", expanding=True)

HEAD = select(journal.c.head)
#: Whoever appends takes this lock first (SQLite has only one writer anyway).
HEAD_LOCKED = select(journal.c.head).with_for_update()
MOVE_HEAD = update(journal).values(head=bindparam("new_head"))

ADD_EVENT = insert(events)
#: Of one session, past a seq.
EVENTS_OF_SESSION = (
    select(events)
    .where(events.c.session_id == bindparam("session_id"), events.c.seq > bindparam("after"))
    .order_by(events.c.seq)
)
#: Past a position.
EVENTS = (
    select(events)
    .where(events.c.position > bindparam("after"))
    .order_by(events.c.position)
    .limit(bindparam("most"))
)
#: Of one session, past a position.
EVENTS_FROM_SESSION = EVENTS.where(events.c.session_id == bindparam("session_id"))

ADD_SESSION = insert(sessions)
CHANGE_SESSION = (
    update(sessions)
    .where(sessions.c.session_id == bindparam("name"))
    .values(
        seq=bindparam("new_seq"), active=bindparam("new_active"), deleted=bindparam("new_deleted")
    )
)
SESSIONS_NAMED = select(sessions).where(sessions.c.session_id.in_(_NAMES))
SESSIONS_LISTED = (
    select(sessions)
    .where(~sessions.c.deleted)
    .order_by(sessions.c.first_position)
    .limit(bindparam("most"))
)
_POSITION_NAMED = (
    select(sessions.c.first_position)
    .where(sessions.c.session_id == bindparam("after"))
    .scalar_subquery()
)
#: Past the session named `after`.
SESSIONS_LISTED_AFTER = SESSIONS_LISTED.where(sessions.c.first_position > _POSITION_NAMED)

_MINE = sessions.c.owner == bindparam("by")
TAKE_SESSIONS = (
    update(sessions)
    .where(sessions.c.active, or_(_MINE, sessions.c.lease_until <= bindparam("now")))
    .values(owner=bindparam("new_owner"), lease_until=bindparam("until"))
)
FREE_SESSIONS = (
    update(sessions)
    .where(_MINE)
    .values(owner=bindparam("new_owner"), lease_until=bindparam("until"))
)
SESSIONS_HELD = (
    select(sessions.c.session_id)
    .where(sessions.c.active, _MINE)
    .order_by(sessions.c.first_position)
)

ADD_REQUEST = insert(requests)
REQUESTS_NAMED = select(requests).where(requests.c.request_key.in_(_NAMES))
REPLIES_NAMED = select(requests.c.reply).where(requests.c.request_key.in_(_NAMES))

ADD_LISTENER = insert(listeners)
CHANGE_LISTENER = (
    update(listeners)
    .where(listeners.c.project_id == bindparam("name"))
    .values(heard_at=bindparam("new_at"))
)
LISTENERS_NAMED = select(listeners).where(listeners.c.project_id.in_(_NAMES))
LISTENERS_SINCE = select(listeners.c.project_id).where(listeners.c.heard_at >= bindparam("since"))

_THIS_CONSTRAINT = (
    constraints.c.kind == bindparam("of_kind"),
    constraints.c.id == bindparam("of_id"),
)
ADD_CONSTRAINT = insert(constraints)
CHANGE_CONSTRAINT = (
    update(constraints)
    .where(*_THIS_CONSTRAINT)
    .values(
        project_id=bindparam("new_project_id"),
        data=bindparam("new_data"),
        warnings=bindparam("new_warnings"),
        updated_at=bindparam("new_updated_at"),
    )
)
DROP_CONSTRAINT = delete(constraints).where(*_THIS_CONSTRAINT)
CONSTRAINT = select(constraints).where(*_THIS_CONSTRAINT)
#: Of one kind, past an id.
CONSTRAINTS_LISTED = (
    select(constraints)
    .where(constraints.c.kind == bindparam("of_kind"), constraints.c.id > bindparam("after"))
    .order_by(constraints.c.id)
    .limit(bindparam("most"))
)
CONSTRAINTS_LISTED_OF_PROJECT = CONSTRAINTS_LISTED.where(
    constraints.c.project_id == bindparam("of_project")
)
CONSTRAINTS_OF_PROJECTS = (
    select(constraints)
    .where(constraints.c.project_id.in_(_NAMES))
    .order_by(constraints.c.kind, constraints.c.id)
)

_CHANGES_OF_CONSTRAINTS = counters.c.name == CONSTRAINT_CHANGES
COUNT_CONSTRAINT_CHANGE = (
    update(counters).where(_CHANGES_OF_CONSTRAINTS).values(value=counters.c.value + 1)
)
CONSTRAINT_CHANGES_SO_FAR = select(counters.c.value).where(_CHANGES_OF_CONSTRAINTS)
