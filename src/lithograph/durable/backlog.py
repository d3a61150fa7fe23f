"""The backlog: how many executions wait, run and are suspended, and since when nobody has heard of them.

For whoever watches a database. What a batch has not begun waits for its turn and not for a worker: it does not count.
It looks across organisations and sees no more of them than their ids.
"""

from collections.abc import Sequence

from sqlalchemy import case, func, select, text

from lithograph.durable.clock import SystemClock, seconds_of, timestamp
from lithograph.durable.status import Status
from lithograph.storage.open import Storage
from lithograph.storage.schema import workflow_execution
from lithograph.telemetry.backlog import Backlog, Standing

_UNENDED = [status for status in Status if not status.terminal]

_ON_A_SERVER = text("SELECT * FROM lithograph_backlog()")


def backlog(storage: Storage) -> Sequence[Backlog]:
    """Return what there is of each organisation and type. Raises `StorageError` when the database cannot be read."""
    if storage.dialect == "sqlite":
        return _in_a_file(storage)
    with storage.inspect() as connection:
        rows = connection.execute(_ON_A_SERVER).all()
    return [Backlog(one, kind, Standing(standing), *figures) for one, kind, standing, *figures in rows]


def _in_a_file(storage: Storage) -> Sequence[Backlog]:
    c = workflow_execution.c
    now = SystemClock().now()
    standing = case(
        (c.status == Status.SUSPENDED, Standing.SUSPENDED),
        (c.lease_owner.is_not(None), Standing.RUNNING),
        else_=Standing.WAITING,
    ).label("standing")
    late = c.lease_owner.is_not(None) & (c.lease_expires_at < timestamp(now))
    query = (
        select(c.organization_id, c.workflow_type, standing, func.count(), func.min(c.updated_at), func.sum(late))
        .where(c.completed_at.is_(None), c.status.in_(_UNENDED))  # both, so that it goes by the index of these
        .where((c.status != Status.PENDING) | c.parent_id.is_(None))
        .group_by(c.organization_id, c.workflow_type, standing)
    )
    with storage.inspect() as connection:
        rows = connection.execute(query).all()
    return [
        Backlog(one, kind, Standing(found), count, max(0.0, now - seconds_of(oldest)), late or 0)
        for one, kind, found, count, oldest, late in rows
    ]
