"""`litho key`: the keys with which other programs act for an organisation over HTTP."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from lithograph.cli.errors import ExitCode, one_line
from lithograph.cli.options import Db, Organization, place_of
from lithograph.cli.output import tell, write_stdout
from lithograph.domain.ids import DEFAULT_ORGANIZATION
from lithograph.errors import UsageError
from lithograph.storage.location import DEFAULT_URL

if TYPE_CHECKING:
    from lithograph.service.keys import Key

app = typer.Typer(help="Make, list and revoke the API keys of an organisation.", rich_markup_mode=None)

_DAY = 86_400.0
"""Seconds."""


@app.callback()
def key() -> None:
    """Make, list and revoke the API keys of an organisation."""


@app.command()
def create(
    name: Annotated[str, typer.Option("--name", metavar="N", help="What it is for, so that it can be told.")] = "",
    scopes: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            metavar="S",
            help="read: look at everything; write: also upload, start, stop; admin: also budgets, keys, pruning.",
            show_default="read",
        ),
    ] = None,
    expires: Annotated[
        float | None, typer.Option("--expires", metavar="DAYS", help="After how many days it is refused.")
    ] = None,
    db: Db = DEFAULT_URL,
    organization: Organization = DEFAULT_ORGANIZATION,
) -> int:
    """Make a key and print it, this once: the database has only a hash of it."""
    place = place_of(db, organization)

    from lithograph.durable.database_clock import clock_of
    from lithograph.service.keys import KeyScope, create_key, pepper_of

    for scope in scopes or ():
        if scope not in tuple(KeyScope):
            raise UsageError(f"there is no scope {scope!r}; choose of {', '.join(KeyScope)}")
    with place.open(create=True) as storage:
        made, text = create_key(
            storage,
            place.organization_id,
            clock_of(storage),
            name=name,
            scopes=[KeyScope(scope) for scope in scopes or (KeyScope.READ,)],
            lasts=None if expires is None else expires * _DAY,
            pepper=pepper_of(os.environ),
        )
    write_stdout(f"{text}\n".encode())
    tell(f"{made.id} is made for organisation {place.organization_id}; keep it safe: it is not shown again")
    return ExitCode.COMPLETED


@app.command("list")
def list_keys(db: Db = DEFAULT_URL, organization: Organization = DEFAULT_ORGANIZATION) -> int:
    """List the keys: id, scopes, when each was made and is refused, name. Never the key itself."""
    place = place_of(db, organization)

    from lithograph.service.keys import keys_of

    with place.open() as storage:
        found = keys_of(storage, place.organization_id)
    for one in found:
        write_stdout(f"{_line(one)}\n".encode("utf-8", "backslashreplace"))
    if not found:
        tell("there is no key")
    return ExitCode.COMPLETED


def _line(found: "Key") -> str:
    scopes = ",".join(sorted(found.scopes))
    if found.revoked_at is not None:
        standing = f"revoked {found.revoked_at[:19]}Z"
    elif found.expires_at is not None:
        standing = f"expires {found.expires_at[:19]}Z"
    else:
        standing = "does not expire"
    cells = (found.id, f"{scopes:<16}", f"{found.created_at[:19]}Z", f"{standing:<28}", one_line(found.name))
    return "  ".join(cells).rstrip()


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `litho key list` shows it.", show_default=False)],
    db: Db = DEFAULT_URL,
    organization: Organization = DEFAULT_ORGANIZATION,
) -> int:
    """Refuse a key from now on."""
    place = place_of(db, organization)

    from lithograph.durable.database_clock import clock_of
    from lithograph.service.keys import revoke_key

    with place.open() as storage:
        revoked = revoke_key(storage, place.organization_id, key_id, clock_of(storage))
    tell(f"{revoked.id} is revoked since {revoked.revoked_at}")
    return ExitCode.COMPLETED
