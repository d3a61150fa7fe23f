"""`litho organization`: who shares a database, each with documents, graph, budget and keys of its own."""

from typing import Annotated

import typer

from lithograph.cli.errors import ExitCode
from lithograph.cli.options import Db, Place, place_of
from lithograph.cli.output import tell, write_stdout
from lithograph.errors import UsageError
from lithograph.storage.location import DEFAULT_URL

app = typer.Typer(help="Make, list and delete organisations.", rich_markup_mode=None)

Given = Annotated[
    str,
    typer.Argument(metavar="ID", help="Letters, digits, '-', '_' and '.', 64 characters at most.", show_default=False),
]


@app.callback()
def organization() -> None:
    """Make, list and delete organisations."""


@app.command()
def create(
    organization: Given,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", metavar="N", min=1, help="Tokens in all.")] = None,
    max_cost: Annotated[float | None, typer.Option("--max-cost", metavar="USD", help="Dollars in all.")] = None,
    db: Db = DEFAULT_URL,
) -> int:
    """Make an organisation, with a budget if one is given."""
    place = place_of(db, organization)

    from lithograph.durable.database_clock import clock_of
    from lithograph.resilience.budget import Limits
    from lithograph.service.administration import create_organization

    limits = Limits(max_tokens, max_cost)
    with place.open(create=True) as storage:
        made = create_organization(storage, place.organization_id, limits, clock_of(storage))
    tell(f"organisation {made.id} is there; {place.command('key', 'create')} makes a key for it")
    return ExitCode.COMPLETED


@app.command("list")
def list_organizations(db: Db = DEFAULT_URL) -> int:
    """List the organisations: id, when it was made, what it may spend."""
    from lithograph.service.administration import organizations

    with Place(db).open() as storage:
        found = organizations(storage)
    for one in found:
        tokens = "no limit" if one.limits.tokens is None else f"{one.limits.tokens:,}"
        cost = "no limit" if one.limits.cost_usd is None else f"{one.limits.cost_usd:g}"
        line = f"{one.id:<24}  {one.created_at[:19]}Z  tokens {tokens}, USD {cost}\n"
        write_stdout(line.encode("utf-8", "backslashreplace"))
    if not found:
        tell("there is no organisation")
    return ExitCode.COMPLETED


@app.command()
def delete(
    organization: Given,
    yes: Annotated[bool, typer.Option("--yes", help="Needed: nothing brings it back.")] = False,
    db: Db = DEFAULT_URL,
) -> int:
    """Delete an organisation and all that it has: executions, graph, documents, ontologies, keys."""
    place = place_of(db, organization)
    if not yes:
        raise UsageError(f"all that {place.organization_id} has would be deleted for good: say so with --yes")

    from lithograph.cli.prune import lines_of
    from lithograph.durable.database_clock import clock_of
    from lithograph.service.administration import delete_organization

    with place.open() as storage:
        gone = delete_organization(storage, place.organization_id, clock_of(storage))
    for line in lines_of(gone, "deleted"):
        tell(line)
    tell(f"organisation {place.organization_id} is deleted")
    return ExitCode.COMPLETED
