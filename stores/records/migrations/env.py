"""Run by alembic for each upgrade: uses the connection and the transaction that `upgrade` was given."""

from alembic import context

from stores.records.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
