"""Retention: what ended long ago is deleted with all that belongs to it, and then what nothing refers to any more.

    an execution      when it ended before the moment, in one of the statuses that are named; one that goes on stays
    a batch           with all its executions when that is true of every one of them, else not at all: without those
                      that failed it could not be retried, and what it says of itself would not be true; what another
                      batch has too stays for that one
    a document        when no execution that stays works on it, and it was last given before the moment
    an ontology       likewise
    a cached answer   on request, when it was paid for before the moment

Journal, events, signals and graph go with their execution, in the same transaction. A transaction deletes some hundreds
of executions, fewer where their journals are long, so that nobody who writes waits for long: a worker may be at work
meanwhile, on a file too, since what has ended is nobody's. What goes is looked for beforehand, thousands at a time, and
looked at again by its keys when it is locked.

A moment lies a day back at least. What is given once more counts as given now after half a day (`workflow.materials`),
so a document that an execution is being started for is never too old to stay.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sqlalchemy import Column, Table, delete, func, select, true

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable.clock import Clock, timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.status import Status
from lithograph.errors import UsageError
from lithograph.storage.open import Storage
from lithograph.storage.schema import batch_document, document, ontology, response_cache, workflow_execution

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, CompoundSelect, Connection, FromClause, Select

DAY: Final = 86_400.0
"""Seconds."""
_CENTURY: Final = 36_525 * DAY

_LOOKED_FOR_AT_ONCE: Final = 20_000
"""Executions that are looked for by one query, which takes as long as the table is."""
_EXECUTIONS_AT_ONCE: Final = 200
_EVENTS_AT_ONCE: Final = 20_000
"""Events that the executions of one transaction have, about: they tell how much else there is of each."""
_OTHERS_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Retention:
    """What is to go: executions that ended `older_than` seconds ago or more, in one of `statuses`; what was cached by
    then goes too with `cache`.

    Those that completed take their graph with them, so they must be named. Raises `UsageError` for less than a day or
    more than a century, and for a status in which nothing has ended.
    """

    older_than: float
    statuses: frozenset[Status] = frozenset({Status.FAILED, Status.CANCELLED})
    cache: bool = False

    def __post_init__(self) -> None:
        if not DAY <= self.older_than <= _CENTURY:
            raise UsageError("what ended between 1 and 36,525 days ago can be pruned: name such a number of days")
        for status in self.statuses:
            if not status.terminal:
                ended = ", ".join(one for one in Status if one.terminal)
                raise UsageError(f"what is {status} has not ended and cannot be pruned: choose of {ended}")


@dataclass(frozen=True, slots=True)
class Pruned:
    """How much was deleted; `executions` counts them by the status that they had."""

    executions: Mapping[Status, int] = field(default_factory=dict)
    documents: int = 0
    ontologies: int = 0
    cached: int = 0


@dataclass(frozen=True, slots=True)
class _Material:
    """A table whose rows are deleted by `key`."""

    table: Table
    key: Column[str]


_MATERIALS: Final = (_Material(document, document.c.id), _Material(ontology, ontology.c.content_hash))
"""What executions work on. An execution's input names them by the names of these tables."""


@dataclass(frozen=True, slots=True)
class _Going:
    """Which rows of one organisation go, as conditions on their tables: all, if nothing else is said."""

    organization_id: OrganizationId
    before: str | None = None
    statuses: frozenset[Status] | None = None

    def old(self, table: "FromClause") -> "ColumnElement[bool]":
        """The rows of the organisation that are old enough."""
        mine: ColumnElement[bool] = table.c.organization_id == self.organization_id
        return mine if self.before is None else mine & (table.c.created_at < self.before)

    def may(self, one: "FromClause") -> "ColumnElement[bool]":
        """The executions that may go by themselves. Never null: what has not ended has no time at which it did."""
        if self.statuses is None or self.before is None:
            return self.old(one)
        ended = one.c.completed_at.is_not(None) & (one.c.completed_at < self.before)
        return self.old(one) & ended & one.c.status.in_(sorted(self.statuses))

    def batches(self) -> "Select[str]":
        """The batches that may go, if all that they have may."""
        one, part, listed = workflow_execution, workflow_execution.alias(), batch_document.alias()
        begun = one.c.id.in_(select(part.c.parent_id).where(part.c.parent_id.is_not(None)))
        named = one.c.id.in_(select(listed.c.batch_id))
        return select(one.c.id).where(self.may(one), begun | named).order_by(one.c.id)

    def staying(self, batch_id: ExecutionId) -> "tuple[Select[str], Select[str]]":
        """What a batch has and what may not go: by its own word, and by the batch's list."""
        part, listed = workflow_execution.alias(), batch_document.alias()
        begun = select(part.c.id).where(part.c.parent_id == batch_id, ~self.may(part)).limit(1)
        named = select(part.c.id).join(listed, listed.c.execution_id == part.c.id)
        named = named.where(listed.c.batch_id == batch_id, ~self.may(part)).limit(1)
        return begun, named

    def singles(self, gone: Sequence[ExecutionId] = ()) -> "ColumnElement[bool]":
        """The executions that may go, are no batch, and belong to none that is there once some are `gone`."""
        # Each of these is an anti-join for the planner, which a disjunction of them would not be.
        one, other, listed = workflow_execution, workflow_execution.alias(), batch_document.alias()
        has_batch = select(other.c.id).where(other.c.id == one.c.parent_id)
        is_named = select(listed.c.position).where(listed.c.execution_id == one.c.id)
        if gone:
            has_batch = has_batch.where(other.c.id.not_in(gone))
            is_named = is_named.where(listed.c.batch_id.not_in(gone))
        has_begun = select(other.c.id).where(other.c.parent_id == one.c.id)
        has_named = select(listed.c.position).where(listed.c.batch_id == one.c.id)
        return self.may(one) & ~has_batch.exists() & ~is_named.exists() & ~has_begun.exists() & ~has_named.exists()


