"""`litho doctor`: what would keep Lithograph from working here."""

import os
from typing import Annotated

import typer

from lithograph.cli.errors import ExitCode, one_line
from lithograph.cli.options import Db
from lithograph.cli.output import write_stdout
from lithograph.storage.location import DEFAULT_URL


def doctor(
    db: Db = DEFAULT_URL,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="Ask this model once; that costs a few tokens.")
    ] = None,
    base_url: Annotated[
        str, typer.Option("--base-url", metavar="URL", help="Where that model answers.", show_default=False)
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
) -> int:
    """Look for what would keep Lithograph from working here: a line for each check, and what to do about it.

    The exit code is 1 when something does not work. Nothing is changed.
    """
    import json

    from lithograph.service.doctor.checks import State
    from lithograph.service.doctor.examine import examine

    found = []
    for check in examine(db, os.environ, model=model, base_url=base_url):
        found.append(check)
        if not as_json:
            line = one_line(f"{check.state}: {check.name}: {check.said}{check.remedy and '; '}{check.remedy}")
            write_stdout(f"{line}\n".encode("utf-8", "backslashreplace"))
    healthy = all(check.state is not State.FAILED for check in found)
    if as_json:
        checks = [
            {"name": one.name, "state": one.state, "said": one.said, "remedy": one.remedy or None} for one in found
        ]
        write_stdout(json.dumps({"healthy": healthy, "checks": checks}, ensure_ascii=False, indent=2).encode() + b"\n")
    return ExitCode.COMPLETED if healthy else ExitCode.FAILED
