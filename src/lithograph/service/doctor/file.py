"""Checks of an SQLite file."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from lithograph.domain.ids import DEFAULT_ORGANIZATION
from lithograph.service.alone import nobody_works
from lithograph.service.doctor.checks import Check, failed, ok, warning
from lithograph.service.doctor.database import queue, schema
from lithograph.storage.lock import holder_of
from lithograph.storage.open import Storage, connect
from lithograph.storage.sqlite import journal_mode

_PATIENCE: Final = 2.0
"""Seconds to wait for somebody who writes."""

_LEASE: Final = 45.0
"""Seconds for which a process that works may be silent."""

_READ_THROUGH: Final = 200 << 20
"""Bytes of a file that is read through: a second or two."""

_NO_ROOM, _LITTLE_ROOM = 100 << 20, 1 << 30


class _NotKeptError(Exception):
    """Ends a transaction that was only to see whether it may begin."""


def _leave() -> None:
    raise _NotKeptError


def file_checks(url: str, path: Path) -> Iterator[Check]:
    """Yield the checks of the file at `path`, there or not."""
    if not path.exists():
        yield from _absent(path)
        return
    yield _room(path.parent)
    with connect(url, create=False, busy_timeout=_PATIENCE) as storage:
        yield from _readable(storage, path)
        found = list(schema(storage))
        yield from found
        yield from _writable(storage, path)
        if all(check.state == "ok" for check in found):
            with nobody_works(storage, _LEASE) as free:
                holder = None if free else holder_of(path)
            working = f"process {holder.pid} on {holder.host} works on it ({holder.command})" if holder else None
            yield from queue(storage, working)


def _absent(path: Path) -> Iterator[Check]:
    folder = next(parent for parent in (path.parent, *path.parent.parents) if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        yield failed("database", f"there is none at {path}, and {folder} may not be written to", "name another place")
        return
    yield _room(folder)
    yield warning("database", f"there is none at {path}", "`litho extract` makes one")


def _room(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free
    said = f"{free / (1 << 30):,.1f} GB are free beside the database"
    if free < _NO_ROOM:
        return failed("disk", said, "free some space")
    if free < _LITTLE_ROOM:
        return warning("disk", said, "free some space before the next large batch")
    return ok("disk", said)


def _readable(storage: Storage, path: Path) -> Iterator[Check]:
    size = path.stat().st_size
    said = f"{path} can be read ({size / (1 << 20):,.1f} MB)"
    if size > _READ_THROUGH:
        check = f"`sqlite3 {path} 'PRAGMA integrity_check'` reads all of it"
        yield ok("database", f"{said}; it is too large to be read through here: {check}")
        return
    with storage.inspect() as connection:
        found = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one())
    if found == "ok":
        yield ok("database", f"{said} and nothing in it is damaged")
    else:
        yield failed("database", f"{path} is damaged", "keep a copy of it, then put back a backup")


def _writable(storage: Storage, path: Path) -> Iterator[Check]:
    with suppress(_NotKeptError), storage.write(DEFAULT_ORGANIZATION):
        _leave()
    with storage.translated():
        mode = journal_mode(storage.engine)
    if mode != "wal":
        yield warning("writing", f"{path} has no write-ahead log ({mode})", "the next command gives it one")
    else:
        yield ok("writing", "it can be written")
