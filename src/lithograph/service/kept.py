"""What an organisation keeps: its documents and ontologies, newest first, without what is in them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from lithograph.domain.ids import DocumentId, OrganizationId
from lithograph.errors import NotFoundError
from lithograph.storage.schema import document, ontology

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select


@dataclass(frozen=True, slots=True)
class KeptDocument:
    """A document without its text; `given_at` is when it was last given, to within half a day."""

    id: DocumentId
    source: str
    sha256: str
    media_type: str
    characters: int
    given_at: str


@dataclass(frozen=True, slots=True)
class KeptOntology:
    """An ontology without its classes and properties; `given_at` is when it was last given, to within half a day."""

    content_hash: str
    source: str
    given_at: str


def document_kept(connection: "Connection", organization_id: OrganizationId, document_id: DocumentId) -> KeptDocument:
    """Return one document; raises `NotFoundError` when the organisation has none of that id."""
    row = connection.execute(_documents(organization_id).where(document.c.id == document_id)).first()
    if row is None:
        raise NotFoundError(f"document {document_id}")
    return KeptDocument(*row)


def documents_of(
    connection: "Connection", organization_id: OrganizationId, limit: int, before: KeptDocument | None
) -> list[KeptDocument]:
    """Return the newest documents, or those that come after `before`, at most `limit`."""
    c, query = document.c, _documents(organization_id)
    if before is not None:
        same = (c.created_at == before.given_at) & (c.id > before.id)
        query = query.where((c.created_at < before.given_at) | same)
    rows = connection.execute(query.order_by(c.created_at.desc(), c.id).limit(limit))
    return [KeptDocument(*row) for row in rows]


def _documents(organization_id: OrganizationId) -> "Select[Any]":
    c = document.c
    query = select(c.id, c.source, c.sha256, c.media_type, func.length(c.text), c.created_at)
    return query.where(c.organization_id == organization_id)


def ontologies_of(connection: "Connection", organization_id: OrganizationId) -> list[KeptOntology]:
    """Return the ontologies; each version of one is one."""
    c = ontology.c
    query = select(c.content_hash, c.source, c.created_at).where(c.organization_id == organization_id)
    rows = connection.execute(query.order_by(c.created_at.desc(), c.content_hash))
    return [KeptOntology(*row) for row in rows]
