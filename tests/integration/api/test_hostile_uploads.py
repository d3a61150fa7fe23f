"""What may not be sent: bombs, floods, names that are paths, headers or queries, and JSON that means harm.

Each is refused cleanly, or kept as the plain text that it is; nothing else changes, and the server goes on.
"""

import io
import json
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from email.message import Message
from functools import cache
from typing import Any

import httpx2
import pytest
from tests.api import Api, Tenant, defects, rows, served, tenant

from lithograph.demo import demo_ontology
from lithograph.storage.open import Storage

UPLOAD, BODY = 2_000_000, 20_000
KINDS = ("documents", "ontologies")
JSON_ROUTES = [
    ("POST", "/v1/extractions"),
    ("POST", "/v1/batches"),
    ("POST", "/v1/executions/{execution_id}/signals"),
    ("POST", "/v1/executions/{execution_id}/resume"),
    ("PUT", "/v1/account"),
    ("POST", "/v1/keys"),
]


@pytest.fixture(scope="module")
def api(module_storage: Storage) -> Iterator[Api]:
    with served(module_storage, upload_bytes=UPLOAD, body_bytes=BODY) as running:
        yield running


@pytest.fixture(scope="module")
def mine(api: Api) -> Tenant:
    return tenant(api, "mine")


@pytest.fixture(scope="module")
def client(api: Api, mine: Tenant) -> Iterator[httpx2.Client]:
    with api.client(mine.admin) as opened:
        yield opened


@pytest.fixture(autouse=True)
def no_defects(caplog: pytest.LogCaptureFixture, api: Api) -> Iterator[None]:
    yield
    assert defects(caplog) == []
    assert api.alive()


