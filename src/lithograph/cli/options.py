"""Options that several commands share."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lithograph.cli.environment import Settings
from lithograph.domain.ids import DEFAULT_ORGANIZATION, OrganizationId, organization_named
from lithograph.errors import UsageError
from lithograph.graph.export.formats import FORMATS
from lithograph.storage.location import DEFAULT_URL

if TYPE_CHECKING:
    from lithograph.service.workspace import Workspace
    from lithograph.storage.open import Storage
    from lithograph.workflow.models import Models

Db = Annotated[
    str, typer.Option("--db", metavar="URL", help="The database: sqlite:///FILE or postgresql://USER@HOST/NAME.")
]
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
MaxTokens = Annotated[
    int | None,
    typer.Option("--max-tokens", metavar="N", min=1, help="Tokens that each document may take; then it is suspended."),
]
MaxCost = Annotated[
    float | None,
    typer.Option("--max-cost", metavar="USD", help="Dollars that each document may take; then it is suspended."),
]
Prices = Annotated[
    Path | None, typer.Option("--prices", metavar="FILE", help="Prices, where those that come with it are out of date.")
]
RequestsPerMinute = Annotated[
    float | None,
    typer.Option("--requests-per-minute", metavar="N", help="At most, to each model; on a server, by all processes."),
]
TokensPerMinute = Annotated[
    float | None,
    typer.Option("--tokens-per-minute", metavar="N", help="At most, to and from each model; on a server, likewise."),
]
Plain = Annotated[bool, typer.Option("--plain", help="Show progress as plain lines, also on a terminal.")]
LeaseSeconds = Annotated[
    float, typer.Option("--lease-seconds", envvar="LITHOGRAPH_LEASE_SECONDS", min=0.1, hidden=True)
]
"""How long a process that works may be silent before it counts as dead."""

LEASE_SECONDS = 45.0


@dataclass(frozen=True, slots=True)
class Asking:
    """How models are asked: calls at once, calls and tokens in a minute, and what they cost."""

    concurrency: int = 20
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    prices: Path | None = None
    priced: bool = False
    """Whether a price must be known, since cost is limited."""

    def models(self) -> "Models":
        """Return the models of this process."""
        from lithograph.extraction.prompts.messages import TASKS
        from lithograph.models.prices import PriceTable
        from lithograph.resilience.provider import ProviderLimits
        from lithograph.workflow.models import Models

        settings = Settings.read()
        limits = ProviderLimits(self.concurrency, self.requests_per_minute, self.tokens_per_minute)
        return Models(
            settings.limits(limits),
            PriceTable.load(self.prices),
            retry=settings.retry(),
            timeouts=dict.fromkeys(TASKS, settings.timeouts()),
            priced=self.priced,
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where executions are: a database, and an organisation in it."""

    url: str = DEFAULT_URL
    organization_id: OrganizationId = DEFAULT_ORGANIZATION

    def open(self, *, create: bool = False) -> "Storage":
        """Return the database; see `open_storage`."""
        from lithograph.storage.open import open_storage

        return open_storage(self.url, create=create)

    def workspace(self, storage: "Storage", lease_seconds: float = LEASE_SECONDS) -> "Workspace":
        """Return all that the organisation can do in its database."""
        from lithograph.service.workspace import Workspace

        return Workspace(storage, self.organization_id, lease_seconds=lease_seconds)

    def command(self, *words: str) -> str:
        """Return a command line about this place, to be shown to people."""
        options: list[str] = []
        if self.url != DEFAULT_URL:
            options += ["--db", self.url if self.url.startswith("sqlite:") else "URL"]  # another may hold a password
        if self.organization_id != DEFAULT_ORGANIZATION:
            options += ["--organization", self.organization_id]
        return f"`{shlex.join(['litho', *words, *options])}`"


def place_of(db: str, organization: str) -> Place:
    """Return the place that `--db` and `--organization` name; raises `UsageError` for what is no organisation's id."""
    if not organization.strip():
        raise UsageError("--organization is empty; give an id, or leave it out")
    return Place(db, organization_named(organization))
