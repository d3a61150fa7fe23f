"""`litho extract`: documents in, a knowledge graph out."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lithograph.cli.options import LEASE_SECONDS, Db, Formats, LeaseSeconds, Organization, Out, Plain, place_of
from lithograph.cli.output import destination
from lithograph.cli.work import Session
from lithograph.domain.ids import DEFAULT_ORGANIZATION
from lithograph.storage.location import DEFAULT_URL

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from lithograph.durable.run import Worker
    from lithograph.extraction.settings import ExtractionSettings
    from lithograph.ontology.model import Ontology
    from lithograph.workflow.runner import Run, Watching


def extract(
    documents: Annotated[
        list[Path],
        typer.Argument(metavar="DOC", help="Plain text, Markdown, HTML, PDF, DOCX or EML.", show_default=False),
    ],
    ontology: Annotated[
        Path, typer.Option(metavar="FILE", help="The ontology: Turtle, RDF/XML, JSON-LD or N-Triples.")
    ],
    model: Annotated[
        str,
        typer.Option(metavar="NAME", help="What reads the text. So far only `rules`, the offline baseline: no model."),
    ] = "rules",
    db: Db = DEFAULT_URL,
    no_db: Annotated[bool, typer.Option("--no-db", help="Run in memory: nothing is kept, nothing continued.")] = False,
    organization: Organization = DEFAULT_ORGANIZATION,
    concurrency: Annotated[int, typer.Option(metavar="N", help="Chunks in work at once.")] = 20,
    on_missing: Annotated[
        Literal["fail", "skip"],
        typer.Option(help="When a document or a chunk cannot be processed: fail, or list it as missing and go on."),
    ] = "fail",
    out: Out = None,
    formats: Formats = None,
    plain: Plain = False,
    lease_seconds: LeaseSeconds = LEASE_SECONDS,
) -> int:
    """Extract a knowledge graph from documents. Finished work is kept: the same command again continues, or returns
    the finished result. Exit code 3 means that something is missing from it.
    """
    place = place_of(db, organization)
    target = destination(out, formats or (), [*documents, ontology])
    session = Session(place, target, lease_seconds, plain=plain, repeatable=True)

    from lithograph.extraction.settings import ExtractionSettings, OnMissing
    from lithograph.ontology.load import load_ontology
    from lithograph.workflow.extractors import extractor_named
    from lithograph.workflow.reading import glance
    from lithograph.workflow.runner import run_files

    settings = ExtractionSettings(on_missing=OnMissing(on_missing), concurrency=concurrency)
    loaded = load_ontology(ontology)
    extractor_named(model, loaded)
    if no_db:
        return _in_memory(session, documents, loaded, model, settings)
    if settings.on_missing is OnMissing.FAIL:
        glance(documents)  # before a database is made for nothing
    with place.open(create=True) as storage:

        def job(worker: "Worker", watching: "Watching") -> "Coroutine[None, None, Run]":
            return run_files(worker, documents, loaded, model, settings, place.organization_id, watching=watching)

        return session.carry_out(storage, job, loaded)


def _in_memory(
    session: Session, documents: list[Path], ontology: "Ontology", model: str, settings: "ExtractionSettings"
) -> int:
    import anyio

    from lithograph.cli.progress import watching
    from lithograph.extraction.pipeline import ExtractionPipeline
    from lithograph.workflow.extractors import extractor_named
    from lithograph.workflow.files import extract_files

    pipeline = ExtractionPipeline(ontology, extractor_named(model, ontology), settings)
    with watching(plain=session.plain) as watch:
        work = partial(
            extract_files,
            documents,
            pipeline,
            organization_id=session.place.organization_id,
            progress=watch.progress,
            read=watch.read,
        )
        result = anyio.run(work)
    return session.write(result, ontology)
