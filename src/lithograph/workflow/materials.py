"""Materials: the documents and ontologies that executions work on, kept so that any worker can go on with them."""

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import select

from lithograph.domain.document import Document
from lithograph.domain.ids import DocumentId, OrganizationId
from lithograph.errors import UsageError
from lithograph.ontology.model import Ontology
from lithograph.storage.columns import insert_into, json_text
from lithograph.storage.open import Storage
from lithograph.storage.schema import document as documents
from lithograph.storage.schema import ontology as ontologies

if TYPE_CHECKING:
    from sqlalchemy import Connection


def keep_document(connection: "Connection", document: Document, now: str) -> None:
    """Write a document, unless it is there."""
    if connection.execute(select(documents.c.id).where(documents.c.id == document.id)).first():
        return
    values = {
        name: getattr(document, name) for name in ("organization_id", "id", "sha256", "source", "media_type", "text")
    }
    new = insert_into(connection, documents).on_conflict_do_nothing()
    connection.execute(new, {**values, "created_at": now})


def keep_ontology(connection: "Connection", organization_id: OrganizationId, ontology: Ontology, now: str) -> None:
    """Write an ontology, as it was understood, unless it is there."""
    c = ontologies.c
    mine = (c.organization_id == organization_id) & (c.content_hash == ontology.content_hash)
    if connection.execute(select(c.content_hash).where(mine)).first():
        return
    values: dict[str, Any] = {
        "organization_id": organization_id,
        "content_hash": ontology.content_hash,
        "source": ontology.source,
        "body": msgspec.to_builtins(ontology),
        "created_at": now,
    }
    connection.execute(insert_into(connection, ontologies).on_conflict_do_nothing(), values)


def document_of(storage: Storage, organization_id: OrganizationId, document_id: DocumentId) -> Document:
    """Return a document; raises `UsageError` when the organisation has none of that id."""
    c = documents.c
    with storage.read(organization_id) as connection:
        row = connection.execute(
            select(c.organization_id, c.source, c.sha256, c.media_type, c.text).where(
                c.id == document_id, c.organization_id == organization_id
            )
        ).first()
    if row is None:
        raise UsageError(f"there is no document {document_id}")
    return Document(*row)


def ontology_of(storage: Storage, organization_id: OrganizationId, content_hash: str) -> Ontology:
    """Return an ontology; raises `UsageError` when the organisation has none of that content hash."""
    c = ontologies.c
    with storage.read(organization_id) as connection:
        found = connection.execute(
            select(json_text(c.body)).where(c.organization_id == organization_id, c.content_hash == content_hash)
        ).scalar()
    if found is None:
        raise UsageError(f"there is no ontology with the content hash {content_hash}")
    return msgspec.json.decode(found, type=Ontology)
