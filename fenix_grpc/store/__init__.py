"""The store in a SQL database: SQLite by default, PostgreSQL and MariaDB with the same schema.

`SqlJournal`, `SqlConstraints`, `SqlCursors`, `SqlWebhooks` and, for who looks after a database, `Database` and
`Retention` are the public names; everything else here serves them.
"""

from fenix_grpc.store.constraints import SqlConstraints
from fenix_grpc.store.database import Database
from fenix_grpc.store.journal import SqlJournal
from fenix_grpc.store.outbox import SqlCursors, SqlWebhooks
from fenix_grpc.store.retention import Purged, Retention

__all__ = [
    "Database",
    "Purged",
    "Retention",
    "SqlConstraints",
    "SqlCursors",
    "SqlJournal",
    "SqlWebhooks",
]
