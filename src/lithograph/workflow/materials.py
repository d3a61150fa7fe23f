"""Materials: the documents and ontologies that executions work on, kept so that any worker can go on with them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Table, select, update

from lithograph.domain.document import Document
from lithograph.domain.ids import DocumentId, OrganizationId
from lithograph.durable.clock import seconds_of, timestamp
from lithograph.errors import NotFoundError
from lithograph.ontology.model import Ontology
from lithograph.storage.columns import insert_into, json_text
from lithograph.storage.open import Storage
from lithograph.storage.schema import document as documents
from lithograph.storage.schema import ontology as ontologies

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

_FRESH = 43_200.0
"""Seconds for which a document counts as given just now: half a day."""


def keep_document(connection: "Connection", document: Document, now: str) -> None:
    """Write a document, or see to it that the one that is there stays; see `_is_kept`."""
    if _is_kept(connection, documents, documents.c.id == document.id, now):
        return
    connection.execute(insert_into(connection, documents).on_conflict_do_nothing(), _row(document, now))


def keep_documents(connection: "Connection", given: Sequence[Document], now: str) -> None:
    """Do what `keep_document` does for each of many documents; the new ones are written by one statement.

    In the order of their ids, so that of two who are given the same ones in another order, none waits for the other.
    """
    given = sorted(given, key=lambda one: one.id)
    named = documents.c.id.in_([document.id for document in given])
    there = set(connection.execute(select(documents.c.id).where(named)).scalars())
    for document in given:
        if document.id in there:
            keep_document(connection, document, now)
    new = [_row(document, now) for document in given if document.id not in there]
    if new:
        connection.execute(insert_into(connection, documents).on_conflict_do_nothing(), new)


def keep_on(connection: "Connection", organization_id: OrganizationId, ids: Sequence[DocumentId], now: str) -> None:
    """See to it that documents which are there stay; see `_is_kept`. To be called with some hundreds of ids at most."""
    c = documents.c
    stale = c.created_at <= timestamp(seconds_of(now) - _FRESH)
    mine = (c.organization_id == organization_id) & c.id.in_(ids) & stale
    connection.execute(select(c.id).where(mine).order_by(c.id).with_for_update())  # two at once wait in the same order
    connection.execute(update(documents).where(mine).values(created_at=now))


def _row(document: Document, now: str) -> dict[str, Any]:
    names = ("organization_id", "id", "sha256", "source", "media_type", "text")
    return {**{name: getattr(document, name) for name in names}, "created_at": now}


def keep_ontology(connection: "Connection", organization_id: OrganizationId, ontology: Ontology, now: str) -> None:
    """Write an ontology, as it was understood, or see to it that the one that is there stays; see `_is_kept`."""
    c = ontologies.c
    mine = (c.organization_id == organization_id) & (c.content_hash == ontology.content_hash)
    if _is_kept(connection, ontologies, mine, now):
        return
    values: dict[str, Any] = {
        "organization_id": organization_id,
        "content_hash": ontology.content_hash,
        "source": ontology.source,
        "body": msgspec.to_builtins(ontology),
        "created_at": now,
    }
    connection.execute(insert_into(connection, ontologies).on_conflict_do_nothing(), values)


def _is_kept(connection: "Connection", table: Table, mine: "ColumnElement[bool]", now: str) -> bool:
    """Whether it is there and stays: what was last given some time ago counts as given now.

    So whatever somebody is about to use is no older than half a day, and `durable.retention`, which deletes nothing
    younger than a day, leaves it alone, whoever of the two is first.
    """
    given = connection.execute(select(table.c.created_at).where(mine)).scalar()
    if given is None:
        return False
    if seconds_of(given) > seconds_of(now) - _FRESH:
        return True
    return connection.execute(update(table).where(mine).values(created_at=now)).rowcount > 0


def document_of(storage: Storage, organization_id: OrganizationId, document_id: DocumentId) -> Document:
    """Return a document; raises `NotFoundError` when the organisation has none of that id."""
    with storage.read(organization_id) as connection:
        return _document(connection, organization_id, document_id)


def ontology_of(storage: Storage, organization_id: OrganizationId, content_hash: str) -> Ontology:
    """Return an ontology; raises `NotFoundError` when the organisation has none of that content hash."""
    with storage.read(organization_id) as connection:
        body = _body(connection, organization_id, content_hash)
    return msgspec.json.decode(body, type=Ontology)


def materials_of(
    storage: Storage, organization_id: OrganizationId, document_id: DocumentId, content_hash: str
) -> tuple[Document, Ontology]:
    """Return what `document_of` and `ontology_of` do, of the same moment."""
    with storage.read(organization_id) as connection:
        document = _document(connection, organization_id, document_id)
        body = _body(connection, organization_id, content_hash)
    return document, msgspec.json.decode(body, type=Ontology)


def _document(connection: "Connection", organization_id: OrganizationId, document_id: DocumentId) -> Document:
    c = documents.c
    mine = (c.id == document_id) & (c.organization_id == organization_id)
    row = connection.execute(select(c.organization_id, c.source, c.sha256, c.media_type, c.text).where(mine)).first()
    if row is None:
        raise NotFoundError(f"document {document_id}")
    return Document(*row)


def _body(connection: "Connection", organization_id: OrganizationId, content_hash: str) -> str:
    c = ontologies.c
    mine = (c.organization_id == organization_id) & (c.content_hash == content_hash)
    found = connection.execute(select(json_text(c.body)).where(mine)).scalar()
    if found is None:
        raise NotFoundError(f"ontology with the content hash {content_hash}")
    return str(found)