def prune(storage: Storage, organization_id: OrganizationId, wanted: Retention, clock: Clock) -> Pruned:
    """Delete it, and return how much that was. Stopped in the middle, it can be done again."""
    going = _going(organization_id, wanted, clock)
    executions = _prune_executions(storage, going)
    documents, ontologies = (_prune_unused(storage, going, material) for material in _MATERIALS)
    cached = _prune_cache(storage, going) if wanted.cache else 0
    return Pruned(executions, documents, ontologies, cached)


def prunable(storage: Storage, organization_id: OrganizationId, wanted: Retention, clock: Clock) -> Pruned:
    """Return how much `prune` would delete now."""
    going = _going(organization_id, wanted, clock)
    with storage.read(organization_id) as connection:
        batches = [one for one in _batches(connection, going) if _whole(connection, going, one)]
    c = workflow_execution.c
    # As sets of ids: a condition with "or" or "not in" would be looked at anew for every row.
    either = select(c.id).where(going.singles(batches)).union_all(select(c.id).where(c.id.in_(batches))).subquery()
    goes = c.id.in_(select(either.c.id))
    stays = c.id.in_(select(c.id).where(c.organization_id == organization_id).except_(select(either.c.id)))
    ended = select(c.status, func.count()).where(goes).group_by(c.status).order_by(c.status)
    unused = [_unused(going, material, stays).subquery() for material in _MATERIALS]
    old = select(response_cache.c.key).where(going.old(response_cache)).subquery()
    with storage.read(organization_id) as connection:
        executions = {Status(one): count for one, count in connection.execute(ended)}
        documents, ontologies, cached = (
            connection.execute(select(func.count()).select_from(rows)).scalar_one() for rows in (*unused, old)
        )
    return Pruned(executions, documents, ontologies, cached if wanted.cache else 0)


def erase(storage: Storage, organization_id: OrganizationId) -> Pruned:
    """Delete all executions, documents, ontologies and cached answers of an organisation, whatever their age and
    status, and return how much that was. A worker that has one of them loses it.
    """
    going = _Going(organization_id)
    executions = _prune_executions(storage, going)
    documents, ontologies = (_prune_unused(storage, going, material) for material in _MATERIALS)
    return Pruned(executions, documents, ontologies, _prune_cache(storage, going))


def _going(organization_id: OrganizationId, wanted: Retention, clock: Clock) -> _Going:
    return _Going(organization_id, timestamp(clock.now() - wanted.older_than), wanted.statuses)


def _prune_executions(storage: Storage, going: _Going) -> Mapping[Status, int]:
    """A batch goes at once, and before what it has: nobody can take up a part of one."""
    gone: Counter[Status] = Counter()
    with storage.read(going.organization_id) as connection:
        batches = _batches(connection, going)
    for batch in batches:
        gone.update(_prune_batch(storage, going, batch))
    for page in _singles(storage, going):
        with transaction(storage, going.organization_id, Transaction.PRUNE) as connection:
            found = _locked(connection, going, page, going.singles())
            gone.update(_delete_executions(connection, found))
    return dict(sorted(gone.items()))


def _batches(connection: "Connection", going: _Going) -> list[ExecutionId]:
    return [ExecutionId(one) for one in connection.execute(going.batches()).scalars()]


