"""Sessions, their events, requests made once, and who listens: the tables of version 1."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fenix_grpc.store.migrations.columns import LONG_TEXT, OPTIONS

revision = "0001"
down_revision = None


def upgrade() -> None:
    """All tables, and the one row of `journal`."""
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.String(64), primary_key=True),
        sa.Column("first_position", sa.BigInteger, nullable=False, unique=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("active", sa.Boolean(create_constraint=False), nullable=False, index=True),
        sa.Column("deleted", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("lease_until", sa.BigInteger, nullable=False),
        **OPTIONS,
    )
    op.create_table(
        "events",
        sa.Column("session_id", sa.String(64), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("position", sa.BigInteger, nullable=False, unique=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("data", LONG_TEXT, nullable=False),
        sa.Index("events_of_session", "session_id", "position"),
        **OPTIONS,
    )
    journal = op.create_table(
        "journal",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("head", sa.BigInteger, nullable=False),
        **OPTIONS,
    )
    op.create_table(
        "requests",
        sa.Column("request_key", sa.String(255), primary_key=True),
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("reply", LONG_TEXT, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        **OPTIONS,
    )
    op.create_table(
        "listeners",
        sa.Column("project_id", sa.String(255), primary_key=True),
        sa.Column("heard_at", sa.BigInteger, nullable=False, index=True),
        **OPTIONS,
    )
    op.bulk_insert(journal, [{"id": 1, "version": 1, "head": 0}])
