"""`litho extract`: documents in, a knowledge graph out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lithograph.cli.options import (
    LEASE_SECONDS,
    Asking,
    Db,
    Formats,
    LeaseSeconds,
    MaxCost,
    MaxTokens,
    Organization,
    Out,
    Plain,
    Prices,
    RequestsPerMinute,
    TokensPerMinute,
    place_of,
)
from lithograph.cli.output import destination
from lithograph.cli.work import Session
from lithograph.domain.ids import DEFAULT_ORGANIZATION
from lithograph.errors import UsageError
from lithograph.resilience.budget import Limits
from lithograph.storage.location import DEFAULT_URL

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from lithograph.domain.result import ExtractionResult
    from lithograph.durable.run import Worker
    from lithograph.workflow.models import Models
    from lithograph.workflow.runner import Plan, Run, Watching


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
        typer.Option(
            metavar="NAME",
            help="What reads the text: rules (the offline baseline, no model), or PROVIDER:NAME, as openai:gpt-5-mini.",
        ),
    ] = "rules",
    base_url: Annotated[
        str, typer.Option(metavar="URL", help="Where an OpenAI-compatible server answers.", show_default=False)
    ] = "",
    fallback: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Asked when the model cannot answer; in the order given.")
    ] = None,
    strategy: Annotated[
        Literal["staged", "joint"], typer.Option(help="Three calls for a chunk, or one, for cost.")
    ] = "staged",
    db: Db = DEFAULT_URL,
    no_db: Annotated[bool, typer.Option("--no-db", help="Run in memory: nothing is kept, nothing continued.")] = False,
    organization: Organization = DEFAULT_ORGANIZATION,
    concurrency: Annotated[int, typer.Option(metavar="N", help="Calls to a model, or chunks in work, at once.")] = 20,
    requests_per_minute: RequestsPerMinute = None,
    tokens_per_minute: TokensPerMinute = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    prices: Prices = None,
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
    target = destination(out, formats or (), [*documents, ontology, *([prices] if prices else [])])
    session = Session(place, target, lease_seconds, plain=plain, repeatable=True)

    limits = Limits(max_tokens, max_cost)
    if no_db and limits != Limits():
        raise UsageError("--no-db keeps nothing that could go on with another budget; leave it or the budget out")

    from lithograph.extraction.settings import ExtractionSettings, OnMissing, Strategy
    from lithograph.ontology.load import load_ontology
    from lithograph.workflow.extractors import ModelChoice
    from lithograph.workflow.reading import glance
    from lithograph.workflow.runner import Plan, run_files

    asking = Asking(concurrency, requests_per_minute, tokens_per_minute, prices, priced=max_cost is not None)
    settings = ExtractionSettings(
        on_missing=OnMissing(on_missing), concurrency=concurrency, strategy=Strategy(strategy)
    )
    choice = ModelChoice(model, base_url, tuple(fallback or ()))
    plan = Plan(load_ontology(ontology), choice, settings, limits)
    models = asking.models()
    plan.pipeline(models)  # says what cannot be had
    if no_db:
        return _in_memory(session, documents, plan, models)
    if settings.on_missing is OnMissing.FAIL:
        glance(documents)  # before a database is made for nothing
    with place.open(create=True) as storage:

        def job(worker: "Worker", watching: "Watching") -> "Coroutine[None, None, Run]":
            return run_files(worker, documents, plan, place.organization_id, named=models, watching=watching)

        return session.carry_out(storage, job, plan.ontology, models)


def _in_memory(session: Session, documents: list[Path], plan: "Plan", models: "Models") -> int:
    import anyio

    from lithograph.cli.progress import watching
    from lithograph.workflow.extractors import RemoteExtractor
    from lithograph.workflow.files import extract_files
    from lithograph.workflow.runner import check

    with watching(plain=session.plain) as watch:

        async def work() -> "ExtractionResult":
            pipeline = plan.pipeline(models)
            try:
                if isinstance(pipeline.extractor, RemoteExtractor):
                    await check(pipeline.extractor)
                return await extract_files(
                    documents,
                    pipeline,
                    organization_id=session.place.organization_id,
                    progress=watch.progress,
                    read=watch.read,
                )
            finally:
                await models.aclose()

        result = anyio.run(work)
    return session.write(result, plan.ontology)
