"""${message}"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fenix_grpc.store.migrations.columns import OPTIONS

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """What it changes."""
    ${upgrades if upgrades else "pass"}