def _whole(connection: "Connection", going: _Going, batch_id: ExecutionId) -> bool:
    """Whether everything that a batch has may go."""
    return all(connection.execute(query).first() is None for query in going.staying(batch_id))


def _prune_batch(storage: Storage, going: _Going, batch_id: ExecutionId) -> list[Status]:
    """Delete a batch if everything that it has may go; return what it was."""
    # Looked at in a transaction of its own, since that may take a while: whoever writes waits for the deletion only.
    with storage.read(going.organization_id) as connection:
        if not _whole(connection, going, batch_id):
            return []
    with transaction(storage, going.organization_id, Transaction.PRUNE) as connection:
        found = _locked(connection, going, [batch_id], going.may(workflow_execution))
        if not found or not _whole(connection, going, batch_id):
            return []
        return _delete_executions(connection, found)


def _singles(storage: Storage, going: _Going) -> Iterator[Sequence[ExecutionId]]:
    """Yield the executions that go by themselves, as many at a time as one transaction should delete."""
    c = workflow_execution.c
    query = select(c.created_at, c.id, c.last_seq).where(going.singles()).order_by(c.created_at, c.id)
    later: ColumnElement[bool] = true()
    while True:
        with storage.read(going.organization_id) as connection:
            rows = connection.execute(query.where(later).limit(_LOOKED_FOR_AT_ONCE)).all()
        if not rows:
            return
        page: list[ExecutionId] = []
        events = 0
        for row in rows:
            events += row.last_seq
            if page and (len(page) >= _EXECUTIONS_AT_ONCE or events > _EVENTS_AT_ONCE):
                yield page
                page, events = [], row.last_seq
            page.append(ExecutionId(row.id))
        yield page
        at, last = rows[-1].created_at, rows[-1].id
        later = (c.created_at >= at) & ((c.created_at > at) | (c.id > last))


def _locked(
    connection: "Connection", going: _Going, ids: Sequence[ExecutionId], still: "ColumnElement[bool]"
) -> Mapping[ExecutionId, Status]:
    """Lock executions, and return those that are still to go, with their statuses.

    Whoever starts one of them anew, or retries it, has locked it: it stays, unless everything goes. What has become of
    the others meanwhile is looked at once they are locked.
    """
    c = workflow_execution.c
    ours = select(c.id).where(c.id.in_(ids)).order_by(c.id).with_for_update(skip_locked=going.statuses is not None)
    locked = connection.execute(ours).scalars().all()
    rows = connection.execute(select(c.id, c.status).where(c.id.in_(locked), still))
    return {ExecutionId(one): Status(status) for one, status in rows}


def _delete_executions(connection: "Connection", found: Mapping[ExecutionId, Status]) -> list[Status]:
    connection.execute(delete(workflow_execution).where(workflow_execution.c.id.in_(list(found))))
    return list(found.values())


def _unused(going: _Going, material: _Material, staying: "ColumnElement[bool]") -> "CompoundSelect[str]":
    """The documents, or ontologies, that are old enough and that none of the executions that are `staying` works on."""
    used = select(workflow_execution.c.input[material.table.name].as_string())
    used = used.where(workflow_execution.c.organization_id == going.organization_id, staying)
    return select(material.key).where(going.old(material.table)).except_(used)


def _prune_unused(storage: Storage, going: _Going, material: _Material) -> int:
    with storage.read(going.organization_id) as connection:
        keys = connection.execute(_unused(going, material, true())).scalars().all()
    return sum(_delete(storage, going, material, page) for page in _pages(keys))


def _prune_cache(storage: Storage, going: _Going) -> int:
    gone, last = 0, ""
    key = response_cache.c.key
    while True:
        query = select(key).where(going.old(response_cache), key > last).order_by(key).limit(_OTHERS_AT_ONCE)
        with storage.read(going.organization_id) as connection:
            keys = connection.execute(query).scalars().all()
        if not keys:
            return gone
        gone += _delete(storage, going, _Material(response_cache, key), keys)
        last = keys[-1]


def _delete(storage: Storage, going: _Going, material: _Material, keys: Sequence[str]) -> int:
    """Delete what has one of these keys and is still old enough."""
    old = going.old(material.table) & material.key.in_(keys)
    with transaction(storage, going.organization_id, Transaction.PRUNE) as connection:
        return connection.execute(delete(material.table).where(old)).rowcount


def _pages(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[at : at + _OTHERS_AT_ONCE] for at in range(0, len(keys), _OTHERS_AT_ONCE))
