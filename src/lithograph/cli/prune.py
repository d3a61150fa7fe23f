"""`litho prune`: what ended long ago is deleted."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from lithograph.cli.errors import ExitCode
from lithograph.cli.options import Db, Organization, place_of
from lithograph.cli.output import write_stdout
from lithograph.cli.summary import counted
from lithograph.domain.ids import DEFAULT_ORGANIZATION
from lithograph.errors import UsageError
from lithograph.storage.location import DEFAULT_URL

if TYPE_CHECKING:
    from lithograph.durable.retention import Pruned


def prune(
    older_than: Annotated[
        float, typer.Option("--older-than", metavar="DAYS", help="How long ago it ended at least: 1 day or more.")
    ],
    statuses: Annotated[
        list[str] | None,
        typer.Option(
            "--status",
            metavar="S",
            help="Executions of this status; may be given several times. Completed ones take their graph with them.",
            show_default="failed and cancelled",
        ),
    ] = None,
    cache: Annotated[bool, typer.Option("--cache", help="Also the answers of models that were kept by then.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be deleted, and delete nothing.")] = False,
    db: Db = DEFAULT_URL,
    organization: Organization = DEFAULT_ORGANIZATION,
) -> int:
    """Delete executions that ended long ago, with journal, events and graph, and then the documents and ontologies of
    that age that nothing refers to any more. What has not ended stays, and so does a batch of which anything stays.
    """
    place = place_of(db, organization)

    from lithograph.durable.retention import DAY, Retention
    from lithograph.durable.status import Status

    for status in statuses or ():
        if status not in tuple(Status):
            raise UsageError(f"there is no status {status!r}; choose one of {', '.join(Status)}")
    wanted = Retention(older_than * DAY, cache=cache)
    if statuses:
        wanted = Retention(older_than * DAY, frozenset(map(Status, statuses)), cache=cache)
    with place.open() as storage:
        gone = place.workspace(storage).prune(wanted, dry_run=dry_run)
    for line in lines_of(gone, "would be deleted" if dry_run else "deleted", cache=cache):
        write_stdout(f"{line}\n".encode())
    return ExitCode.COMPLETED


def lines_of(gone: "Pruned", done: str, *, cache: bool = True) -> Iterator[str]:
    """Yield what was deleted, or would be, a line for each kind."""
    by_status = ", ".join(f"{count:,} {status}" for status, count in gone.executions.items())
    total = sum(gone.executions.values())
    yield f"{counted(total, 'execution')} {done}{f' ({by_status})' if by_status else ''}"
    yield f"{counted(gone.documents, 'document')} {done}"
    yield f"{counted(gone.ontologies, 'ontology')} {done}"
    if cache:
        yield f"{counted(gone.cached, 'cached answer')} {done}"
