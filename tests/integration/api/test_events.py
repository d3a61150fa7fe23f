"""Events over HTTP: whoever is cut off, however often, ends with exactly what the table has."""

import json
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from tests.queued import until
from tests.serving import Served, served

from lithograph.testing.corpus import generated_text
from lithograph.testing.fake_model.process import FakeModelProcess, fake_model_process

KEY = {"OPENAI_API_KEY": "test"}


@pytest.fixture(scope="module")
def slow_model() -> Iterator[FakeModelProcess]:
    with fake_model_process(latency=0.15) as running:
        yield running


def table_of(api: Served, execution_id: str) -> list[dict[str, Any]]:
    """Return all events, page by page."""
    found: list[dict[str, Any]] = []
    after: str | None = "0"
    while after is not None:
        response = api.client.get(
            f"/v1/executions/{execution_id}/events", params={"after": after}, headers={"Accept": "application/json"}
        )
        page = response.json()
        found += page["items"]
        after = page["next"]
    return found


class Reader:
    """Reads events as a browser does, over connections that may end anywhere."""

    def __init__(self, api: Served, execution_id: str) -> None:
        self._at, self._path = urlsplit(api.process.address), f"/v1/executions/{execution_id}/events"
        self._authorization = api.client.headers.get("authorization", "")
        self.seen: list[dict[str, Any]] = []
        self.ended = False

    def read(self, most: int | None = None) -> None:
        """Connect, saying what was seen last, and read at most so many bytes, or until the stream ends."""
        last = str(self.seen[-1]["seq"]) if self.seen else ""
        head = f"GET {self._path} HTTP/1.1\r\nHost: {self._at.netloc}\r\nConnection: close\r\n"
        head += f"Last-Event-ID: {last}\r\n" * bool(last) + f"Authorization: {self._authorization}\r\n" * bool(
            self._authorization
        )
        got = b""
        with socket.create_connection((self._at.hostname or "", self._at.port or 0), timeout=30) as connection:
            connection.sendall(f"{head}\r\n".encode())
            while most is None or len(got) < most:
                with suppress(ConnectionResetError):
                    data = connection.recv(65_536 if most is None else min(65_536, most - len(got)))
                    if data:
                        got += data
                        continue
                break
        self._take(_body(got))

    def _take(self, body: bytes) -> None:
        """Take the events that are whole: a browser takes no other."""
        for block in body.split(b"\n\n")[:-1]:
            fields = dict(line.split(b": ", 1) for line in block.splitlines() if not line.startswith(b":"))
            if fields.get(b"event") == b"end":
                self.ended = True
            elif b"data" in fields:
                event = json.loads(fields[b"data"])
                assert fields[b"id"] == str(event["seq"]).encode()
                assert fields[b"event"] == event["type"].encode()
                self.seen.append(event)


def _body(answer: bytes) -> bytes:
    """Return the body of an answer in chunks, as far as it goes."""
    _, _, rest = answer.partition(b"\r\n\r\n")
    body = b""
    while b"\r\n" in rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size or b"0", 16)
        body, rest = body + rest[:length], rest[length + 2 :]
    return body


def test_a_reader_who_is_cut_off_a_hundred_times_sees_every_event_once(api: Served) -> None:
    execution_id = api.extraction(f"# Annals\n\n{generated_text(150, seed=3)}")
    reader, chance = Reader(api, execution_id), random.Random(7)
    for _ in range(100):
        reader.read(chance.randrange(200, 4_000))
    api.ended(execution_id)
    while not reader.ended:
        reader.read()
    assert reader.seen == table_of(api, execution_id)
    assert [event["seq"] for event in reader.seen] == list(range(1, len(reader.seen) + 1))
    assert len(reader.seen) > 100


def test_who_reads_when_all_is_over_sees_all_of_it_and_the_end(api: Served) -> None:
    execution_id = api.extraction()
    api.ended(execution_id)
    reader = Reader(api, execution_id)
    reader.read()
    assert reader.ended
    assert reader.seen == table_of(api, execution_id)


def test_five_hundred_readers_see_the_same(api: Served) -> None:
    execution_id = api.extraction(f"# Annals\n\n{generated_text(60, seed=11)}")
    readers = [Reader(api, execution_id) for _ in range(500)]
    threads = [threading.Thread(target=reader.read) for reader in readers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = table_of(api, execution_id)
    assert expected[-1]["type"] == "execution.completed"
    assert sum(reader.seen == expected and reader.ended for reader in readers) == 500


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_server_that_is_replaced_in_the_middle_loses_nothing(
    tmp_path: Path, slow_model: FakeModelProcess, how: str
) -> None:
    url = f"sqlite:///{tmp_path}/graph.db"
    options = (f"--base-url={slow_model.url}", "--concurrency=2")
    with served(url, *options, environment=KEY) as api:
        text = f"# Annals\n\n{generated_text(25, seed=4)}"
        execution_id = api.extraction(text, model="openai:fake", base_url=slow_model.url)
        reader = Reader(api, execution_id)
        until(lambda: len(table_of(api, execution_id)) > 5)
        cut = threading.Timer(0.3, getattr(api.process, how))
        cut.start()
        with suppress(OSError):
            reader.read()
        cut.join()
        before = len(reader.seen)
        assert not reader.ended
        api.process.start()
        while not reader.ended:
            reader.read()
        found = api.ended(execution_id)
        assert reader.seen == table_of(api, execution_id)
        assert before < len(reader.seen)
        assert found["status"] == "completed"


def test_a_stream_that_is_followed_says_what_it_is(api: Served) -> None:
    execution_id = api.extraction()
    with api.client.stream("GET", f"/v1/executions/{execution_id}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        response.read()


def test_a_key_that_is_revoked_reads_no_further(api: Served) -> None:
    if api.client.headers.get("authorization") is None:
        pytest.skip("nobody needs a key here")
    made = api.post("/v1/keys", {"name": "reader"}, 201)
    execution_id = api.extraction()
    api.client.delete(f"/v1/keys/{made['id']}")
    with api.with_key(made["key"]) as refused:
        assert refused.get(f"/v1/executions/{execution_id}/events").status_code == 401


def test_a_number_that_is_none_counts_as_nothing_seen(api: Served) -> None:
    execution_id = api.extraction()
    api.ended(execution_id)
    response = httpx2.get(
        f"{api.process.address}/v1/executions/{execution_id}/events",
        headers={"Last-Event-ID": "seven", **{k: v for k, v in api.client.headers.items() if k == "authorization"}},
        timeout=30,
    )
    assert "id: 1\n" in response.text
