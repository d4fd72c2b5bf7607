"""The journal in a SQL database: SQLite by default, PostgreSQL and MariaDB with the same schema.

`journal.SqlJournal` is the only public name; everything else here serves it.
"""

from fenix_grpc.store.journal import SqlJournal

__all__ = ["SqlJournal"]
