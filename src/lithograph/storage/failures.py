"""What becomes of a database's errors: one sentence that names the file and says what to do."""

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lithograph.errors import StorageError

_NO_ROOM: Final = 1 << 20
"""Bytes. With less than this free, an error of the disk is put down to the disk being full."""

_FULL = (
    "{name} could not be written, since the disk is full; free some space and run the same command again, "
    "nothing that was finished is lost"
)
_READ_ONLY = (
    "{name} could not be written, since the file, its folder or its disk is read-only; make it writable, "
    "or name another database"
)
_LOCKED = (
    "{name} has been locked by another process for too long; wait for that process or end it, and run the same command "
    "again"
)
_NO_DATABASE = "{name} is not an SQLite database; name another file"
_DAMAGED = (
    "{name} is damaged; keep a copy of it, then put back a backup, or save what can be read with "
    "sqlite3's command .recover"
)
_DISK = (
    "{name} could not be read or written, since its disk reported an error; check the disk and run the same command "
    "again, nothing that was finished is lost"
)
_CLOSED = (
    "{name} cannot be opened; check that its folder exists, that you may read and write there, "
    "and that not too many files are open"
)
_FORBIDDEN = "{name} may not be used by this user; ask for the right to read and write it, or name another database"
_REPLACED = "{name} was moved, replaced or deleted while it was in use; put it back and run the same command again"

_SQLITE: Final = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_PROTOCOL: _LOCKED,
    sqlite3.SQLITE_NOTADB: _NO_DATABASE,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_IOERR: _DISK,
    sqlite3.SQLITE_CANTOPEN: _CLOSED,
    sqlite3.SQLITE_PERM: _FORBIDDEN,
}
"""By primary result code. The others are mistakes of ours, or constraints that a caller counts on; they stay."""

_MOVED: Final = sqlite3.SQLITE_READONLY_DBMOVED

_SYSTEM: Final = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EIO: _DISK,
    errno.ENOENT: _REPLACED,
    errno.EMFILE: _CLOSED,
    errno.ENFILE: _CLOSED,
}

_POSTGRESQL: Final = {
    "53100": "{name} could not be written, since the server's disk is full; free some space there and run the same "
    "command again, nothing that was finished is lost",
    "53300": "{name} has no connection left; close some, raise max_connections, or try again later",
    "42501": "{name} may not be used by its user ({reason}); have whoever set it up run "
    "GRANT lithograph_app, lithograph_worker TO that user",
    "25P03": "{name} has ended a transaction in which this process stood still; run the same command again",
    "25P04": "{name} has ended a transaction that took too long; run the same command again",
    "25006": "{name} takes no writes, since it is a standby or read-only; name the primary server",
}
_UNREACHABLE = (
    "{name} cannot be used at the moment ({reason}); check the server, the name and the password, and try again"
)
_BUSY = "{name} is too busy at the moment ({reason}); run the same command again, nothing that was finished is lost"

_SERVER: Final = {
    "08": _UNREACHABLE,
    "28": _UNREACHABLE,
    "40": _BUSY,
    "53": _BUSY,
    "55": _BUSY,
    "57": _UNREACHABLE,
    "58": _UNREACHABLE,
}
"""By class of state. The others are mistakes of ours, or constraints that a caller counts on."""

_BROKEN_POLICY: Final = "ExecWithCheckOptions"
"""Where the server refuses a row of another organisation: that is a mistake of ours, and nobody's missing right."""


@contextmanager
def translated(name: Path | str) -> Iterator[None]:
    """Raise `StorageError` for what a database or the disk under it raises; `name` is what the sentence calls it.

    Understands `sqlite3`'s and psycopg's errors and SQLAlchemy's around them. Errors that tell of a mistake in a
    statement or of a violated constraint pass unchanged, and so does what has nothing to do with a database.
    """
    try:
        yield
    except Exception as error:
        sentence = _sentence(error, name)
        if sentence is None:
            raise
        raise StorageError(sentence) from error


def _sentence(error: Exception, name: Path | str) -> str | None:
    """Return what is to be said about `error`, or None when it is not the database's fault."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, sqlite3.Error):
        return _from_sqlite(cause, name)
    if isinstance(cause, OSError):
        return _from_system(cause, name)
    if cause is not error or type(error).__module__.startswith("psycopg"):
        return _from_server(cause, name)
    return _from_pool(error, name)


def _from_sqlite(error: sqlite3.Error, name: Path | str) -> str | None:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    if code == _MOVED:
        return _REPLACED.format(name=name)
    template = _SQLITE.get(code & 0xFF)
    if template in (_DISK, _CLOSED) and _is_full(name):
        template = _FULL
    if template == _CLOSED and _is_read_only(name):
        template = _READ_ONLY
    return template and template.format(name=name)


def _from_system(error: OSError, name: Path | str) -> str | None:
    """An error that names another file, a document perhaps, is not the database's."""
    if error.filename is not None:
        theirs, ours = str(error.filename), str(name)
        if not (theirs.startswith(ours) or ours.startswith(theirs)):
            return None
    template = _SYSTEM.get(error.errno or 0)
    return template and template.format(name=name)


def _from_server(error: BaseException, name: Path | str) -> str | None:
    """psycopg's: no state at all means that the server was not reached."""
    state: str | None = getattr(error, "sqlstate", None)
    if state is None:
        template = _UNREACHABLE if any(base.__name__ == "OperationalError" for base in type(error).__mro__) else None
    elif getattr(getattr(error, "diag", None), "source_function", None) == _BROKEN_POLICY:
        template = None
    else:
        template = _POSTGRESQL.get(state) or _SERVER.get(state[:2])
    lines = str(error).strip().splitlines()
    return template and template.format(name=name, reason=lines[0] if lines else type(error).__name__)


def _from_pool(error: Exception, name: Path | str) -> str | None:
    """SQLAlchemy's pool gave up waiting for one of its own connections."""
    from sqlalchemy.exc import TimeoutError as PoolTimeout

    if isinstance(error, PoolTimeout):
        return f"{name} has had no connection free for too long; do less at once, and run the same command again"
    return None


def _is_full(name: Path | str) -> bool:
    """Some calls of SQLite report a full disk as an error of the disk: growing its shared memory is one."""
    try:
        return shutil.disk_usage(Path(name).parent).free < _NO_ROOM
    except OSError:
        return False


def _is_read_only(name: Path | str) -> bool:
    """A database with a write-ahead log cannot even be opened on a disk that takes no writes."""
    try:
        return bool(os.statvfs(Path(name).parent).f_flag & os.ST_RDONLY)
    except OSError:
        return False
