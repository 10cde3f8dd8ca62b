"""Alembic runs here on the connection that it is handed; there is no configuration file."""

from alembic import context

from hengio.storage.sql.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=False,
)
context.run_migrations()
