"""Documents and ontologies: uploading them, and looking at what is kept."""

from functools import partial
from http import HTTPStatus
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, File, Path, Request, Response, UploadFile

from lithograph.api.etags import NOT_MODIFIED, tagged
from lithograph.api.responses import CURSOR, LIMIT, UPLOAD
from lithograph.api.server import Reader, Writer
from lithograph.api.wire import materials as wire
from lithograph.api.wire.base import Id, Listing
from lithograph.domain.ids import DocumentId
from lithograph.ontology.model import Ontology

router = APIRouter(prefix="/v1")

DOCUMENTS, ONTOLOGIES = "documents", "ontologies"
_LONGEST_NAME = 200

Given = Annotated[UploadFile, File(description="The file; what it is called tells what kind it is.")]
DocumentPath = Annotated[Id, Path(examples=[wire.DOCUMENT])]
OntologyPath = Annotated[Id, Path(examples=[wire.ONTOLOGY])]


@router.post("/documents", status_code=HTTPStatus.CREATED, responses=UPLOAD, tags=[DOCUMENTS])
async def add_document(caller: Writer, file: Given, response: Response) -> wire.KeptDocument:
    """Keep a document: plain text, Markdown, HTML, PDF, DOCX or mail. The same bytes are kept once."""
    data = await file.read()
    reading = caller.server.settings.reading
    add = partial(caller.workspace.add_document, data, _called(file, "document"), reading=reading)
    found = await anyio.to_thread.run_sync(add, limiter=caller.server.readers)
    response.headers["Location"] = f"/v1/documents/{found.id}"
    return wire.KeptDocument.model_validate(found)


@router.get("/documents", tags=[DOCUMENTS])
def list_documents(caller: Reader, limit: LIMIT = 50, cursor: CURSOR = None) -> Listing[wire.KeptDocument]:
    """List the documents, newest first."""
    workspace = caller.workspace
    before = workspace.kept_document(DocumentId(cursor)) if cursor else None
    found = workspace.documents(limit=limit + 1, before=before)
    shown = [wire.KeptDocument.model_validate(one) for one in found[:limit]]
    return Listing(items=shown, next=shown[-1].id if len(found) > limit else None)


@router.get("/documents/{document_id}", tags=[DOCUMENTS])
def get_document(caller: Reader, document_id: DocumentPath) -> wire.KeptDocument:
    """Tell of a document, without its text."""
    return wire.KeptDocument.model_validate(caller.workspace.kept_document(DocumentId(document_id)))


@router.get(
    "/documents/{document_id}/text",
    tags=[DOCUMENTS],
    response_class=Response,
    responses={
        200: {
            "description": "The text that all offsets refer to, counted in code points.",
            "content": {"text/plain; charset=utf-8": {"schema": {"type": "string"}}},
        },
        **NOT_MODIFIED,
    },
)
def get_text(caller: Reader, document_id: DocumentPath, request: Request) -> Response:
    """Return the extracted text of a document."""
    found = caller.workspace.document(DocumentId(document_id))
    return tagged(request, found.sha256, lambda: Response(found.text.encode(), media_type="text/plain; charset=utf-8"))


@router.post("/ontologies", status_code=HTTPStatus.CREATED, responses=UPLOAD, tags=[ONTOLOGIES])
async def add_ontology(caller: Writer, file: Given, response: Response) -> wire.NewOntology:
    """Keep an ontology: OWL, RDFS or SKOS in Turtle, RDF/XML, JSON-LD or N-Triples. Each version of it is kept once."""
    data = await file.read()
    add = partial(caller.workspace.add_ontology, data, _called(file, "ontology"))
    found = await anyio.to_thread.run_sync(add, limiter=caller.server.readers)
    response.headers["Location"] = f"/v1/ontologies/{found.content_hash}"
    return wire.NewOntology(
        content_hash=found.content_hash,
        source=found.source,
        classes=len(found.classes),
        properties=len(found.properties),
    )


@router.get("/ontologies", tags=[ONTOLOGIES])
def list_ontologies(caller: Reader) -> Listing[wire.KeptOntology]:
    """List the ontologies, newest first."""
    return Listing(items=[wire.KeptOntology.model_validate(one) for one in caller.workspace.ontologies()])


@router.get("/ontologies/{content_hash}", tags=[ONTOLOGIES])
def get_ontology(caller: Reader, content_hash: OntologyPath) -> wire.WholeOntology:
    """Return an ontology as it was understood: its classes and properties with their labels."""
    return whole(caller.workspace.ontology(content_hash))


def whole(found: Ontology) -> wire.WholeOntology:
    """Return what is shown of an ontology."""
    return wire.WholeOntology(
        content_hash=found.content_hash,
        source=found.source,
        classes=[wire.Term.model_validate(one) for one in found.classes.values()],
        properties=[wire.Term.model_validate(one) for one in found.properties.values()],
    )


def _called(file: UploadFile, otherwise: str) -> str:
    """Return what an upload is called: the last part of its name, which is shown and never used as a path."""
    name = (file.filename or "").replace("\\", "/").rpartition("/")[2]
    kept = "".join(character for character in name if character.isprintable()).strip()
    return kept[-_LONGEST_NAME:] or otherwise
