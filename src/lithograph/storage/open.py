"""Opening a database: a URL in, a `Storage` out, its folder, file and schema made or brought up to date on the way."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Final, Literal, Self, TypeVar

from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, OperationalError

from lithograph.domain.ids import OrganizationId
from lithograph.errors import StorageError, UsageError
from lithograph.storage.failures import translated
from lithograph.storage.revision import HEAD, revision_of
from lithograph.storage.sqlite import BEGIN, journal_mode, set_query_only, sqlite_engine
from lithograph.storage.tenancy import act_for

BUSY_TIMEOUT: Final = 5.0
"""Seconds that a connection waits for a lock which another process holds."""

_AGAIN: Final = 0.2
"""Seconds between two tries to reach a server."""

T = TypeVar("T")
Dialect = Literal["sqlite", "postgresql"]

_FORMS = "write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"


class Storage:
    """A database and how to use it. Safe to share between threads; a context manager that closes it at the end."""

    def __init__(self, url: str, dialect: Dialect, path: Path | None, engine: Engine, patience: float = 0.0) -> None:
        self.url = url
        """As it was given: it may hold a password, so show `name` instead."""
        self.dialect: Dialect = dialect
        self.path = path
        """The file; None on a server."""
        self.engine = engine
        self.patience = patience
        """Seconds that `read` and `write` wait for a server that cannot be reached: a restart takes a few."""
        self.writing = Lock()
        """Held by who writes to a file: in one process they queue up here, where SQLite has them sleep and look."""
        self.name = str(path) if path else make_url(url).render_as_string(hide_password=True)
        """What messages call it: the file, or the URL without its password."""

    def __repr__(self) -> str:
        return f"Storage({self.name!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Raise one clear `StorageError` for what the database raises inside; see `failures.translated`."""
        with translated(self.path or self.name):
            yield

    @contextmanager
    def read(self, organization_id: OrganizationId) -> Iterator[Connection]:
        """Give a connection that sees one state of the database throughout and can write nothing.

        A server shows it the rows of that organisation only; in a file there is nobody to be kept apart. Raises
        `StorageError`.
        """
        with self.translated(), self._connected() as connection:
            if self.dialect == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                with connection.begin():
                    act_for(connection, organization_id, writing=False)
                    yield connection
                return
            set_query_only(connection, True)
            try:
                with connection.begin():
                    yield connection
            finally:
                set_query_only(connection, False)

    def ask(self, organization_id: OrganizationId | None, question: Callable[[Connection], T]) -> T:
        """Return what `question` finds on a connection as `read` gives it, or `inspect` where there is no organisation.

        It is asked again, for `patience` seconds, when the connection is lost: that makes no difference.
        """
        until = time.monotonic() + self.patience
        while True:
            try:
                with self.read(organization_id) if organization_id else self.inspect() as connection:
                    return question(connection)
            except StorageError:
                if self.dialect == "sqlite" or time.monotonic() >= until:
                    raise
                time.sleep(_AGAIN)

    @contextmanager
    def write(self, organization_id: OrganizationId) -> Iterator[Connection]:
        """Give a connection in a transaction that is committed at the end, or rolled back when an error leaves it.

        On SQLite it holds the only write lock from the start, so that what it reads stays true until it commits. A
        server lets it see and write the rows of that organisation only. Raises `StorageError`.
        """
        with self.translated(), self._alone(), self._connected() as connection:
            if self.dialect == "sqlite":
                connection.execution_options(**{BEGIN: "IMMEDIATE"})
            with connection.begin():
                if self.dialect == "postgresql":
                    act_for(connection, organization_id, writing=True)
                yield connection

    @contextmanager
    def inspect(self) -> Iterator[Connection]:
        """Give a connection for what belongs to no organisation: which schema there is, who the organisations are.

        It has the rights of the user in the URL. A server that is away is not waited for: clocks ask this way. Raises
        `StorageError`.
        """
        with self.translated(), self.engine.connect() as connection, connection.begin():
            yield connection

    def _alone(self) -> AbstractContextManager[object]:
        return self.writing if self.dialect == "sqlite" else nullcontext()

    def _connected(self) -> Connection:
        """Return a connection on which nothing has been done, so that it makes no difference how often it was tried."""
        until = time.monotonic() + self.patience
        while True:
            try:
                return self.engine.connect()
            except OperationalError:
                if self.dialect == "sqlite" or time.monotonic() >= until:
                    raise
                time.sleep(_AGAIN)

    def close(self) -> None:
        """Close the connections that nobody uses. It may be used again afterwards, and opens them anew."""
        self.engine.dispose()


def open_storage(
    url: str, *, create: bool = True, busy_timeout: float = BUSY_TIMEOUT, patience: float = 0.0
) -> Storage:
    """Return the database at `url`, its schema up to date.

    A missing SQLite file is made, with its folder, which only its owner may enter; without `create` it is an error.
    `busy_timeout` and `patience` are seconds to wait: for a lock on a file, and for a server that cannot be reached,
    now and later whenever a transaction begins. Raises `UsageError` when the URL cannot be used or the database was
    written by a newer Lithograph or by something else, `StorageError` when it cannot be read or written now.
    """
    storage = connect(url, create=create, busy_timeout=busy_timeout, patience=patience)
    try:
        if not is_current(storage):
            # Alembic takes a quarter of a second to import: only where there is something to do.
            from lithograph.storage.migrate import migrate

            migrate(storage)
    except BaseException:
        storage.close()
        raise
    return storage


def connect(url: str, *, create: bool = True, busy_timeout: float = BUSY_TIMEOUT, patience: float = 0.0) -> Storage:
    """Return the database at `url` with whatever schema it has, perhaps none; see `open_storage`."""
    parsed = _parse(url)
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        from lithograph.storage.postgres import postgres_engine

        return Storage(url, "postgresql", None, postgres_engine(parsed), patience)
    if parsed.drivername != "sqlite":
        raise UsageError(f"{parsed.drivername} is not a database that Lithograph knows; {_FORMS}")
    path = _path(parsed)
    if create:
        _make_folder(path.parent)
    elif not path.exists():
        raise UsageError(f"there is no database at {path}; `litho extract` makes one, or name another with --db")
    return Storage(url, "sqlite", path, sqlite_engine(path, busy_timeout=busy_timeout))


def is_current(storage: Storage) -> bool:
    """Return whether the schema is the one that this Lithograph works with. Raises as `open_storage` does."""
    with storage.translated():
        if storage.dialect == "sqlite" and journal_mode(storage.engine) != "wal":
            return False
    return storage.ask(None, lambda connection: revision_of(connection, storage.name)) == HEAD


def _parse(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        # A URL that is not understood may hold a password anywhere; only a bare file name is safe to repeat.
        said = "the database URL cannot be understood" if "://" in url or "@" in url else f"{url} is not a database URL"
        raise UsageError(f"{said}; {_FORMS}") from None


def _path(url: URL) -> Path:
    if url.host or url.query:
        raise UsageError("an SQLite URL holds a file and nothing else; write sqlite:///FILE, with three slashes")
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise UsageError("a database needs a file to be kept in; write sqlite:///FILE")
    path = Path(url.database)
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file in it")
    return path


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    try:
        with translated(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot be made ({error.strerror}); name another place") from error
