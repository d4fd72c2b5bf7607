"""Where sinks are, what they could not deliver, and webhooks: tables that an older fenix may leave alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fenix_grpc.store.migrations.columns import LONG_TEXT, OPTIONS

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """All three."""
    op.create_table(
        "sinks",
        sa.Column("sink", sa.String(64), primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("lease_until", sa.BigInteger, nullable=False),
        **OPTIONS,
    )
    op.create_table(
        "cursors",
        sa.Column("sink", sa.String(64), primary_key=True),
        sa.Column("lane", sa.String(255), primary_key=True),
        sa.Column("session_id", sa.String(64), nullable=False, index=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("problem", LONG_TEXT, nullable=False),
        sa.Column("subject", sa.String(271), nullable=False),
        sa.Column("since", sa.BigInteger),
        sa.Column("deadline", sa.BigInteger),
        **OPTIONS,
    )
    op.create_table(
        "webhooks",
        sa.Column("webhook_id", sa.String(64), primary_key=True),
        sa.Column("project_id", sa.String(255), nullable=False, index=True),
        sa.Column("url", LONG_TEXT, nullable=False),
        sa.Column("secret", LONG_TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        **OPTIONS,
    )
