"""`litho list`, `status`, `events` and `result`: looking at executions, from any process, at any time."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lithograph.cli import StoppedError
from lithograph.cli.errors import ExitCode, one_line
from lithograph.cli.options import Db, Id, Organization, Out, Place, place_of
from lithograph.cli.output import destination, tell, write_file, write_stdout
from lithograph.domain.ids import DEFAULT_ORGANIZATION
from lithograph.errors import UsageError
from lithograph.graph.export.formats import FORMATS
from lithograph.storage.location import DEFAULT_URL

if TYPE_CHECKING:
    from lithograph.durable.events import Event
    from lithograph.durable.executions import Execution
    from lithograph.service.workspace import Workspace

_TEXT = "text"


def list_executions(
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many, at most.")] = 20,
    status: Annotated[str | None, typer.Option("--status", metavar="S", help="Only those of this status.")] = None,
    children: Annotated[bool, typer.Option("--all", help="Also those of the documents of batches.")] = False,
    db: Db = DEFAULT_URL,
    organization: Organization = DEFAULT_ORGANIZATION,
) -> int:
    """List the executions, newest first: id, status, percent, when it was started, what it works on."""
    place = place_of(db, organization)

    from lithograph.durable.status import Status

    if status is not None and status not in tuple(Status):
        raise UsageError(f"there is no status {status!r}; choose one of {', '.join(Status)}")
    wanted = None if status is None else Status(status)
    with place.open() as storage:
        rows = place.workspace(storage).executions(limit=limit, status=wanted, children=children)
    for row in rows:
        found = row.execution
        line = f"{found.id}  {found.status:<21}  {row.percent:>3.0f} %  {found.created_at[:19]}Z  {row.source}"
        _show(one_line_of(line))
    if not rows:
        tell("there is no execution")
    return ExitCode.COMPLETED


def one_line_of(line: str) -> str:
    """Return `line` safe to show in a terminal, its columns kept."""
    return "  ".join(one_line(cell) for cell in line.split("  "))


def status(
    execution: Id,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
    db: Db = DEFAULT_URL,
    organization: Organization = DEFAULT_ORGANIZATION,
) -> int:
    """Say how an execution stands: how far it is, what it cost, what is missing, what happened last."""
    place = place_of(db, organization)

    from lithograph.cli.batch_session import show_batch
    from lithograph.cli.standing import as_object, as_text
    from lithograph.workflow.batch.input import BATCH

    with place.open() as storage:
        workspace = place.workspace(storage)
        if workspace.execution(execution).workflow_type == BATCH:
            show_batch(workspace.batch(execution), as_json=as_json)
            return ExitCode.COMPLETED
        found = workspace.overview(execution)
    if as_json:
        import json

        _show(json.dumps(as_object(found), ensure_ascii=False, indent=2))
    else:
        _show("\n".join(as_text(found)))
    return ExitCode.COMPLETED


def events(
    execution: Id,
    after: Annotated[int, typer.Option("--after", metavar="SEQ", min=0, help="Only those with a higher number.")] = 0,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with new ones until the execution ends.")] = False,
    db: Db = DEFAULT_URL,
    organization: Organization = DEFAULT_ORGANIZATION,
) -> int:
    """Print what happened to an execution, one JSON object per line, numbered without gaps."""
    place = place_of(db, organization)

    import anyio

    with place.open() as storage:
        workspace = place.workspace(storage)
        found = workspace.execution(execution)
        reader = _Reader(workspace, found, after)
        try:
            if follow:
                anyio.run(reader.follow)
            else:
                reader.read()
        except KeyboardInterrupt as error:
            again = place.command("events", found.id, "--after", str(reader.after), "--follow")
            raise StoppedError(f"stopped following; {again} goes on from here") from error
    return ExitCode.COMPLETED


class _Reader:
    """Prints the events of an execution and remembers which was the last."""

    def __init__(self, workspace: "Workspace", execution: "Execution", after: int) -> None:
        self._workspace, self._execution, self.after = workspace, execution, after

    def read(self) -> None:
        """Print what there is."""
        while page := self._workspace.events(self._execution.id, after=self.after):
            if not all(self._print(event) for event in page):
                return

    async def follow(self) -> None:
        """Print what there is and what comes, while somebody reads it."""
        async for event in self._workspace.follow(self._execution, after=self.after):
            if not self._print(event):
                return

    def _print(self, event: "Event") -> bool:
        from lithograph.cli.standing import event_line

        heard = _show(event_line(self._execution.id, event))
        self.after = event.seq
        return heard


def result(
    execution: Id,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="F",
            help=f"One of {FORMATS}; may be given several times. Or text: the text that the offsets refer to.",
            show_default="what the extension of --out says, else json",
        ),
    ] = None,
    out: Out = None,
    db: Db = DEFAULT_URL,
    organization: Organization = DEFAULT_ORGANIZATION,
) -> int:
    """Give the result of an execution, or what there is of it so far: then the exit code is 3."""
    place = place_of(db, organization)
    if _TEXT in (formats or ()):
        if formats != [_TEXT]:
            raise UsageError("--format text stands alone: it is the document, not the graph")
        return _text(place, execution, out)
    target = destination(out, formats or ())

    from lithograph.graph.export.formats import export_files
    from lithograph.workflow.inputs import input_of

    with place.open() as storage:
        workspace = place.workspace(storage)
        found = workspace.execution(execution)
        ontology = workspace.ontology(input_of(found).ontology)
        whole = workspace.result(found.id)
    target.write(lambda chosen: export_files(whole, chosen, ontology))
    if whole.completed:
        return ExitCode.COMPLETED
    parts = "documents and chunks" if len(whole.documents) != 1 else "chunks"
    tell(f"execution {found.id} is {found.status}: of its {parts}, {len(whole.missing):,} are missing here")
    return ExitCode.INCOMPLETE


def _text(place: Place, execution: str, out: Path | None) -> int:
    from lithograph.workflow.extraction_input import input_of

    if out is not None:
        destination(out, ["json"])  # whatever the format, it has to be a file that can be written
    with place.open() as storage:
        workspace = place.workspace(storage)
        document = workspace.document(input_of(workspace.execution(execution)).document)
    # A lone surrogate cannot be encoded; one character stands for it, so that all offsets stay.
    data = document.text.encode("utf-8", "replace")
    if out is None:
        write_stdout(data)
    else:
        write_file(out, data)
    return ExitCode.COMPLETED


def _show(text: str) -> bool:
    """Print lines to standard output; return whether anybody reads it."""
    return write_stdout(f"{text}\n".encode("utf-8", "backslashreplace"))
