"""Where everything durable is kept: one schema on SQLite and PostgreSQL."""
