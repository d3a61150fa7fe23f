"""Checks of any database: whether its schema is this Lithograph's, and what waits in it."""

from collections.abc import Iterator

from lithograph.durable.backlog import backlog
from lithograph.service.doctor.checks import Check, failed, ok, warning
from lithograph.storage.open import Storage
from lithograph.storage.revision import HEAD, revision_of
from lithograph.telemetry.backlog import Standing

_LONG = 60.0
"""Seconds for which nothing should wait while somebody works."""


def schema(storage: Storage) -> Iterator[Check]:
    """Yield whether the schema is up to date. Raises `UsageError` for a database that is none of ours."""
    revision = storage.ask(None, lambda connection: revision_of(connection, storage.name))
    said = "is empty" if revision is None else f"has schema {revision}, and this Lithograph works with {HEAD}"
    if revision == HEAD:
        yield ok("schema", f"it is up to date ({HEAD})")
    elif storage.path is None:
        remedy = "run `litho migrate --db URL` as the user who owns the database"
        yield failed("schema", f"{storage.name} {said}", remedy)
    else:
        yield warning("schema", f"{storage.name} {said}", "back it up; the next command brings it up to date")


def queue(storage: Storage, working: str | None) -> Iterator[Check]:
    """Yield how the executions stand that have not ended; `working` says who runs them, None where nobody does."""
    found = backlog(storage)
    counts = {standing: sum(one.count for one in found if one.standing is standing) for standing in Standing}
    oldest = max((one.silent for one in found if one.standing is Standing.WAITING), default=0.0)
    overdue = sum(one.overdue for one in found)
    said = ", ".join(f"{count:,} {standing}" for standing, count in counts.items())
    if overdue:
        lost = f"{said}; {overdue:,} have a lease that has run out"
        yield warning("queue", lost, "`litho resume ID` goes on with one" if storage.path else "see that a worker runs")
    elif counts[Standing.WAITING] and working is None:
        yield warning(
            "queue",
            f"{said}; nobody runs them",
            "start `litho worker --db URL`" if storage.path is None else "`litho resume ID` goes on with one",
        )
    elif oldest > _LONG:
        yield warning(
            "queue", f"{said}; the oldest has waited for {oldest:,.0f} s", "start more workers, or raise --executions"
        )
    else:
        yield ok("queue", said)
    if working is not None:
        yield ok("workers", working)
