"""The store in a SQL database: SQLite by default, PostgreSQL and MariaDB with the same schema.

`SqlJournal` and `SqlConstraints` are the only public names; everything else here serves them.
"""

from fenix_grpc.store.constraints import SqlConstraints
from fenix_grpc.store.journal import SqlJournal

__all__ = ["SqlConstraints", "SqlJournal"]
