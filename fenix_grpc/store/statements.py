"""Everything the store asks of a database, as constants.

In one place, so that the indexes of schema.py can be held against it; made once, because SQLAlchemy spends more time on
making a statement than SQLite on running it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    Select,
    Text,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import mysql

from fenix_grpc.store.schema import (
    CONSTRAINT_CHANGES,
    SETTLED,
    constraints,
    counters,
    cursors,
    events,
    journal,
    listeners,
    requests,
    sessions,
    sinks,
    webhooks,
)

_NAMES: BindParameter[Sequence[str]] = bindparam("names", expanding=True)

HEAD = select(journal.c.head)
#: Whoever appends takes this lock first (SQLite has only one writer anyway).
HEAD_LOCKED = select(journal.c.head).with_for_update()
MOVE_HEAD = update(journal).values(head=bindparam("new_head"))
#: PostgreSQL: what is told to other servers when the head has moved, and where.
CHANNEL = "fenix_journal"
TELL_HEAD = select(func.pg_notify(CHANNEL, bindparam("head", type_=Text)))

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

#: Of any session but one, past a position.
EVENT_OF_OTHERS = (
    select(events.c.position)
    .where(events.c.position > bindparam("after"), events.c.session_id != bindparam("session_id"))
    .limit(1)
)

ADD_SESSION = insert(sessions)
#: All that grow alike.
CHANGE_SESSIONS = (
    update(sessions)
    .where(sessions.c.session_id.in_(_NAMES))
    .values(
        seq=sessions.c.seq + bindparam("grown"),
        active=bindparam("new_active"),
        deleted=bindparam("new_deleted"),
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

#: Past a position, sessions that nobody carries and whose last event is old enough and of a kind that may end one.
SESSIONS_AT_REST = (
    select(
        sessions.c.session_id,
        sessions.c.first_position,
        sessions.c.seq,
        events.c.position,
        events.c.kind,
        events.c.data,
    )
    .join_from(
        sessions,
        events,
        and_(events.c.session_id == sessions.c.session_id, events.c.seq == sessions.c.seq),
    )
    .where(
        ~sessions.c.active,
        sessions.c.first_position > bindparam("after"),
        events.c.at < bindparam("before"),
        events.c.kind.in_(["StateEntered", "SessionClosed"]),
    )
    .order_by(sessions.c.first_position)
    .limit(bindparam("most"))
)
DROP_SESSIONS = delete(sessions).where(sessions.c.session_id.in_(_NAMES))
#: Of one session, past a seq.
DROP_EVENTS = delete(events).where(
    events.c.session_id == bindparam("session_id"), events.c.seq > bindparam("above")
)
#: Sessions without a row of which events are left up to a position, and their last seq.
EVENTS_LEFT = (
    select(events.c.session_id, func.max(events.c.seq).label("last_seq"))
    .outerjoin_from(events, sessions, sessions.c.session_id == events.c.session_id)
    .where(events.c.position <= bindparam("upto"), sessions.c.session_id.is_(None))
    .group_by(events.c.session_id)
)
#: Questions for the position past which events are still wanted by a reader that the database knows: nothing past it
#: is purged. A sink that no server holds, such as one that is no longer configured, wants nothing.
STILL_NEEDED: Sequence[Select[Any]] = (
    select(func.min(sinks.c.position)).where(sinks.c.owner != ""),
)

ADD_REQUEST = insert(requests)
REQUESTS_NAMED = select(requests).where(requests.c.request_key.in_(_NAMES))
REPLIES_NAMED = select(requests.c.reply, requests.c.position).where(
    requests.c.request_key.in_(_NAMES)
)

#: Old ones, of sessions that are gone and of none.
REQUESTS_LEFT = (
    select(requests.c.request_key)
    .outerjoin_from(requests, sessions, sessions.c.session_id == requests.c.session_id)
    .where(requests.c.at < bindparam("before"), sessions.c.session_id.is_(None))
    .limit(bindparam("most"))
)
DROP_REQUESTS = delete(requests).where(requests.c.request_key.in_(_NAMES))

ADD_LISTENER = insert(listeners)
DROP_LISTENERS = delete(listeners).where(listeners.c.heard_at < bindparam("before"))
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

COUNTER = select(counters.c.value).where(counters.c.name == bindparam("of_name"))
SET_COUNTER = (
    update(counters)
    .where(counters.c.name == bindparam("of_name"))
    .values(value=bindparam("new_value"))
)
ADD_COUNTER = insert(counters)
#: MariaDB and MySQL: writes something, so that the commit waits for the disk.
SETTLE = (
    mysql.insert(counters)
    .values(name=SETTLED, value=1)
    .on_duplicate_key_update(value=counters.c.value + 1)
)

_CHANGES_OF_CONSTRAINTS = counters.c.name == CONSTRAINT_CHANGES
COUNT_CONSTRAINT_CHANGE = (
    update(counters).where(_CHANGES_OF_CONSTRAINTS).values(value=counters.c.value + 1)
)
CONSTRAINT_CHANGES_SO_FAR = select(counters.c.value).where(_CHANGES_OF_CONSTRAINTS)

_THIS_SINK = sinks.c.sink == bindparam("of_sink")
ADD_SINK = insert(sinks)
SINK = select(sinks).where(_THIS_SINK)
TAKE_SINK = (
    update(sinks)
    .where(
        _THIS_SINK, or_(sinks.c.owner == bindparam("by"), sinks.c.lease_until <= bindparam("now"))
    )
    .values(owner=bindparam("new_owner"), lease_until=bindparam("until"))
)
FREE_SINK = (
    update(sinks)
    .where(_THIS_SINK, sinks.c.owner == bindparam("by"))
    .values(owner=bindparam("new_owner"), lease_until=bindparam("until"))
)
MOVE_SINK = (
    update(sinks)
    .where(_THIS_SINK, sinks.c.owner == bindparam("by"))
    .values(position=bindparam("new_position"))
)
LANES = select(cursors).where(cursors.c.sink == bindparam("of_sink"))
_THIS_LANE = (cursors.c.sink == bindparam("of_sink"), cursors.c.lane == bindparam("of_lane"))
DROP_LANE = delete(cursors).where(*_THIS_LANE)
ADD_LANE = insert(cursors)
#: Lanes that say nothing more than their sink.
DROP_LANES_PASSED = delete(cursors).where(
    cursors.c.sink == bindparam("of_sink"),
    cursors.c.position <= bindparam("upto"),
    cursors.c.problem == "",
)
LANES_IN_TROUBLE = select(cursors).where(
    cursors.c.session_id == bindparam("session_id"), cursors.c.problem != ""
)

ADD_WEBHOOK = insert(webhooks)
WEBHOOK = select(webhooks).where(webhooks.c.webhook_id == bindparam("webhook_id"))
WEBHOOKS_OF_PROJECT = (
    select(webhooks)
    .where(webhooks.c.project_id == bindparam("project_id"))
    .order_by(webhooks.c.created_at, webhooks.c.webhook_id)
)
DROP_WEBHOOK = delete(webhooks).where(
    webhooks.c.project_id == bindparam("of_project"), webhooks.c.webhook_id == bindparam("of_id")
)
PROJECTS_WITH_WEBHOOKS = select(webhooks.c.project_id).distinct()
