"""Prepared statements of one connection, sent together and answered together: what a commit of the journal is made of.

The driver's own pipeline does the same for some five times as much work of this process.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from lithograph.storage.steps import TURN, Steps, Wait, finished

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.pq.abc import PGresult

_TEXT, _BINARY = 0, 1

Rows = Sequence[Sequence[str | None]]


@dataclass(eq=False, slots=True)
class Message:
    """Statements that are sent together: how many answers are expected, and what there is of them."""

    expected: int = 0
    prepared: dict[str, bytes] = field(default_factory=dict)
    """Statements that it prepares. Where one before them fails, they are not."""
    results: "list[PGresult] | None" = None


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
        self._message = Message()
        self._unanswered: deque[Message] = deque()
        self._driver.enter_pipeline_mode()

    @property
    def server_version(self) -> int:
        """The server's version, as 170004 for 17.4."""
        return self._driver.server_version

    def send(self, statement: str, *parameters: str | bytes | None) -> None:
        """Add a statement to the message; whether it succeeds is told by its answer."""
        message = self._message
        name = self._names.get(statement) or message.prepared.get(statement)
        if name is None:
            name = message.prepared[statement] = f"lithograph_{next(self._numbers)}".encode()
            self._driver.send_prepare(name, statement.encode())
            message.expected += 1
        formats = [_BINARY if isinstance(parameter, bytes) else _TEXT for parameter in parameters]
        self._driver.send_query_prepared(name, [_encoded(parameter) for parameter in parameters], formats)
        message.expected += 1

    def put(self) -> Steps[Message]:
        """Send the message; the next one may be put before it is answered."""
        message, self._message = self._message, Message()
        self._unanswered.append(message)
        self._driver.pipeline_sync()
        while self._driver.flush():
            yield TURN  # whoever waits for an answer to the message before reads, and sends what is left of this one
            yield Wait(self._driver.socket, writing=True)
            self._driver.consume_input()
        return message

    def get(self, message: Message) -> Steps[Sequence[Rows]]:
        """Return the rows that each statement of a message gave, when all of them are done.

        They are one transaction, where they do not begin and commit one themselves. Raises `psycopg.Error` for the
        first that failed, after which no other was done, or when the connection is lost.
        """
        from psycopg.errors import error_from_result
        from psycopg.pq import ExecStatus

        while message.results is None:
            yield from self._read(self._unanswered[0])
        for result in message.results:
            if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
                raise error_from_result(result, encoding="utf-8")
        self._names |= message.prepared
        return [_rows(result) for result in message.results]

    def syncing(self) -> Steps[Sequence[Rows]]:
        """Send the message and return its answer, as `get` does."""
        return (yield from self.get((yield from self.put())))

    def sync(self) -> Sequence[Rows]:
        """Do so, standing still meanwhile."""
        return finished(self.syncing())

    def _read(self, first: Message) -> Steps[None]:
        results: list[PGresult] = []
        while len(results) < first.expected:
            results.append((yield from self._result()))
        yield from self._result()  # of the synchronisation itself
        self._unanswered.popleft()
        first.results = results

    def _result(self) -> "Steps[PGresult]":
        from psycopg import OperationalError
        from psycopg.pq import ConnStatus

        while True:
            while self._driver.is_busy():
                yield Wait(self._driver.socket)
                self._driver.consume_input()
            result = self._driver.get_result()
            if result is not None:  # nothing comes between two statements
                return result
            if self._driver.status != ConnStatus.OK:
                raise OperationalError("the connection is closed")


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
