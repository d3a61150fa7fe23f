"""Run by Alembic, on the connection that `storage.migrate` gave it: each revision in a transaction of its own."""

from alembic import context

from lithograph.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite can, as long as the driver begins and commits nothing by itself.
    transactional_ddl=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
