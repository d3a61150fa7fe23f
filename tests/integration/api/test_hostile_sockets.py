"""What no client would send, byte by byte over a socket: slow requests, ambiguous ones, paths that lead out.

The server hangs up on them, and goes on answering others meanwhile.
"""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import insert, select, update
from tests.api import DEADLINE, Api, Tenant, defects, served, tenant

from lithograph.api import serving
from lithograph.domain.document import Document
from lithograph.durable.clock import timestamp
from lithograph.storage.open import Storage, open_storage
from lithograph.storage.schema import workflow_event, workflow_execution

SLOW = 200
"""Connections that say next to nothing."""
PATIENCE = 1.5
"""Seconds that the server waits here for a head, for a body, and for somebody to read."""


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    with open_storage(f"sqlite:///{tmp_path_factory.mktemp('sockets')}/graph.db") as opened:
        yield opened


@pytest.fixture(scope="module")
def api(storage: Storage) -> Iterator[Api]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(serving, "_HEAD_SECONDS", PATIENCE)
        patched.setattr(serving, "_READ_SECONDS", PATIENCE)
        with served(storage, body_seconds=PATIENCE, body_bytes=20_000) as running:
            yield running


@pytest.fixture(scope="module")
def mine(api: Api) -> Tenant:
    return tenant(api, "mine")


@pytest.fixture(autouse=True)
def no_defects(caplog: pytest.LogCaptureFixture, api: Api) -> Iterator[None]:
    yield
    assert defects(caplog) == []
    assert api.alive()


def opened(api: Api, sent: bytes = b"") -> socket.socket:
    """Return a connection on which this was said."""
    made = socket.create_connection((api.host, api.port), timeout=DEADLINE)
    made.sendall(sent)
    return made


def answered(connection: socket.socket) -> bytes:
    """Return all that is said until the server hangs up."""
    found = b""
    while True:
        try:
            more = connection.recv(65_536)
        except ConnectionError:
            return found
        if not more:
            return found
        found += more


def asked(api: Api, request: bytes) -> bytes:
    """Return what is said to a request, after which the connection is to be closed."""
    with closing(opened(api, request)) as connection:
        return answered(connection)


def head(line: str, mine: Tenant, *more: str) -> bytes:
    lines = [line, "Host: 127.0.0.1", f"Authorization: Bearer {mine.admin}", "Connection: close", *more]
    return "\r\n".join(lines).encode("latin-1")


def drip(connections: list[socket.socket], byte: bytes) -> list[socket.socket]:
    """Send one more byte on each connection; return those that are still open."""
    alive = []
    for connection in connections:
        try:
            connection.sendall(byte)
        except OSError:
            continue
        alive.append(connection)
    return alive


SLOW_ONES = {
    "head": b"GET /v1/me HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
    "nothing": b"",
    "body": b"POST /v1/keys HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer KEY\r\n"
    b"Content-Type: application/json\r\nContent-Length: 10000\r\n\r\n{",
    "chunks": b"POST /v1/documents HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer KEY\r\n"
    b"Content-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n--b\r\n",
    "a body nobody may send": b"POST /v1/keys HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Type: application/json\r\nContent-Length: 10000\r\n\r\n{",
}


@pytest.mark.parametrize("what", SLOW_ONES)
def test_who_says_next_to_nothing_keeps_nobody_waiting_and_is_hung_up_on(what: str, api: Api, mine: Tenant) -> None:
    begun = SLOW_ONES[what].replace(b"KEY", mine.admin.encode())
    byte = {"nothing": b"", "chunks": b"1\r\na\r\n"}.get(what, b"a")
    with ExitStack() as stack, api.client(mine.admin) as client:
        slow = [stack.enter_context(closing(opened(api, begun))) for _ in range(SLOW)]
        for connection in slow:
            connection.settimeout(DEADLINE)
        end = time.monotonic() + DEADLINE
        served_meanwhile = 0
        while slow and byte and time.monotonic() < end:
            slow = drip(slow, byte)
            assert client.get("/v1/executions").status_code == 200
            served_meanwhile += 1
        assert byte == b"" or not slow, f"{len(slow)} connections are still open"
        for connection in slow:
            assert answered(connection) == b"" or what == "body"
        assert client.get("/v1/graph/entities").status_code == 200
        assert served_meanwhile or not byte


