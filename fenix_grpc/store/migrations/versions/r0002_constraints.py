"""What applications demand, and how often that changed: the tables of version 2."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fenix_grpc.store.migrations.columns import LONG_TEXT, OPTIONS

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Both tables, the counter of changes, and the number that fenix from before revisions looks at."""
    op.create_table(
        "constraints",
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("id", sa.String(255), primary_key=True),
        sa.Column("project_id", sa.String(255), nullable=False, index=True),
        sa.Column("data", LONG_TEXT, nullable=False),
        sa.Column("warnings", LONG_TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        **OPTIONS,
    )
    counters = op.create_table(
        "counters",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
        **OPTIONS,
    )
    op.bulk_insert(counters, [{"name": "constraints", "value": 0}])
    op.execute("UPDATE journal SET version = 2")
