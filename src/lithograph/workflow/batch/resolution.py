"""What is one thing across the documents of a batch, read from the graphs that its executions have published."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from lithograph.domain.ids import EntityId, ExecutionId, Iri, OrganizationId
from lithograph.durable.status import Status
from lithograph.graph.union import publish_union
from lithograph.resolution.across import Cluster, Named, clusters_of
from lithograph.storage.open import Storage
from lithograph.storage.schema import batch_document, entity, workflow_execution

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select

_PUBLISHED: Final = (Status.COMPLETED, Status.COMPLETED_WITH_ERRORS)
_ROWS: Final = 1_000
"""Entities in memory at once, besides what is remembered of their names."""


def fingerprint(storage: Storage, organization_id: OrganizationId, batch_id: ExecutionId) -> str:
    """Return a hash of which documents have a graph and when each got it: what resolution depends on."""
    state = hashlib.sha256()
    with storage.read(organization_id) as connection:
        rows = connection.execution_options(yield_per=_ROWS).execute(
            _finished(organization_id, batch_id, with_time=True)
        )
        for execution_id, completed_at in rows:
            state.update(f"{execution_id} {completed_at}\n".encode())
    return state.hexdigest()


def resolve_across(storage: Storage, organization_id: OrganizationId, batch_id: ExecutionId) -> tuple[Cluster, ...]:
    """Return the clusters of the entities of all documents that have a graph. Blocks for as long as that takes."""
    return clusters_of(_entities(storage, organization_id, batch_id))


def publish_batch(
    connection: "Connection", organization_id: OrganizationId, batch_id: ExecutionId, clusters: Sequence[Cluster]
) -> None:
    """Publish what the documents of a batch that have a graph say together. To be called in a transaction."""
    finished = connection.execute(_finished(organization_id, batch_id, with_time=True)).scalars()
    publish_union(connection, organization_id, batch_id, [*map(ExecutionId, finished)], clusters)


def _entities(storage: Storage, organization_id: OrganizationId, batch_id: ExecutionId) -> Iterator[Sequence[Named]]:
    """Yield the entities of each document."""
    c = entity.c
    finished = _finished(organization_id, batch_id)
    query = select(c.execution_id, c.id, c.label, c.aliases, c.types).where(c.execution_id.in_(finished))
    with storage.read(organization_id) as connection:
        rows = connection.execution_options(yield_per=_ROWS).execute(query.order_by(c.execution_id, c.id))
        for _, document in groupby(rows, key=lambda row: row.execution_id):
            yield [
                Named(ExecutionId(row.execution_id), EntityId(row.id), row.label, row.aliases, [*map(Iri, row.types)])
                for row in document
            ]


def _finished(organization_id: OrganizationId, batch_id: ExecutionId, *, with_time: bool = False) -> "Select[Any]":
    """The executions of a batch that have a graph; one that stands in it twice, once."""
    e = workflow_execution.c
    b = batch_document.c
    mine = select(b.execution_id).where(b.batch_id == batch_id, b.organization_id == organization_id)
    columns = (e.id, e.completed_at) if with_time else (e.id,)
    return select(*columns).where(e.id.in_(mine), e.status.in_(_PUBLISHED)).order_by(*([e.id] if with_time else []))
