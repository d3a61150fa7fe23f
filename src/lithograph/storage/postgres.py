"""PostgreSQL: its engine."""

from importlib.util import find_spec

from sqlalchemy import URL, Engine, create_engine

from lithograph.errors import UsageError


def postgres_engine(url: URL) -> Engine:
    """Return an engine for the server at `url`; nothing is connected yet. Raises `UsageError` without psycopg 3."""
    if find_spec("psycopg") is None:
        raise UsageError("PostgreSQL needs psycopg, which is not installed; run `pip install 'psycopg[binary]'`")
    return create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
