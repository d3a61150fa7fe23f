"""`litho ontology`: what is to be known about an ontology before it is used."""

from pathlib import Path
from typing import Annotated

import typer

from lithograph.cli.errors import ExitCode
from lithograph.cli.output import write_stdout

app = typer.Typer(help="Look at an ontology.", rich_markup_mode=None)


@app.callback()
def ontology() -> None:
    """Look at an ontology."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An ontology in Turtle, RDF/XML, JSON-LD or N-Triples.")],
) -> int:
    """Say what is in an ontology, and what in it will make extraction worse than it need be."""
    from lithograph.ontology.check import check_ontology, render

    lines = render(check_ontology(file))
    write_stdout("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))
    return ExitCode.COMPLETED
