"""What the process says and returns when something goes wrong: one line, one exit code."""

import re
from enum import IntEnum

from typer import TyperException

from lithograph.errors import InputError, LithographError, StateError

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""A file's name may hold what a terminal would take for a command."""


class ExitCode(IntEnum):
    """What the process returns."""

    COMPLETED = 0
    FAILED = 1
    WRONG = 2
    """Wrong usage, an input that cannot be used, or something that an execution's status does not allow."""
    INCOMPLETE = 3
    """Completed with errors: the result lists them as missing."""
    INTERRUPTED = 130


def code_of(error: LithographError | TyperException) -> ExitCode:
    """Return the exit code that stands for an error."""
    if isinstance(error, TyperException):
        return ExitCode(error.exit_code)
    return ExitCode.WRONG if isinstance(error, InputError | StateError) else ExitCode.FAILED


def sentence_of(error: LithographError | TyperException) -> str:
    """Return what an error says, as one line that is safe to show in a terminal."""
    return one_line(_usage(error) if isinstance(error, TyperException) else str(error))


def one_line(text: str) -> str:
    """Return `text` with every run of white space as one space, and U+FFFD for every control character."""
    return _UNPRINTABLE.sub("\ufffd", " ".join(text.split()))


def _usage(error: TyperException) -> str:
    """Return the sentence for a command line that could not be understood."""
    said = error.format_message().replace("Value error, ", "").replace(". Did you mean", ": did you mean")
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "litho"
    stop = "" if said.endswith("?") else ";"
    return f"{said[:1].lower()}{said[1:].rstrip('.')}{stop} `{command} --help` shows how it is used"
