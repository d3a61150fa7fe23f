"""Prepared statements of one connection, sent together and answered together: what a commit of the journal is made of.

The driver's own pipeline does the same for some five times as much work of this process.
"""

from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING

from lithograph.storage.steps import Steps, Wait, finished

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.pq.abc import PGresult

_TEXT, _BINARY = 0, 1

Rows = Sequence[Sequence[str | None]]


class Pipeline:
    """Takes a connection for good: nothing else may be done with it. Used by one thread at a time.

    A statement names its parameters `$1`, `$2`, ... A text is sent as it is, but for a NUL, which the server cannot
    hold, and which becomes a replacement character; bytes are what the type has as its binary format.
    """

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection  # it must live as long as what is used of it
        self._driver = connection.pgconn
        self._names: dict[str, bytes] = {}
        self._numbers = count()
        self._unsure: list[str] = []
        """Statements that were prepared since the last `sync`: not, where one before them failed."""
        self._sent = 0
        self._driver.enter_pipeline_mode()

    @property
    def server_version(self) -> int:
        """The server's version, as 170004 for 17.4."""
        return self._driver.server_version

    def send(self, statement: str, *parameters: str | bytes | None) -> None:
        """Queue a statement; whether it succeeds is told by `sync`."""
        name = self._names.get(statement)
        if name is None:
            name = self._names[statement] = f"lithograph_{next(self._numbers)}".encode()
            self._unsure.append(statement)
            self._driver.send_prepare(name, statement.encode())
            self._sent += 1
        formats = [_BINARY if isinstance(parameter, bytes) else _TEXT for parameter in parameters]
        self._driver.send_query_prepared(name, [_encoded(parameter) for parameter in parameters], formats)
        self._sent += 1

    def sync(self) -> Sequence[Rows]:
        """Do what `syncing` does, standing still meanwhile."""
        return finished(self.syncing())

    def syncing(self) -> Steps[Sequence[Rows]]:
        """Return the rows that each statement since the last time gave, when all of them are done.

        They are one transaction, where they do not begin and commit one themselves. Raises `psycopg.Error` for the
        first that failed, after which no other was done, or when the connection is lost.
        """
        from psycopg.errors import error_from_result
        from psycopg.pq import ExecStatus

        self._driver.pipeline_sync()
        while self._driver.flush():
            yield Wait(self._driver.socket, writing=True)
            self._driver.consume_input()
        results = []
        while self._sent:
            results.append((yield from self._result()))
            self._sent -= 1
        yield from self._result()  # of the synchronisation itself
        unsure, self._unsure = self._unsure, []
        for result in results:
            if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
                for statement in unsure:
                    del self._names[statement]
                raise error_from_result(result, encoding="utf-8")
        return [_rows(result) for result in results]

    def _result(self) -> "Steps[PGresult]":
        while True:
            while self._driver.is_busy():
                yield Wait(self._driver.socket)
                self._driver.consume_input()
            result = self._driver.get_result()
            if result is not None:  # nothing comes between two statements
                return result


def _encoded(value: str | bytes | None) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    return (value.replace("\0", "\ufffd") if "\0" in value else value).encode()


def _rows(result: "PGresult") -> Rows:
    columns = range(result.nfields)
    return [
        [None if (value := result.get_value(row, column)) is None else value.decode() for column in columns]
        for row in range(result.ntuples)
    ]
