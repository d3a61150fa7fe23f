"""Examine: all checks, in the order in which a person would make them."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from lithograph.service.doctor import surroundings
from lithograph.service.doctor.checks import Check, carried_out
from lithograph.service.doctor.file import file_checks
from lithograph.service.doctor.server import server_checks
from lithograph.storage.open import connect


def examine(
    url: str, environment: Mapping[str, str], *, model: str | None = None, base_url: str = ""
) -> Iterator[Check]:
    """Yield the checks of this installation, of the database at `url`, and of a model where one is named.

    Nothing is changed: no database is made or brought up to date. No check holds a secret, and none raises.
    """
    path, server = _place(url)
    yield from carried_out("installation", partial(surroundings.installed, environment, server=server))
    yield from carried_out("web pages", surroundings.pages)
    yield from carried_out("database", partial(_database, url, path, server=server))
    if model is None:
        yield from carried_out("keys", partial(surroundings.keys, environment))
    else:
        yield from carried_out("model", partial(surroundings.model, model, base_url, environment))


def _place(url: str) -> tuple[Path | None, bool]:
    """Return the file that a URL names, and whether it names a server."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return None, False
    server = parsed.drivername.startswith("postgres")
    file = parsed.database if parsed.drivername == "sqlite" and not (parsed.host or parsed.query) else None
    return (Path(file) if file and file != ":memory:" else None), server


def _database(url: str, path: Path | None, *, server: bool) -> Iterator[Check]:
    if server:
        yield from server_checks(url)
    elif path is not None and not path.is_dir():
        yield from file_checks(url, path)
    else:
        connect(url, create=False).close()  # says what is wrong with it
