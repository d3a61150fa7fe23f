"""How requests are sent: in one piece, over real sockets."""

import shutil
import socketserver
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import httpcore2
import httpx2
import pytest
from tests.chats import deaf, nobody, request

from lithograph.errors import UnreachableError
from lithograph.models.endpoint import http_client
from lithograph.models.openai import OpenAIChat
from lithograph.models.transport import OnePieceBackend, OnePieceStream

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
READ = 65_536
OFTEN = 50
"""Requests of which one in two pieces would be seen as two: whether it is depends on who is quicker."""
NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


class Listening(socketserver.BaseRequestHandler):
    """Answers every piece that comes, and keeps it."""

    def handle(self) -> None:
        while piece := self.request.recv(READ):
            self.server.pieces.append(piece)  # type: ignore[attr-defined]  # it is the server below
            self.request.sendall(ANSWER)


@contextmanager
def listening(certificate: Path | None = None) -> Iterator[tuple[str, list[bytes]]]:
    """Give the address of a server, and the pieces that it gets: each as soon as it has come.

    With a `certificate`, and its key in the same file, what comes is encrypted, and each record is a piece.
    """
    pieces: list[bytes] = []
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Listening) as server:
        server.pieces = pieces  # type: ignore[attr-defined]
        server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield "{}://{}:{}".format("https" if certificate else "http", *server.server_address), pieces
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def test_head_and_body_come_as_one_piece_and_the_connection_is_kept() -> None:
    bodies = [b"%d" % number for number in range(OFTEN)]
    with listening() as (url, pieces):
        async with http_client() as client:
            for body in bodies:
                answer = await client.post(url, content=body)
                assert (answer.status_code, answer.content) == (200, b"ok")
    assert [piece.partition(b"\r\n\r\n")[2] for piece in pieces] == bodies
    assert all(piece.startswith(b"POST / HTTP/1.1\r\n") for piece in pieces)


async def test_encrypted_they_are_one_record_for_a_server_whose_certificate_is_trusted(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening(certificate) as (url, pieces):
        async with http_client() as stranger:
            with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await stranger.post(url, content=b"body")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        async with http_client() as client:
            for _ in range(2):
                assert (await client.post(url, content=b"body")).content == b"ok"
    assert [piece.partition(b"\r\n\r\n")[2] for piece in pieces] == [b"body"] * 2


async def test_where_the_environment_names_a_proxy_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as (url, pieces):
        monkeypatch.setenv("http_proxy", url)
        async with http_client() as client:
            assert (await client.post("http://models.invalid/v1", content=b"body")).content == b"ok"
    assert b"".join(pieces).startswith(b"POST http://models.invalid/v1 HTTP/1.1\r\n")


async def test_an_error_says_that_there_was_a_proxy_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as (url, _), nobody() as nowhere:
        monkeypatch.setenv("http_proxy", nowhere)
        chat = OpenAIChat("m", key="sk-any", base_url=url)
        with pytest.raises(UnreachableError, match=r"refused \(it was asked through the environment's proxy"):
            await chat.send(request(), deaf)
        await chat.aclose()
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        chat = OpenAIChat("m", key="sk-any", base_url=nowhere)
        with pytest.raises(UnreachableError, match=r"connection refused$"):
            await chat.send(request(), deaf)
        await chat.aclose()


async def test_who_is_not_there_is_told_in_the_words_of_httpx() -> None:
    with listening() as (url, _):
        pass
    async with http_client() as client:
        with pytest.raises(httpx2.ConnectError):
            await client.post(url, content=b"body")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for this machine that signs itself, with its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate")
    made, curve = tmp_path / "both.pem", ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    said = ("-subj", "/CN=here", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
    command = [openssl, "req", "-x509", *curve, *said, "-keyout", str(made), "-out", str(tmp_path / "certificate.pem")]
    subprocess.run(command, check=True, capture_output=True)
    made.write_bytes(made.read_bytes() + (tmp_path / "certificate.pem").read_bytes())
    return made


class Wire(httpcore2.AsyncNetworkStream):
    """A connection on which nothing can be sent; what comes is `answer`."""

    def __init__(self, answer: bytes = b"") -> None:
        self.answer, self.sent, self.closed = answer, list[bytes](), False

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        self.sent.append(buffer)
        raise httpcore2.WriteError("the connection was reset")

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        if not self.answer:
            raise httpcore2.ReadError("the connection was reset")
        came, self.answer = self.answer[:max_bytes], self.answer[max_bytes:]
        return came

    async def aclose(self) -> None:
        self.closed = True


class Wired(httpcore2.AsyncNetworkBackend):
    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    async def connect_tcp(self, *_: Any, **__: Any) -> httpcore2.AsyncNetworkStream:
        return self.wire


async def asked(wire: Wire) -> int:
    """Return the status of the answer to a request over a wire."""
    async with httpcore2.AsyncConnectionPool(network_backend=OnePieceBackend(Wired(wire))) as pool:
        return (await pool.request("POST", "http://models.invalid/v1", content=b"body")).status


async def test_an_answer_to_what_could_not_be_sent_is_heard_all_the_same() -> None:
    wire = Wire(TOO_LARGE)
    assert await asked(wire) == 413
    assert len(wire.sent) == 1


async def test_without_an_answer_a_request_that_could_not_be_sent_fails_and_the_connection_is_closed() -> None:
    wire = Wire()
    with pytest.raises(httpcore2.ReadError):
        await asked(wire)
    assert wire.closed


async def test_what_is_written_to_a_connection_that_is_closed_before_it_is_read_from_is_not_sent() -> None:
    wire = Wire()
    stream = OnePieceStream(wire)
    await stream.write(b"head")
    await stream.aclose()
    assert (wire.sent, wire.closed) == ([], True)
