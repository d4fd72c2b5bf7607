"""What alembic runs: the revisions that are lacking, on the connection that it is handed and in its transaction."""

from __future__ import annotations

from alembic import context

from fenix_grpc.store.schema import metadata, revisions

connection = context.config.attributes["connection"]
# alembic would make it without the options that every table has here
revisions.create(connection, checkfirst=True)
context.configure(
    connection=connection,
    target_metadata=metadata,
    # SQLite changes a table by making it anew
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
