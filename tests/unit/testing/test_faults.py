"""The fault proxy between real sockets, and between psycopg and a real PostgreSQL."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.postgres import Server
from tests.queued import until

from lithograph.errors import UsageError
from lithograph.testing.faults import FaultProxy, target_of

PATIENCE = 10.0


def echo(listening: socket.socket) -> None:
    """Answer every connection with what it says, until it has said all."""

    def answer(connection: socket.socket) -> None:
        with connection:
            try:
                while said := connection.recv(65_536):
                    connection.sendall(said)
            except OSError:
                return

    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


@pytest.fixture(params=["tcp", "unix"])
def proxy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FaultProxy]:
    """A proxy to a server that repeats what it hears."""
    if request.param == "tcp":
        listening = socket.create_server(("127.0.0.1", 0))
        target: tuple[str, int] | Path = ("127.0.0.1", listening.getsockname()[1])
    else:
        target = tmp_path / "socket"
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(target))
        listening.listen()
    threading.Thread(target=echo, args=(listening,), daemon=True).start()
    with FaultProxy(target, seed=7) as running:
        yield running
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


def connected(proxy: FaultProxy) -> socket.socket:
    return socket.create_connection(proxy.address, PATIENCE)


def read(connection: socket.socket, count: int) -> bytes:
    """Return what comes, at most `count` bytes; less when the connection ends before."""
    said = b""
    try:
        while len(said) < count and (more := connection.recv(65_536)):
            said += more
    except ConnectionError:
        pass
    return said


def heard_of(proxy: FaultProxy) -> bytes:
    """Return what comes over a new connection, which may be reset before it is known to be there."""
    try:
        with connected(proxy) as connection:
            return read(connection, 1)
    except ConnectionError:
        return b""


def test_everything_passes_both_ways_and_so_does_the_end(proxy: FaultProxy) -> None:
    said = bytes(range(256)) * 4_000
    with connected(proxy) as connection:
        threading.Thread(target=connection.sendall, args=(said,), daemon=True).start()
        assert read(connection, len(said)) == said
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    until(lambda: proxy.connections == 0)


def test_a_cut_ends_every_connection_and_the_next_one_is_whole(proxy: FaultProxy) -> None:
    with connected(proxy) as one, connected(proxy) as other:
        until(lambda: proxy.connections == 2)
        assert proxy.cut() == 2
        assert read(one, 1) == read(other, 1) == b""
    with connected(proxy) as third:
        third.sendall(b"whole")
        assert read(third, 5) == b"whole"


def test_connections_are_cut_after_some_bytes_and_not_before(proxy: FaultProxy) -> None:
    def repeated(count: int) -> int:
        """Return how much of what is said, a piece at a time, comes back."""
        with connected(proxy) as connection:
            for number in range(0, count, 50):
                try:
                    connection.sendall(b"x" * 50)
                except ConnectionError:
                    return number
                if len(read(connection, 50)) < 50:
                    return number
        return count

    proxy.cut_after(1_000)
    passed = [repeated(2_000) for _ in range(5)]
    assert all(count < 500 for count in passed)  # both ways count
    assert len(set(passed)) > 1
    proxy.cut_after(None)
    assert repeated(2_000) == 2_000


def test_with_answers_it_is_never_what_was_said_that_is_lost() -> None:
    heard = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                while said := read(connection, 10):
                    heard.extend(said)
                    connection.sendall(b"yes")

        threading.Thread(target=answer, daemon=True).start()
        with FaultProxy(("127.0.0.1", listening.getsockname()[1]), seed=7) as proxy:
            proxy.cut_after(300, answers=True)
            answered = 0
            with connected(proxy) as connection:
                for _ in range(100):
                    connection.sendall(b"x" * 10)
                    if read(connection, 3) != b"yes":
                        break
                    answered += 1
    assert 0 < answered < 100
    assert len(heard) == 10 * (answered + 1)


def test_new_connections_are_refused_while_those_there_are_stay(proxy: FaultProxy) -> None:
    with connected(proxy) as old:
        until(lambda: proxy.connections == 1)
        proxy.refuse()
        assert heard_of(proxy) == b""
        assert proxy.refused == 1
        old.sendall(b"still")
        assert read(old, 5) == b"still"
        proxy.refuse(False)
        with connected(proxy) as new:
            new.sendall(b"again")
            assert read(new, 5) == b"again"


def test_what_is_delayed_comes_later_and_in_order(proxy: FaultProxy) -> None:
    proxy.delay(0.05)
    with connected(proxy) as connection:
        for number in range(10):
            connection.sendall(b"%d" % number)
        connection.settimeout(0.02)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(PATIENCE)
        assert read(connection, 10) == b"0123456789"


def test_a_target_that_does_not_answer_is_a_reset(tmp_path: Path) -> None:
    with FaultProxy(tmp_path / "nobody") as proxy:
        assert heard_of(proxy) == b""


def test_a_port_that_is_taken_is_said_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port}"), FaultProxy(("127.0.0.1", 1), port=port):
            pass


def test_postgresql_is_spoken_to_through_it_and_notices_a_cut(postgres: Server) -> None:
    with FaultProxy(target_of(postgres.url)) as proxy:
        with psycopg.connect(proxy.url(postgres.url)) as connection:
            assert connection.execute("SELECT 7").fetchone() == (7,)
            assert connection.info.host == "127.0.0.1"
            proxy.cut()
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 7")
        with psycopg.connect(proxy.url(postgres.url)) as connection:
            assert connection.execute("SELECT 8").fetchone() == (8,)


def test_urls_say_where_a_server_listens() -> None:
    assert target_of("postgresql://postgres:@/db?host=/run/db&port=6000") == Path("/run/db/.s.PGSQL.6000")
    assert target_of("postgresql://user:secret@example.org/db") == ("example.org", 5432)
    for wrong in ("postgresql:///db", "nonsense", "postgresql:///db?host=one&host=two"):
        with pytest.raises(UsageError):
            target_of(wrong)
