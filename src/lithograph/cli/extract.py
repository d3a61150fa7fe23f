"""`litho extract`: documents in, a knowledge graph out."""

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lithograph.cli.errors import ExitCode
from lithograph.cli.output import destination, tell
from lithograph.domain.ids import DEFAULT_ORGANIZATION, OrganizationId
from lithograph.errors import UsageError
from lithograph.graph.export.formats import FORMATS

if TYPE_CHECKING:
    from lithograph.extraction.extractor import ExtractorFactory

MODELS = "rules"
"""What `--model` may name."""


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
    no_db: Annotated[  # noqa: ARG001  # there is nothing else yet
        bool, typer.Option("--no-db", help="Run in memory. Every run does so far: there is no database yet.")
    ] = False,
    organization: Annotated[
        str, typer.Option(metavar="ID", help="The organisation that documents and graph belong to.")
    ] = DEFAULT_ORGANIZATION,
    concurrency: Annotated[int, typer.Option(metavar="N", help="Chunks in work at once.")] = 20,
    on_missing: Annotated[
        Literal["fail", "skip"],
        typer.Option(help="When a document or a chunk cannot be processed: fail, or list it as missing and go on."),
    ] = "fail",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Write to this file; for CSV and for several formats, into this folder.",
            show_default="standard output",
        ),
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="F",
            help=f"One of {FORMATS}; may be given several times. On standard output, csv is the table of relations.",
            show_default="what the extension of --out says, else json",
        ),
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Show progress as plain lines, also on a terminal.")] = False,
) -> int:
    """Extract a knowledge graph from documents. Exit code 3 means that something is missing from it."""
    began = time.monotonic()
    target = destination(out, formats or (), [*documents, ontology])
    extractor = extractor_named(model)
    if not organization.strip():
        raise UsageError("--organization is empty; give an id, or leave it out")

    import anyio

    from lithograph.cli.progress import watching
    from lithograph.cli.summary import summary
    from lithograph.extraction.pipeline import ExtractionPipeline
    from lithograph.extraction.settings import ExtractionSettings, OnMissing
    from lithograph.graph.export.formats import export_files
    from lithograph.ontology.load import load_ontology
    from lithograph.workflow.files import extract_files

    settings = ExtractionSettings(on_missing=OnMissing(on_missing), concurrency=concurrency)
    loaded = load_ontology(ontology)
    pipeline = ExtractionPipeline(loaded, extractor(loaded), settings)
    with watching(plain=plain) as watch:
        result = anyio.run(
            partial(
                extract_files,
                documents,
                pipeline,
                organization_id=OrganizationId(organization),
                progress=watch.progress,
                read=watch.read,
            )
        )
    written = target.write(lambda chosen: export_files(result, chosen, loaded))
    for line in summary(result, time.monotonic() - began, written):
        tell(line)
    return ExitCode.COMPLETED if result.completed else ExitCode.INCOMPLETE


def extractor_named(name: str) -> "ExtractorFactory":
    """Return what makes the extractor that `--model` names; raises `UsageError` when there is none of that name."""
    if name == "rules":
        from lithograph.extraction.rules import RulesExtractor

        return RulesExtractor
    raise UsageError(f"there is no model {name!r}; choose {MODELS}")
