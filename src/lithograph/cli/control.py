"""`litho pause`, `cancel`, `signal`, `resume` and `retry`: asking something of an execution, and going on with it."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

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
from lithograph.cli.output import destination, tell
from lithograph.cli.work import Session
from lithograph.domain.ids import DEFAULT_ORGANIZATION
from lithograph.errors import UsageError
from lithograph.resilience.budget import Limits
from lithograph.storage.location import DEFAULT_URL

if TYPE_CHECKING:
    from lithograph.durable.executions import Execution
    from lithograph.durable.run import Worker
    from lithograph.workflow.runner import Watching


def pause(
    execution: Id,
    db: Db = DEFAULT_URL,
    organization: Organization = DEFAULT_ORGANIZATION,
    lease_seconds: LeaseSeconds = LEASE_SECONDS,
) -> int:
    """Ask the process that runs an execution to stop at the next chunk; `litho resume` goes on."""
    place = place_of(db, organization)
    with place.open() as storage:
        answer = place.workspace(storage, lease_seconds).pause(execution)
    found = answer.execution
    standing = "is suspended already" if answer.done else "is asked to pause"
    tell(f"execution {found.id} {standing}; {place.command('resume', found.id)} lets it go on")
    return ExitCode.COMPLETED


def cancel(
    execution: Id,
    db: Db = DEFAULT_URL,
    organization: Organization = DEFAULT_ORGANIZATION,
    lease_seconds: LeaseSeconds = LEASE_SECONDS,
) -> int:
    """End an execution for good, within a second; what it finished stays readable."""
    place = place_of(db, organization)
    with place.open() as storage:
        answer = place.workspace(storage, lease_seconds).cancel(execution)
    tell(f"execution {answer.execution.id} is {'cancelled' if answer.done else 'asked to cancel'}")
    return ExitCode.COMPLETED


def signal(
    execution: Id,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the execution waits for.", show_default=False)],
    payload: Annotated[str, typer.Argument(metavar="JSON", help="What comes with it.", show_default="null")] = "null",
    key: Annotated[
        str | None, typer.Option("--key", metavar="KEY", help="Sent twice with the same key, it arrives once.")
    ] = None,
    db: Db = DEFAULT_URL,
    organization: Organization = DEFAULT_ORGANIZATION,
) -> int:
    """Send a signal to an execution."""
    place = place_of(db, organization)
    try:
        value = json.loads(payload)
    except ValueError as error:
        raise UsageError(f"the signal's payload is no JSON ({error}); quote it, as in '{{\"accept\": true}}'") from None
    with place.open() as storage:
        sent = place.workspace(storage).signal(execution, name, value, key=key)
    if sent.new:
        tell(f"signal {name} was sent to execution {sent.execution.id}")
    else:
        tell(f"a signal with the key {key} was sent to execution {sent.execution.id} before: nothing was sent now")
    return ExitCode.COMPLETED


def resume(
    execution: Id,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    prices: Prices = None,
    requests_per_minute: RequestsPerMinute = None,
    tokens_per_minute: TokensPerMinute = None,
    out: Out = None,
    formats: Formats = None,
    plain: Plain = False,
    db: Db = DEFAULT_URL,
    organization: Organization = DEFAULT_ORGANIZATION,
    lease_seconds: LeaseSeconds = LEASE_SECONDS,
) -> int:
    """Go on, in this process, with an execution that was paused, interrupted or never begun, and give its result. A
    budget that is given replaces the one that it had.
    """
    wanted = out is not None or bool(formats)
    target = destination(out, formats or ())
    session = Session(place_of(db, organization), target, lease_seconds, plain=plain, wanted=wanted)

    from lithograph.service.control import check_resumable

    asking = Asking(prices=prices, requests_per_minute=requests_per_minute, tokens_per_minute=tokens_per_minute)
    return _carry_on(session, execution, check_resumable, asking, Limits(max_tokens, max_cost))


def retry(
    execution: Id,
    prices: Prices = None,
    requests_per_minute: RequestsPerMinute = None,
    tokens_per_minute: TokensPerMinute = None,
    out: Out = None,
    formats: Formats = None,
    plain: Plain = False,
    db: Db = DEFAULT_URL,
    organization: Organization = DEFAULT_ORGANIZATION,
    lease_seconds: LeaseSeconds = LEASE_SECONDS,
) -> int:
    """Run, in this process, what is missing of an execution that failed or completed with errors, and give its
    result.
    """
    wanted = out is not None or bool(formats)
    target = destination(out, formats or ())
    session = Session(place_of(db, organization), target, lease_seconds, plain=plain, wanted=wanted)

    from lithograph.service.control import check_retriable

    asking = Asking(prices=prices, requests_per_minute=requests_per_minute, tokens_per_minute=tokens_per_minute)
    return _carry_on(session, execution, check_retriable, asking, Limits())


def _carry_on(
    session: Session, given: str, check: "Callable[[Execution], None]", asking: Asking, limits: Limits
) -> int:
    import anyio
    import anyio.to_thread

    from lithograph.workflow.batch.input import BATCH
    from lithograph.workflow.inputs import allow, input_of
    from lithograph.workflow.runner import Run, run_one

    place = session.place
    with place.open() as storage:
        workspace = place.workspace(storage)
        found = workspace.execution(given)
        check(found)
        remembered = input_of(found)
        limited = limits if limits != Limits() else remembered.limits
        asking = replace(asking, concurrency=remembered.settings.concurrency, priced=limited.cost_usd is not None)
        models, ontology = asking.models(), workspace.ontology(remembered.ontology)
        models(remembered.choice, ontology)  # says what cannot be had

        if found.workflow_type == BATCH:
            from lithograph.cli.batch_session import carry_on

            return carry_on(session, storage, found, limited, ontology, models)

        async def job(worker: "Worker", watching: "Watching") -> Run:
            if limited != remembered.limits:
                await anyio.to_thread.run_sync(allow, storage, found, limited)
            return Run((await run_one(worker, found.id, place.organization_id, named=models, watching=watching),))

        return session.carry_out(storage, job, ontology, models)
