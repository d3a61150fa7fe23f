"""`litho migrate`: the schema of a database, brought up to date."""

from typing import Annotated

import typer

from lithograph.cli.errors import ExitCode
from lithograph.cli.output import write_stdout
from lithograph.storage.location import DEFAULT_URL


def migrate(
    db: Annotated[
        str, typer.Option(metavar="URL", help="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME.")
    ] = DEFAULT_URL,
) -> int:
    """Make a database, or bring its schema up to date, and say which revision it had and has."""
    from lithograph.storage.migrate import migrate as upgrade
    from lithograph.storage.open import connect
    from lithograph.storage.revision import revision_of

    with connect(db) as storage:
        with storage.inspect() as connection:
            before = revision_of(connection, storage.name)
        after = upgrade(storage)
        name = storage.name
    write_stdout(f"{name}\n  before  {before or 'no schema'}\n  now     {after}\n".encode("utf-8", "replace"))
    return ExitCode.COMPLETED