def refused(answer: httpx2.Response, *statuses: int) -> None:
    """Fail unless it is a problem of one of these statuses, or of any that blames the client."""
    assert answer.status_code in (statuses or range(400, 500)), (answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Traceback" not in answer.text
    assert answer.json()["detail"]


def docx(body: bytes, **more: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {"[Content_Types].xml": b"<Types/>", "word/document.xml": body, **more}.items():
            archive.writestr(name, data)
    return out.getvalue()


@cache
def bombs() -> Sequence[tuple[str, bytes]]:
    """Return archives that are small and become large, some of which deny it."""
    return list(_bombs())


def _bombs() -> Iterator[tuple[str, bytes]]:
    spaces = b"<w:document>" + b" " * 100_000_000
    large = docx(spaces)
    yield "large.docx", large
    size = struct.pack("<I", len(spaces))
    yield "larger.docx", large.replace(size, struct.pack("<I", 4_000_000_000))
    yield "liar.docx", large.replace(size, struct.pack("<I", 1_000))
    inner = docx(b" " * 10_000_000)
    yield "nested.docx", docx(b"<w:document/>", **{f"word/{n}.docx": inner for n in range(20)})
    yield "many.docx", docx(b"<w:document/>", **{f"word/{n}.xml": b"" for n in range(10_000)})
    laughs = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    yield "laughs.docx", docx(f'<!DOCTYPE x [<!ENTITY a0 "ha">{laughs}]><w:document>&a9;</w:document>'.encode())
    yield "outside.docx", docx(b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><w:document>&e;</w:document>')
    yield "path.docx", docx(b"<w:document/>", **{"../../../../tmp/lithograph-was-here": b"x"})
    yield "torn.docx", large[: len(large) // 2]
    yield "laughs.rdf", f'<!DOCTYPE x [<!ENTITY a0 "ha">{laughs}]><rdf:RDF>&a9;</rdf:RDF>'.encode()
    yield "deep.html", b"<div>" * 200_000
    yield "deep.json", b"[" * 500_000


@pytest.mark.parametrize("kind", KINDS)
def test_a_bomb_is_refused_before_it_goes_off(kind: str, client: httpx2.Client, mine: Tenant) -> None:
    before = rows(mine.workspace.storage, mine.organization_id)
    for name, data in bombs():
        if kind == "documents" and name in ("deep.json", "laughs.rdf"):
            continue  # as documents they are texts like any other
        answer = client.post(f"/v1/{kind}", files={"file": (name, data)})
        refused(answer, 413, 422)
        assert "root:" not in answer.text
    assert rows(mine.workspace.storage, mine.organization_id) == before


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 10_000):
        yield b"x" * 10_000


def test_what_is_too_large_is_refused_however_it_is_sent(client: httpx2.Client, mine: Tenant) -> None:
    before = rows(mine.workspace.storage, mine.organization_id)
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    form = {"Content-Type": "multipart/form-data; boundary=b"}

    def upload() -> Iterator[bytes]:
        yield head
        yield from chunks(2 * UPLOAD)
        yield b"\r\n--b--\r\n"

    for kind in KINDS:
        refused(client.post(f"/v1/{kind}", files={"file": ("a.txt", b"x" * (UPLOAD + 200_000))}), 413)
        refused(client.post(f"/v1/{kind}", content=upload(), headers=form), 413)
    for method, path in JSON_ROUTES:
        at = path.format_map(mine.ids)
        text = json.dumps({"name": "x" * BODY}).encode()
        refused(client.request(method, at, content=text, headers={"Content-Type": "application/json"}), 413)
        refused(client.request(method, at, content=chunks(5 * BODY), headers={"Content-Type": "application/json"}), 413)
    assert rows(mine.workspace.storage, mine.organization_id) == before


NAMES = [
    "../../etc/passwd",
    "..\\..\\windows\\system32\\config",
    "/etc/shadow",
    "C:\\boot.ini",
    "..",
    ".",
    "",
    "a\0.txt",
    "a\r\nSet-Cookie: stolen=1\r\n\r\n<script>alert(1)</script>.txt",
    'a"; filename="b.txt',
    "'; DROP TABLE document; --.txt",
    "' OR '1'='1",
    '"} ; DELETE WHERE { ?s ?p ?o } #.ttl',
    "<script>alert(1)</script>.txt",
    "{{7*7}}${7*7}%n%s.txt",
    "\u202etxt.exe",
    "x" * 5_000 + ".txt",
    "~root/.ssh/authorized_keys",
    "file:///etc/passwd",
    "http://169.254.169.254/latest/meta-data",
    "CON.txt",
    "\U0001f600.txt",
]


def part(name: bytes, data: bytes, field: bytes = b"file") -> bytes:
    """Return a multipart body with a file that is called exactly this."""
    head = b'--b\r\nContent-Disposition: form-data; name="' + field + b'"; filename="' + name + b'"\r\n\r\n'
    return head + data + b"\r\n--b--\r\n"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_a_name_and_nothing_else(kind: str, name: str, client: httpx2.Client, mine: Tenant) -> None:
    before = rows(mine.workspace.storage, mine.organization_id)
    data = b"A text." if kind == "documents" else demo_ontology()
    quoted = name.replace("\\", "\\\\").replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A").replace("\0", "")
    answers = [
        client.post(f"/v1/{kind}", files={"file": (name, data)}),
        *(
            client.post(
                f"/v1/{kind}", content=part(raw, data), headers={"Content-Type": "multipart/form-data; boundary=b"}
            )
            for raw in (quoted.encode(), name.encode(), b"utf-8''" + quoted.encode())
        ),
    ]
    for answer in answers:
        assert not {"set-cookie", "stolen"} & {header.lower() for header in answer.headers}
        if answer.status_code != 201:
            refused(answer)
            continue
        source = answer.json()["source"]
        assert source
        assert len(source) <= 200
        assert not set(source) & set("/\\\r\n\0")
    after = rows(mine.workspace.storage, mine.organization_id)
    assert {table: len(found) for table, found in after.items() if table not in ("document", "ontology")} == {
        table: len(found) for table, found in before.items() if table not in ("document", "ontology")
    }


def test_a_file_name_becomes_no_header_of_a_result(client: httpx2.Client, mine: Tenant) -> None:
    evil = 'a";\r\nSet-Cookie: stolen=1\r\nX: ".txt'
    body = part(evil.encode().replace(b"\r\n", b"%0D%0A").replace(b'"', b"%22"), b"Ada Byron works for Blue Harbour.")
    made = client.post("/v1/documents", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert made.status_code == 201
    given = {"document": made.json()["id"], "ontology": mine.ontology.content_hash}
    started = client.post("/v1/extractions", json=given)
    assert started.status_code == 202
    for chosen in ("json", "turtle", "jsonld", "graphml", "csv"):
        answer = client.get(f"{started.headers['location']}/result", params={"format": chosen})
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        said = Message()
        said["Content-Disposition"] = answer.headers["content-disposition"]
        assert str(said.get_filename()).startswith(started.json()["id"])
    for chosen in ("json\r\nSet-Cookie: stolen=1", "../../etc/passwd", "json\0", "JSON;x=y"):
        answer = client.get(f"{started.headers['location']}/result", params={"format": chosen})
        refused(answer, 422)
        assert "set-cookie" not in answer.headers


MALFORMED: Mapping[str, tuple[str, bytes]] = {
    "no boundary": ("multipart/form-data", part(b"a.txt", b"x")),
    "empty boundary": ("multipart/form-data; boundary=", part(b"a.txt", b"x")),
    "another boundary": ("multipart/form-data; boundary=zzz", part(b"a.txt", b"x")),
    "a long boundary": ("multipart/form-data; boundary=" + "b" * 5_000, part(b"a.txt", b"x")),
    "an odd boundary": ("multipart/form-data; boundary=\xe9\xe9", part(b"a.txt", b"x")),
    "nothing": ("multipart/form-data; boundary=b", b""),
    "no end": ("multipart/form-data; boundary=b", part(b"a.txt", b"x")[:-12]),
    "half a head": ("multipart/form-data; boundary=b", b"--b\r\nContent-Dispos"),
    "no disposition": ("multipart/form-data; boundary=b", b"--b\r\n\r\nx\r\n--b--\r\n"),
    "no name": ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"),
    "another field": ("multipart/form-data; boundary=b", part(b"a.txt", b"x", b"files")),
    "a text for a file": (
        "multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n'
    ),
    "a huge head": ("multipart/form-data; boundary=b", b"--b\r\nX: " + b"y" * 100_000 + b"\r\n\r\nx\r\n--b--\r\n"),
    "many heads": ("multipart/form-data; boundary=b", b"--b\r\n" + b"X: y\r\n" * 20_000 + b"\r\nx\r\n--b--\r\n"),
    "many parts": (
        "multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n' * 5_000
    ),
    "many files": (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\nx\r\n' * 5_000 + b"--b--\r\n",
    ),
    "noise": ("multipart/form-data; boundary=b", bytes(range(256)) * 200),
    "JSON": ("application/json", b'{"file": "x"}'),
    "a form": ("application/x-www-form-urlencoded", b"file=x"),
    "no type": ("", part(b"a.txt", b"x")),
    "no text": ("text/\xff", b"x"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_upload_is_refused(kind: str, what: str, client: httpx2.Client, mine: Tenant) -> None:
    before = rows(mine.workspace.storage, mine.organization_id)
    media_type, body = MALFORMED[what]
    refused(client.post(f"/v1/{kind}", content=body, headers=[(b"Content-Type", media_type.encode("latin-1"))]))
    assert rows(mine.workspace.storage, mine.organization_id) == before


HARM: list[bytes] = [
    b"", b"{", b"null", b"[]", b"0", b'"x"', b"NaN", b"{}}", b"\xff\xfe{}", b"'{}'", b"{'a': 1}",
    b"[" * 8_000, b'{"a":' * 3_000, b'{"name": 1e999}', b'{"max_tokens": 99999999999999999999999999999999}',
    b'{"max_tokens": ' + b"9" * 10_000 + b"}", b'{"max_tokens": -1}', b'{"max_tokens": true}', b'{"max_tokens": 1.5}',
    b'{"max_cost_usd": NaN}', b'{"max_cost_usd": Infinity}', b'{"max_cost_usd": -0.0}', b'{"max_cost_usd": "1 OR 1=1"}',
    b'{"name": "\\ud800"}', b'{"name": "a\\u0000b"}', b'{"name": ["a"]}', b'{"name": {"$ne": null}}',
    b'{"__proto__": {"a": 1}}', b'{"scopes": ["root"]}', b'{"scopes": []}',
    b'{"scopes": ["read", "' + b"x" * 900 + b'"]}',
    b'{"lasts_days": NaN}', b'{"lasts_days": 1e308}', b'{"lasts_days": 0}',
    b'{"document": "../../etc/passwd", "ontology": "x"}', b'{"document": "\' OR 1=1 --", "ontology": "x"}',
    b'{"documents": [], "ontology": "x"}', b'{"documents": {"a": 1}, "ontology": "x"}',
    b'{"document": "x", "ontology": "y", "base_url": "http://169.254.169.254/"}',
    b'{"document": "x", "ontology": "y", "base_url": "file:///etc/passwd", "model": "openai:x"}',
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), JSON_ROUTES)
def test_json_that_means_harm_is_refused(method: str, path: str, client: httpx2.Client, mine: Tenant) -> None:
    before = rows(mine.workspace.storage, mine.organization_id)
    at = path.format_map({**mine.ids, "execution_id": mine.batch.id})
    for body in HARM:
        harmless = path.endswith("/resume") and body in (b"", b"null")
        if not harmless:
            for media_type in ("application/json", "text/plain", ""):
                answer = client.request(method, at, content=body, headers={"Content-Type": media_type})
                assert answer.status_code in (400, 404, 409, 422), (body[:60], answer.status_code, answer.text[:200])
                assert answer.headers["content-type"] == "application/problem+json"
    assert rows(mine.workspace.storage, mine.organization_id) == before


TEXTS = [
    "'; DROP TABLE entity; --",
    "' UNION SELECT hash FROM api_key --",
    '"; DELETE FROM workflow_execution; --',
    "\\'; SELECT pg_sleep(10); --",
    "$$; DROP SCHEMA public CASCADE; $$",
    "} ; DROP ALL ; #",
    "<urn:a> <urn:b> ?c } INSERT DATA { <urn:x> <urn:y> <urn:z> } #",
    "%s %d %n %(x)s {0} {x}",
    "${jndi:ldap://127.0.0.1/a}",
    "<img src=x onerror=alert(1)>",
    "\u2028\u2029\ufeff",
    "a" * 900,
]


@pytest.mark.parametrize("text", TEXTS)
def test_what_speaks_sql_or_sparql_is_a_text(text: str, client: httpx2.Client, mine: Tenant) -> None:
    before = rows(mine.workspace.storage, mine.organization_id)
    for path, names in [
        ("/v1/graph/entities", ("search", "type", "execution", "cursor")),
        ("/v1/graph/relations", ("predicate", "entity", "execution", "cursor")),
        ("/v1/executions", ("status", "cursor", "limit", "children")),
        ("/v1/documents", ("cursor",)),
        (f"/v1/executions/{mine.done.id}/events", ("after", "limit")),
        (f"/v1/executions/{mine.done.id}/result", ("format",)),
    ]:
        for name in names:
            answer = client.get(path, params={name: text})
            if answer.status_code == 200:
                assert answer.json()["items"] == [], (path, name)
            else:
                refused(answer, 404, 422)
    assert rows(mine.workspace.storage, mine.organization_id) == before
    made = client.post("/v1/keys", json={"name": text[:90].replace("\n", " ")})
    if made.status_code == 201:
        assert made.json()["name"] == text[:90]
        client.delete(f"/v1/keys/{made.json()['id']}")
    else:
        refused(made, 422)
    signal: dict[str, Any] = {"name": text[:190], "payload": {text: [text, {"a": text}]}}
    sent = client.post(f"/v1/executions/{mine.pending.id}/signals", json=signal, headers={"Idempotency-Key": "k"})
    assert sent.status_code in (202, 422)
    after = rows(mine.workspace.storage, mine.organization_id)
    for table in before.keys() - {"api_key", "workflow_signal", "workflow_event", "workflow_execution"}:
        assert after[table] == before[table], table


def test_a_payload_that_no_database_holds_is_refused_or_kept(client: httpx2.Client, mine: Tenant) -> None:
    at = f"/v1/executions/{mine.pending.id}/signals"
    for payload in (
        b'"\\u0000"',
        b'{"\\u0000": 1}',
        b'"\\ud800"',
        b"1e400",
        b"-1e400",
        b"9" * 400,
        b"[" * 90 + b"]" * 90,
    ):
        body = b'{"name": "note", "payload": ' + payload + b"}"
        answer = client.post(at, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (202, 400, 422), (payload, answer.text)
    events = client.get(f"/v1/executions/{mine.pending.id}/events", headers={"Accept": "application/json"})
    assert events.status_code == 200
