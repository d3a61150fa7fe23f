"""`litho pause`, `cancel`, `signal`, `resume` and `retry`: asking something of an execution, and going on with it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
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
from lithograph.cli.work import Session, lock_of
from lithograph.domain.ids import DEFAULT_ORGANIZATION
from lithograph.errors import StateError, UsageError
from lithograph.resilience.budget import Limits
from lithograph.storage.location import DEFAULT_URL

if TYPE_CHECKING:
    from lithograph.durable.executions import Execution
    from lithograph.durable.run import Worker
    from lithograph.durable.status import Status
    from lithograph.storage.open import Storage
    from lithograph.workflow.runner import Watching


def pause(
    execution: Id,
    db: Db = DEFAULT_URL,
    organization: Organization = DEFAULT_ORGANIZATION,
    lease_seconds: LeaseSeconds = LEASE_SECONDS,
) -> int:
    """Ask the process that runs an execution to stop at the next chunk; `litho resume` goes on."""
    place = place_of(db, organization)

    from lithograph.durable import signals
    from lithograph.durable.database_clock import clock_of
    from lithograph.durable.lookup import find
    from lithograph.durable.status import Status

    with place.open() as storage, _nobody_works(storage, lease_seconds) as alone:
        with storage.read(place.organization_id) as connection:
            found = find(connection, place.organization_id, execution)
        goes_on = not alone and found.waiting_for == signals.PROVIDER  # by itself, when the provider is back
        if found.status is Status.SUSPENDED and not goes_on:
            tell(f"execution {found.id} is suspended already; {place.command('resume', found.id)} lets it go on")
            return ExitCode.COMPLETED
        if not (found.status.terminal or goes_on) and (alone or _is_free(storage, found)):
            raise StateError(f"execution {found.id} is {found.status} and nobody runs it: there is nothing to pause")
        signals.send(storage, place.organization_id, found.id, signals.PAUSE, clock_of(storage))
    tell(f"execution {found.id} is asked to pause; {place.command('resume', found.id)} lets it go on")
    return ExitCode.COMPLETED


def cancel(
    execution: Id,
    db: Db = DEFAULT_URL,
    organization: Organization = DEFAULT_ORGANIZATION,
    lease_seconds: LeaseSeconds = LEASE_SECONDS,
) -> int:
    """End an execution for good, within a second; what it finished stays readable."""
    place = place_of(db, organization)

    from lithograph.durable import executions, signals
    from lithograph.durable.database_clock import clock_of
    from lithograph.durable.lookup import find
    from lithograph.durable.status import Status

    with place.open() as storage, _nobody_works(storage, lease_seconds) as alone:
        with storage.read(place.organization_id) as connection:
            found = find(connection, place.organization_id, execution)
        if alone or _is_free(storage, found):
            executions.change(storage, place.organization_id, found.id, Status.CANCELLED, clock_of(storage))
            tell(f"execution {found.id} is cancelled")
        else:
            signals.send(storage, place.organization_id, found.id, signals.CANCEL, clock_of(storage))
            tell(f"execution {found.id} is asked to cancel")
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
    if not name.strip():
        raise UsageError("the signal has no name; give one")

    from lithograph.durable import signals
    from lithograph.durable.database_clock import clock_of
    from lithograph.durable.lookup import find

    with place.open() as storage:
        with storage.read(place.organization_id) as connection:
            found = find(connection, place.organization_id, execution)
        new = signals.send(
            storage, place.organization_id, found.id, name, clock_of(storage), payload=value, client_key=key
        )
    if new:
        tell(f"signal {name} was sent to execution {found.id}")
    else:
        tell(f"a signal with the key {key} was sent to execution {found.id} before: nothing was sent now")
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
    session = Session(place_of(db, organization), destination(out, formats or ()), lease_seconds, plain=plain)

    from lithograph.durable.status import Status

    allowed = {Status.PENDING, Status.RUNNING, Status.SUSPENDED, Status.COMPLETED}
    asking = Asking(prices=prices, requests_per_minute=requests_per_minute, tokens_per_minute=tokens_per_minute)
    return _carry_on(session, execution, allowed, asking, Limits(max_tokens, max_cost))


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
    session = Session(place_of(db, organization), destination(out, formats or ()), lease_seconds, plain=plain)

    from lithograph.durable.status import Status

    asking = Asking(prices=prices, requests_per_minute=requests_per_minute, tokens_per_minute=tokens_per_minute)
    return _carry_on(session, execution, {status for status in Status if status.retriable}, asking, Limits())


def _carry_on(session: Session, given: str, allowed: "set[Status]", asking: Asking, limits: Limits) -> int:
    import anyio
    import anyio.to_thread

    from lithograph.durable.lookup import find
    from lithograph.workflow.extraction import allow, input_of
    from lithograph.workflow.materials import ontology_of
    from lithograph.workflow.runner import Run, run_one

    place = session.place
    with place.open() as storage:
        with storage.read(place.organization_id) as connection:
            found = find(connection, place.organization_id, given)
        if found.status not in allowed:
            raise StateError(f"execution {found.id} is {found.status}: {_instead(found)}")
        remembered = input_of(found)
        limited = limits if limits != Limits() else remembered.limits
        asking = replace(asking, concurrency=remembered.settings.concurrency, priced=limited.cost_usd is not None)
        models, ontology = asking.models(), ontology_of(storage, place.organization_id, remembered.ontology)
        models(remembered.choice, ontology)  # says what cannot be had

        async def job(worker: "Worker", watching: "Watching") -> Run:
            if limited != remembered.limits:
                await anyio.to_thread.run_sync(allow, storage, found, limited)
            return Run((await run_one(worker, found.id, place.organization_id, named=models, watching=watching),))

        return session.carry_out(storage, job, ontology, models)


def _instead(found: "Execution") -> str:
    from lithograph.durable.status import Status

    if found.status.retriable:
        return "`litho retry` runs what is missing"
    if found.status is Status.COMPLETED:
        return "there is nothing left to run"
    if found.status is Status.CANCELLED:
        return "that is for good, and `litho extract` starts another one"
    return "`litho resume` lets it go on"


@contextmanager
def _nobody_works(storage: "Storage", lease_seconds: float) -> Iterator[bool]:
    """Give whether no process works on the database, and see to it that none begins to meanwhile.

    On a server nobody can say: what an execution's own lease says counts.
    """
    if storage.path is None:
        yield False
        return
    lock = lock_of(storage.path, lease_seconds)
    try:
        lock.acquire()
    except UsageError:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _is_free(storage: "Storage", found: "Execution") -> bool:
    from lithograph.durable.clock import timestamp
    from lithograph.durable.database_clock import clock_of
    from lithograph.durable.executions import unowned

    return unowned(found, timestamp(clock_of(storage).now()))
