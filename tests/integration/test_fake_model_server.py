"""The fake model over real sockets, in this process and in one of its own."""

import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import anthropic
import anyio
import h11
import msgspec
import openai
import pytest
from anyio.abc import SocketStream

from lithograph.demo import demo_ontology
from lithograph.errors import UsageError
from lithograph.testing.fake_model import FakeModel, RunningFakeModel, Stats, fake_model_process, serve_fake_model

CHAT = "/v1/chat/completions"
PROMPT = '{"task":"mentions","classes":[{"name":"Person"}],"text":"Ada Marwick lives in Leith."}'
BODY = msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": PROMPT}]})
ENOUGH = 20.0
"""Seconds after which a test hangs."""


class ClosedError(Exception):
    """The server closed the connection before the end of its answer; `body` is what came of it."""

    def __init__(self, body: bytes) -> None:
        super().__init__(f"closed after {len(body)} bytes")
        self.body = body


class Line:
    """A connection of a client that sees everything."""

    def __init__(self, stream: SocketStream) -> None:
        self.stream, self.http = stream, h11.Connection(h11.CLIENT)

    async def ask(
        self, path: str = CHAT, body: bytes = BODY, method: str = "POST", headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Send a request and return the status and the body of its answer."""
        await self.send(path, body, method, headers)
        return await self.answer()

    async def send(
        self, path: str = CHAT, body: bytes = BODY, method: str = "POST", headers: Mapping[str, str] | None = None
    ) -> None:
        head = {"host": "x", "content-length": str(len(body)), **(headers or {})}
        request = h11.Request(method=method, target=path, headers=list(head.items()))
        for event in (request, h11.Data(data=body), h11.EndOfMessage()):
            await self.stream.send(self.http.send(event) or b"")

    async def answer(self) -> tuple[int, bytes]:
        status, body = 0, b""
        try:
            while True:
                event = self.http.next_event()
                if event is h11.NEED_DATA:
                    self.http.receive_data(await self._more())
                elif isinstance(event, h11.Response):
                    status = event.status_code
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    if self.http.our_state is self.http.their_state is h11.DONE:
                        self.http.start_next_cycle()
                    return status, body
                elif isinstance(event, h11.ConnectionClosed):
                    raise ClosedError(body)
        except h11.RemoteProtocolError as error:
            raise ClosedError(body) from error

    async def _more(self) -> bytes:
        try:
            return await self.stream.receive()
        except anyio.EndOfStream:
            return b""


@asynccontextmanager
async def connected(running: RunningFakeModel) -> AsyncIterator[Line]:
    where = urlsplit(running.url)
    with anyio.fail_after(ENOUGH):
        async with await anyio.connect_tcp(where.hostname or "", where.port or 0) as stream:
            yield Line(stream)


def found_in(body: bytes) -> list[str]:
    text = msgspec.json.decode(body)["choices"][0]["message"]["content"]
    return [one["text"] for one in msgspec.json.decode(text)["mentions"]]


async def begun(running: RunningFakeModel) -> None:
    """Return when something is in flight."""
    with anyio.fail_after(ENOUGH):
        while not running.stats().in_flight:
            await anyio.lowlevel.checkpoint()


async def settled(running: RunningFakeModel) -> None:
    """Return when nothing is in flight any more."""
    with anyio.fail_after(ENOUGH):
        while running.stats().in_flight:
            await anyio.lowlevel.checkpoint()


async def asked_on_another_line(running: RunningFakeModel) -> Stats:
    """Return the stats as the server gives them: by then it has had the time to do what it should not."""
    async with connected(running) as line:
        return msgspec.json.decode((await line.ask("/stats", b"", "GET"))[1], type=Stats)


async def test_one_connection_carries_many_requests() -> None:
    async with serve_fake_model() as running, connected(running) as line:
        for _ in range(3):
            status, body = await line.ask()
            assert (status, found_in(body)) == (200, ["Ada Marwick", "Leith"])
        assert (await line.ask("/nowhere", b"", "GET"))[0] == 404
        assert msgspec.json.decode((await line.ask("/stats", b"", "GET"))[1])["answered"] == 3
    assert running.stats().in_flight == 0


async def test_many_connections_are_served_at_once() -> None:
    async with serve_fake_model(FakeModel(latency=0.05)) as running:

        async def ask() -> None:
            async with connected(running) as line:
                assert (await line.ask())[0] == 200

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(ask)
        stats = running.stats()
    assert (stats.answered, stats.peak_in_flight, stats.in_flight) == (20, 20, 0)


async def test_an_answer_does_not_come_before_its_latency() -> None:
    async with serve_fake_model(FakeModel(latency=ENOUGH * 10)) as running, connected(running) as line:
        await line.send()
        await begun(running)
        stats = await asked_on_another_line(running)
        assert (stats.in_flight, stats.answered) == (1, 0)


async def test_a_client_that_gives_up_is_not_answered_and_takes_no_place() -> None:
    async with serve_fake_model(FakeModel(latency=ENOUGH * 10, fail="concurrency=1")) as running:
        for _ in range(2):
            async with connected(running) as line:
                await line.send()
                await begun(running)
            await settled(running)
    assert (running.stats().answered, running.stats().faults) == (0, {})


async def test_a_timeout_lasts_until_the_client_gives_up() -> None:
    async with serve_fake_model(FakeModel(fail="timeout:1,first=1")) as running:
        async with connected(running) as line:
            await line.send()
            await begun(running)
            assert (await asked_on_another_line(running)).in_flight == 1
        await settled(running)
        async with connected(running) as line:
            assert (await line.ask())[0] == 200
        stats = running.stats()
    assert (stats.faults, stats.by_status, stats.answered) == ({"timeout": 1}, {"200": 1}, 1)


async def test_a_drop_closes_the_connection_without_an_answer() -> None:
    async with serve_fake_model(FakeModel(fail="drop:1")) as running, connected(running) as line:
        with pytest.raises(ClosedError) as closed:
            await line.ask()
    assert closed.value.body == b""
    assert (running.stats().by_status, running.stats().answered) == ({}, 0)


async def test_a_cut_closes_the_connection_in_the_middle_of_the_body() -> None:
    async with serve_fake_model(FakeModel(fail="cut:1,first=1")) as running:
        async with connected(running) as line:
            with pytest.raises(ClosedError) as closed:
                await line.ask()
        async with connected(running) as line:
            _, whole = await line.ask()
    assert len(closed.value.body) == len(whole) // 2
    assert running.stats().answered == 1


async def test_a_dripped_answer_comes_whole() -> None:
    async with serve_fake_model(FakeModel(fail="drip=0.05:1,first=1")) as running, connected(running) as line:
        _, dripped = await line.ask()
        _, whole = await line.ask()
    assert found_in(dripped) == found_in(whole)
    assert running.stats().answered == 2


async def test_a_dripped_answer_comes_in_pieces() -> None:
    async with serve_fake_model(FakeModel(fail=f"drip={ENOUGH * 1_000}:1")) as running:
        async with connected(running) as line:
            await line.send()
            came = b""
            while b"chatcmpl" not in came:
                came += await line.stream.receive()
            assert b"usage" not in came
            assert running.stats().in_flight == 1
        await settled(running)
    assert running.stats().answered == 0


async def test_what_is_no_http_is_told_so() -> None:
    async with serve_fake_model() as running, connected(running) as line:
        await line.stream.send(b"Good morning\r\n\r\n")
        assert (await line.stream.receive()).startswith(b"HTTP/1.1 400 ")


async def test_a_large_body_that_waits_to_be_asked_for_is_read() -> None:
    filler = {"role": "user", "content": "x" * 2_000_000}
    body = msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": PROMPT}, filler]})
    async with serve_fake_model() as running, connected(running) as line:
        head = {"host": "x", "content-length": str(len(body)), "expect": "100-continue"}
        request = h11.Request(method="POST", target=CHAT, headers=list(head.items()))
        await line.stream.send(line.http.send(request) or b"")
        assert b" 100 " in await line.stream.receive()
        for event in (h11.Data(data=body), h11.EndOfMessage()):
            await line.stream.send(line.http.send(event) or b"")
        status, answer = await line.answer()
    assert (status, found_in(answer)) == (200, ["Ada Marwick", "Leith"])


async def test_the_end_of_the_server_ends_its_connections() -> None:
    async with serve_fake_model(FakeModel(fail="timeout:1")) as running:
        where = urlsplit(running.url)
        stream = await anyio.connect_tcp(where.hostname or "", where.port or 0)
        line = Line(stream)
        await line.send()
        await begun(running)
    async with stream:
        with anyio.fail_after(ENOUGH), pytest.raises(ClosedError):
            await line.answer()
    assert running.stats().in_flight == 0


async def test_a_port_that_is_taken_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            UsageError, match=rf"nothing can listen on 127\.0\.0\.1 port {port} \(Address already in use"
        ):
            async with serve_fake_model(port=port):
                pass


async def test_openais_own_client_understands_it() -> None:
    async with (
        serve_fake_model(FakeModel(key="sk-right", fail="429-after=7:1,task=probe")) as running,
        openai.AsyncOpenAI(base_url=running.url, api_key="sk-right", max_retries=0) as client,
    ):
        answer = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": PROMPT}])
        assert answer.choices[0].finish_reason == "stop"
        assert answer.usage is not None
        assert answer.usage.total_tokens > 10
        vectors = await client.embeddings.create(model="e", input=["Leith", "Dunholm"], dimensions=64)
        assert [len(one.embedding) for one in vectors.data] == [64, 64]
        assert [model.id async for model in client.models.list()] == ["fake-model"]
        with pytest.raises(openai.RateLimitError) as limited:
            await client.chat.completions.create(model="m", messages=[{"role": "user", "content": '{"task":"probe"}'}])
        assert limited.value.response.headers["retry-after"] == "7"
        with pytest.raises(openai.NotFoundError) as missing:
            await client.chat.completions.create(model="unknown", messages=[{"role": "user", "content": PROMPT}])
        assert missing.value.code == "model_not_found"
        with pytest.raises(openai.AuthenticationError):
            await client.with_options(api_key="sk-wrong").models.list()


async def test_anthropics_own_client_understands_it() -> None:
    async with (
        serve_fake_model(FakeModel(key="sk-right", fail="529:1,task=probe")) as running,
        anthropic.AsyncAnthropic(base_url=running.url.removesuffix("/v1"), api_key="sk-right", max_retries=0) as client,
    ):

        async def ask(content: str, model: str = "m") -> anthropic.types.Message:
            return await client.messages.create(
                model=model, max_tokens=1_000, system="Find.", messages=[{"role": "user", "content": content}]
            )

        answer = await ask(PROMPT)
        assert answer.stop_reason == "end_turn"
        assert answer.content[0].type == "text"
        assert "Ada Marwick" in answer.content[0].text
        assert answer.usage.output_tokens > 10
        with pytest.raises(anthropic.APIStatusError) as overloaded:
            await ask('{"task":"probe"}')
        assert overloaded.value.status_code == 529
        with pytest.raises(anthropic.NotFoundError):
            await ask(PROMPT, model="unknown")


def test_a_process_of_its_own_is_asked_and_told_from_here(tmp_path: Path) -> None:
    ontology = tmp_path / "ontology.ttl"
    ontology.write_bytes(demo_ontology())
    with fake_model_process(ontologies=[ontology], fail="503:1") as fake:
        client = openai.OpenAI(base_url=fake.url, api_key="any", max_retries=0)
        with client:
            with pytest.raises(openai.InternalServerError):
                client.chat.completions.create(model="m", messages=[{"role": "user", "content": PROMPT}])
            fake.fail("")
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": PROMPT}])
        stats = fake.stats()
        assert (stats.requests, stats.answered, stats.by_status) == (2, 1, {"200": 1, "503": 1})
        fake.reset()
        assert fake.stats().requests == 0
        with pytest.raises(UsageError, match="'often' is not understood"):
            fake.fail("often")


def test_a_process_that_cannot_begin_says_why() -> None:
    with pytest.raises(UsageError, match="'often' is not understood"), fake_model_process(fail="often"):
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_where_it_listens_and_ends_gently(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "lithograph", "fake-model", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline()
        process.send_signal(number)
        rest, said = process.communicate(timeout=ENOUGH)
    assert url.startswith("http://127.0.0.1:")
    assert url.endswith("/v1\n")
    assert (process.returncode, rest, said) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--fail", "500"), "the fault '500' is not understood"),
        (("--ontology", "no.ttl"), "no.ttl does not exist"),
        (("--host", "256.0.0.1"), "nothing can listen on 256.0.0.1 port 0"),
        (("--port", "70000"), "invalid value for '--port'"),
    ],
)
def test_wrong_use_of_the_command_is_one_sentence(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lithograph", "fake-model", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=ENOUGH, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
