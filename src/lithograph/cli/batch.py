"""`litho batch`: many documents as one execution."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lithograph.cli.errors import ExitCode
from lithograph.cli.options import (
    LEASE_SECONDS,
    Asking,
    Db,
    Formats,
    Id,
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
from lithograph.cli.output import tell, write_stdout
from lithograph.cli.work import working
from lithograph.domain.ids import DEFAULT_ORGANIZATION
from lithograph.errors import UsageError
from lithograph.resilience.budget import Limits
from lithograph.storage.location import DEFAULT_URL

if TYPE_CHECKING:
    from lithograph.cli.batch_progress import BatchWatch
    from lithograph.cli.batch_session import BatchSession
    from lithograph.durable.executions import Execution
    from lithograph.durable.run import Worker
    from lithograph.storage.open import Storage
    from lithograph.workflow.batch.start import BatchPlan
    from lithograph.workflow.models import Models

app = typer.Typer(help="Extract from many documents as one execution.", rich_markup_mode=None)


@app.callback()
def batch() -> None:
    """Extract from many documents as one execution."""


@app.command()
def start(
    documents: Annotated[
        list[Path],
        typer.Argument(metavar="DOC|FOLDER", help="Documents, and folders of them.", show_default=False),
    ],
    ontology: Annotated[
        Path, typer.Option(metavar="FILE", help="The ontology: Turtle, RDF/XML, JSON-LD or N-Triples.")
    ],
    on_failure: Annotated[
        Literal["continue", "abort", "retry-failed"],
        typer.Option(help="When a document fails: go on, begin no other, or run those that failed again at the end."),
    ] = "continue",
    documents_at_once: Annotated[
        int, typer.Option("--documents-at-once", metavar="N", min=1, help="Documents in work at once.")
    ] = 3,
    model: Annotated[
        str, typer.Option(metavar="NAME", help="What reads the texts: rules, or PROVIDER:NAME.")
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
    organization: Organization = DEFAULT_ORGANIZATION,
    concurrency: Annotated[int, typer.Option(metavar="N", help="Calls to a model, or chunks in work, at once.")] = 20,
    requests_per_minute: RequestsPerMinute = None,
    tokens_per_minute: TokensPerMinute = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    prices: Prices = None,
    on_missing: Annotated[
        Literal["fail", "skip"],
        typer.Option(help="When a chunk cannot be processed: its document fails, or lists it as missing."),
    ] = "fail",
    queue: Annotated[bool, typer.Option("--queue", help="Leave the work to the workers of a server.")] = False,
    out: Out = None,
    formats: Formats = None,
    plain: Plain = False,
    lease_seconds: LeaseSeconds = LEASE_SECONDS,
) -> int:
    """Extract from many documents: each has an execution of its own, and what several of them name is found at the end.

    The batch's id is printed; with --out or --format, the result of all documents. The same command again continues, or
    retries what failed.
    """
    from lithograph.cli.batch_session import session_of

    inputs = [*documents, ontology, *([prices] if prices else [])]
    session = session_of(db, organization, out, formats, inputs, lease_seconds, plain=plain, repeatable=True)

    from lithograph.extraction.settings import ExtractionSettings, OnMissing, Strategy
    from lithograph.ontology.load import load_ontology
    from lithograph.workflow.batch.input import OnFailure
    from lithograph.workflow.batch.listing import check_paths
    from lithograph.workflow.batch.start import BatchPlan, start_batch
    from lithograph.workflow.extractors import ModelChoice
    from lithograph.workflow.runner import Plan

    asking = Asking(concurrency, requests_per_minute, tokens_per_minute, prices, priced=max_cost is not None)
    settings = ExtractionSettings(
        on_missing=OnMissing(on_missing), concurrency=concurrency, strategy=Strategy(strategy)
    )
    choice = ModelChoice(model, base_url, tuple(fallback or ()))
    plan = Plan(load_ontology(ontology), choice, settings, Limits(max_tokens, max_cost))
    models = asking.models()
    plan.pipeline(models)  # says what cannot be had
    whole = BatchPlan(documents, plan, OnFailure(on_failure), documents_at_once, [ontology, *([out] if out else [])])
    check_paths(documents)  # before a database is made for nothing
    with session.place.open(create=True) as storage:
        if queue:
            return _queue(session, storage, whole, models)

        async def prepare(worker: "Worker", watch: "BatchWatch") -> "Execution":
            return await start_batch(worker, whole, session.place.organization_id, named=models, told=watch.listed)

        return session.run_batch(storage, prepare, plan.ontology, models)


def _queue(session: "BatchSession", storage: "Storage", whole: "BatchPlan", models: "Models") -> int:
    """List the documents and leave the batch to workers: its job is written in the transaction that completes the
    list.
    """
    if storage.path is not None:
        raise UsageError(f"{storage.name} is a file, which has no queue: leave --queue out, or name a server")
    import anyio

    from lithograph.cli.batch_progress import watching_batch
    from lithograph.durable.queue import enqueue_unended
    from lithograph.durable.status import Status
    from lithograph.workflow.batch.start import start_batch

    place = session.place
    with working(storage, session.lease_seconds) as worker, watching_batch(plain=session.plain) as watch:
        work = partial(start_batch, worker, whole, place.organization_id, named=models, checked=False)
        batch = anyio.run(partial(work, told=watch.listed, then=enqueue_unended))
    workspace = place.workspace(storage)
    if batch.status.retriable:
        batch = workspace.retry(batch.id)
    elif batch.status is Status.SUSPENDED:
        batch = workspace.resume(batch.id)
    tell(f"batch {batch.id} is {batch.status}; {place.command('batch', 'status', batch.id)} tells how it stands")
    write_stdout(f"{batch.id}\n".encode())
    return ExitCode.COMPLETED


@app.command()
def status(
    execution: Id,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
    db: Db = DEFAULT_URL,
    organization: Organization = DEFAULT_ORGANIZATION,
) -> int:
    """Say how a batch stands: how many of its documents are done, what they cost, which failed and why."""
    from lithograph.cli.batch_session import show_batch

    place = place_of(db, organization)
    with place.open() as storage:
        show_batch(place.workspace(storage).batch(execution), as_json=as_json)
    return ExitCode.COMPLETED
