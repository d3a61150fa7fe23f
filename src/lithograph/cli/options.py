"""Options that several commands share."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lithograph.domain.ids import DEFAULT_ORGANIZATION, OrganizationId
from lithograph.errors import UsageError
from lithograph.graph.export.formats import FORMATS
from lithograph.storage.location import DEFAULT_URL

if TYPE_CHECKING:
    from lithograph.storage.open import Storage

Db = Annotated[str, typer.Option("--db", metavar="URL", help="The database: sqlite:///FILE.")]
Organization = Annotated[
    str, typer.Option("--organization", metavar="ID", help="The organisation that documents and graph belong to.")
]
Id = Annotated[str, typer.Argument(metavar="ID", help="An execution, or the beginning of its id.", show_default=False)]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="PATH",
        help="Write to this file; for CSV and for several formats, into this folder.",
        show_default="standard output",
    ),
]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        metavar="F",
        help=f"One of {FORMATS}; may be given several times. On standard output, csv is the table of relations.",
        show_default="what the extension of --out says, else json",
    ),
]
Plain = Annotated[bool, typer.Option("--plain", help="Show progress as plain lines, also on a terminal.")]
LeaseSeconds = Annotated[
    float, typer.Option("--lease-seconds", envvar="LITHOGRAPH_LEASE_SECONDS", min=0.1, hidden=True)
]
"""How long a process that works may be silent before it counts as dead."""

LEASE_SECONDS = 45.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where executions are: a database, and an organisation in it."""

    url: str = DEFAULT_URL
    organization_id: OrganizationId = DEFAULT_ORGANIZATION

    def open(self, *, create: bool = False) -> "Storage":
        """Return the database; see `open_storage`."""
        from lithograph.storage.open import open_storage

        return open_storage(self.url, create=create)

    def command(self, *words: str) -> str:
        """Return a command line about this place, to be shown to people."""
        options: list[str] = []
        if self.url != DEFAULT_URL:
            options += ["--db", self.url if self.url.startswith("sqlite:") else "URL"]  # another may hold a password
        if self.organization_id != DEFAULT_ORGANIZATION:
            options += ["--organization", self.organization_id]
        return f"`{shlex.join(['litho', *words, *options])}`"


def place_of(db: str, organization: str) -> Place:
    """Return the place that `--db` and `--organization` name; raises `UsageError` for an empty organisation."""
    if not organization.strip():
        raise UsageError("--organization is empty; give an id, or leave it out")
    return Place(db, OrganizationId(organization))