@pytest.fixture(scope="module")
def large(mine: Tenant) -> str:
    """The path of a text that no socket has room for."""
    text = "Ada Byron works for Blue Harbour. " * 200_000
    document = Document.from_text(text, source="large.txt", organization_id=mine.organization_id)
    mine.workspace.keep_document(document)
    return f"/v1/documents/{document.id}/text"


def narrow(api: Api, sent: bytes) -> socket.socket:
    """Return a connection through which little comes at a time."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    made.settimeout(DEADLINE)
    made.connect((api.host, api.port))
    made.sendall(sent)
    return made


@pytest.fixture(scope="module")
def talkative(storage: Storage, mine: Tenant) -> str:
    """The path of more events than any socket has room for."""
    event = {"type": "entity.found", "payload": {"label": "Ada Byron " * 200}, "created_at": timestamp(0)}
    of = {"organization_id": mine.organization_id, "execution_id": mine.done.id}
    last, this = workflow_execution.c.last_seq, workflow_execution.c.id == mine.done.id
    with storage.write(mine.organization_id) as connection:
        seen = connection.execute(select(last).where(this)).scalar_one()
        rows = [{**of, **event, "seq": seen + 1 + number} for number in range(4_000)]
        connection.execute(insert(workflow_event), rows)
        connection.execute(update(workflow_execution).where(this).values(last_seq=seen + len(rows)))
    return f"/v1/executions/{mine.done.id}/events"


@pytest.mark.parametrize("what", ["a text", "events"])
def test_who_reads_nothing_keeps_nobody_waiting_and_is_hung_up_on(
    what: str, api: Api, mine: Tenant, large: str, talkative: str
) -> None:
    path = large if what == "a text" else talkative
    request = head(f"GET {path} HTTP/1.1", mine).replace(b"Connection: close", b"X: y") + b"\r\n\r\n"
    with ExitStack() as stack, api.client(mine.admin) as client:
        idle = [stack.enter_context(closing(narrow(api, request))) for _ in range(20)]
        end = time.monotonic() + DEADLINE
        while idle and time.monotonic() < end:
            assert client.get("/v1/me").status_code == 200
            idle = drip(idle, b"\r\n")
        assert not idle, f"{len(idle)} connections are still open"


def test_who_reads_slowly_gets_it_all(api: Api, mine: Tenant, large: str) -> None:
    request = head(f"GET {large} HTTP/1.1", mine).replace(b"Connection: close", b"X: y") + b"\r\n\r\n"
    with closing(narrow(api, request)) as connection:
        found = connection.recv(65_536)
        begin, _, body = found.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", begin)
        assert length is not None
        wanted, received, begun = int(length[1]), len(body), time.monotonic()
        while received < wanted:
            more = connection.recv(65_536)
            assert more, f"{received:,} of {wanted:,} bytes came, in {time.monotonic() - begun:.1f} seconds"
            received += len(more)
            # As slowly as that it takes longer than the server waits for anybody.
            time.sleep(max(0.0, begun + 3 * PATIENCE * received / wanted - time.monotonic()))
        assert received == wanted


def test_who_hangs_up_in_the_middle_leaves_nothing_behind(api: Api, mine: Tenant) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nHalf of'
    for sent in (
        b"GET /v1/me HT",
        head("POST /v1/keys HTTP/1.1", mine, "Content-Length: 100", "Content-Type: application/json") + b"\r\n\r\n{",
        head(
            "POST /v1/documents HTTP/1.1",
            mine,
            "Content-Length: 10000",
            "Content-Type: multipart/form-data; boundary=b",
        )
        + b"\r\n\r\n"
        + body,
        head(f"GET /v1/executions/{mine.pending.id}/events HTTP/1.1", mine) + b"\r\n\r\n",
    ):
        for _ in range(20):
            opened(api, sent).close()
    with api.client(mine.admin) as client:
        assert "Half of" not in client.get("/v1/documents").text
        assert client.get("/v1/keys").status_code == 200


AMBIGUOUS = {
    "two lengths": ["Content-Length: 2", "Content-Length: 20"],
    "a length and chunks": ["Content-Length: 2", "Transfer-Encoding: chunked"],
    "a negative length": ["Content-Length: -1"],
    "a length that is none": ["Content-Length: 0x10"],
    "a list of lengths": ["Content-Length: 2, 20"],
    "a signed length": ["Content-Length: +2"],
    "a huge length": ["Content-Length: " + "9" * 100],
    "an unknown encoding": ["Transfer-Encoding: gzip"],
    "chunks twice": ["Transfer-Encoding: chunked, chunked"],
    "odd chunks": ["Transfer-Encoding: xchunked"],
    "a folded header": ["X: a", " b"],
    "a space before the colon": ["Content-Length : 2"],
    "a header without a colon": ["What"],
    "a NUL": ["X: a\0b"],
    "a bare return": ["X: a\rb: c"],
    "many headers": [f"X-{n}: {'y' * 50}" for n in range(5_000)],
    "a long header": ["X: " + "y" * 200_000],
    "two hosts": ["Host: localhost"],
}


@pytest.mark.parametrize("what", AMBIGUOUS)
def test_what_can_be_read_in_two_ways_is_not_read(what: str, api: Api, mine: Tenant) -> None:
    smuggled = head("DELETE /v1/keys/key_000000000000 HTTP/1.1", mine) + b"\r\n\r\n"
    begun = head("POST /v1/keys HTTP/1.1", mine, "Content-Type: application/json", *AMBIGUOUS[what])
    with api.client(mine.admin) as client:
        before = client.get("/v1/keys").text
        said = asked(api, begun + b"\r\n\r\n{}" + smuggled)
        assert said == b"" or re.match(rb"HTTP/1\.1 (4\d\d|501)", said), said[:200]
        assert said.count(b"HTTP/1.1 ") <= 1
        assert client.get("/v1/keys").text == before


NOT_HTTP = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET\r\n\r\n",
    b"\r\n\r\n\r\n\r\n",
    b"G" * 200_000,
    b"SSH-2.0-x\r\n",
    bytes(10_000),
    b"GET http://169.254.169.254/latest HTTP/1.1\r\nHost: 169.254.169.254\r\nConnection: close\r\n\r\n",
    b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /v1/me HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n",
]


@pytest.mark.parametrize("sent", NOT_HTTP, ids=range(len(NOT_HTTP)))
def test_what_is_not_for_this_server_is_refused(sent: bytes, api: Api) -> None:
    said = asked(api, sent)
    assert said == b"" or re.match(rb"HTTP/1\.1 4\d\d", said), said[:200]


PATHS = [
    "/../../../../etc/passwd",
    "/v1/../../../etc/passwd",
    "/v1/documents/../../../../etc/passwd",
    "/v1/documents/..%2f..%2f..%2fetc%2fpasswd",
    "/v1/documents/..%252f..%252fetc%252fpasswd/text",
    "/v1/documents/%2e%2e/%2e%2e/etc/passwd",
    "/v1/documents/%00",
    "/v1/documents/a%00b/text",
    "/v1/documents/\\..\\..\\etc\\passwd",
    "/v1/executions/%0d%0aSet-Cookie:%20stolen=1",
    "/v1/executions/execution_%25",
    "/v1/ontologies/%ff%fe",
    "/v1/ontologies/" + "a" * 10_000,
    "/assets/../../app.py",
    "/assets/..%2f..%2fapp.py",
    "/assets/%2e%2e/%2e%2e/app.py",
    "/assets//etc/passwd",
    "//etc/passwd",
    "///etc/passwd",
    "/%2e%2e%2f%2e%2e%2fetc/passwd",
    "/..;/..;/etc/passwd",
    "/static/%5c..%5c..%5cetc",
    "/proc/self/environ",
    "/.git/config",
    "/.env",
    "/v1/openapi.json/../../../etc/passwd",
    "/v1/graph/entities/%2e%2e%2f%2e%2e/neighbours",
    "/v1/executions/" + "%2e%2e%2f" * 30,
]


@pytest.mark.parametrize("path", PATHS, ids=range(len(PATHS)))
def test_no_path_leads_out(path: str, api: Api, mine: Tenant) -> None:
    for keyed in (True, False):
        request = head(f"GET {path} HTTP/1.1", mine) if keyed else f"GET {path} HTTP/1.0".encode("latin-1")
        said = asked(api, request + b"\r\n\r\n")
        first, _, rest = said.partition(b"\r\n")
        assert re.match(rb"HTTP/1\.1 (400|401|404|405|422) ", first + b" "), (first, rest[:300])
        assert b"root:" not in rest
        assert b"import " not in rest
        assert b"stolen" not in rest.partition(b"\r\n\r\n")[0]


def test_nothing_was_written_outside(api: Api) -> None:
    assert not Path("/tmp/lithograph-was-here").exists()
    assert isinstance(api.client(), httpx2.Client)
