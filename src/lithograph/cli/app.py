"""The commands together, and what becomes of their errors."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from lithograph.cli import (
    batch,
    budget,
    control,
    demo,
    doctor,
    executions,
    extract,
    fake_model,
    key,
    migrate,
    ontology,
    organization,
    prune,
    serve,
    worker,
)
from lithograph.cli.errors import ExitCode, code_of, sentence_of
from lithograph.cli.output import tell, write_stdout
from lithograph.errors import LithographError

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(extract.extract)
app.command("list")(executions.list_executions)
app.command()(executions.status)
app.command()(executions.events)
app.command()(executions.result)
app.command()(control.pause)
app.command()(control.resume)
app.command()(control.cancel)
app.command()(control.retry)
app.command()(control.signal)
app.command()(budget.budget)
app.command()(prune.prune)
app.command()(doctor.doctor)
app.command()(demo.demo)
app.command()(fake_model.fake_model)
app.command()(worker.worker)
app.command()(serve.serve)
app.command()(migrate.migrate)
app.add_typer(batch.app, name="batch")
app.add_typer(ontology.app, name="ontology")
app.add_typer(organization.app, name="organization")
app.add_typer(key.app, name="key")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        write_stdout(f"lithograph {version('lithograph')}\n".encode())
        raise typer.Exit


@app.callback()
def litho(
    version: Annotated[  # its callback does the work
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Turn documents into a knowledge graph that points at the exact characters that say so."""


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. What it raised on purpose is one line on standard error."""
    if sys.stderr is None:
        # It was closed by whoever started the process.
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # open as long as the process
    try:
        code = app(list(arguments), prog_name="litho", standalone_mode=False)
    except (LithographError, typer.TyperException) as error:
        tell(f"litho: {sentence_of(error)}")
        return code_of(error)
    return ExitCode.COMPLETED if code is None else int(code)
