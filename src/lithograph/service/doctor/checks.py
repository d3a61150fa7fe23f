"""A check: what was looked at, how it is, and what to do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from lithograph.errors import LithographError


class State(StrEnum):
    """How something is."""

    OK = "ok"
    WARNING = "warning"
    """It works, and may not for long, or not as somebody might expect."""
    FAILED = "failed"
    """It does not work."""


@dataclass(frozen=True, slots=True)
class Check:
    """`name` is what was looked at, `said` how it is; `remedy` is what to do, empty where nothing is."""

    name: str
    state: State
    said: str
    remedy: str = ""


Checks = Callable[[], Iterator[Check]]


def ok(name: str, said: str) -> Check:
    """Return a check of what is as it should be."""
    return Check(name, State.OK, said)


def warning(name: str, said: str, remedy: str) -> Check:
    """Return a check of what may become a trouble."""
    return Check(name, State.WARNING, said, remedy)


def failed(name: str, said: str, remedy: str = "") -> Check:
    """Return a check of what does not work."""
    return Check(name, State.FAILED, said, remedy)


def carried_out(name: str, checks: Checks) -> Iterator[Check]:
    """Yield checks; an error that one of them meets is one that failed, and those after it are left out."""
    try:
        yield from checks()
    except LithographError as error:
        said, _, remedy = str(error).partition("; ")
        yield failed(name, said, remedy)
    except Exception as error:  # whatever is broken here must not keep the doctor from saying so
        yield failed(name, f"it could not be looked at ({type(error).__name__})", "tell those who make Lithograph")
