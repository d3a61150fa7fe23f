"""A key is in no message, in no representation and in no log, whatever goes wrong and whoever repeats it."""

import logging
import traceback
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from tests.chats import CHATS, KEY, asking, deaf, nobody, request
from tests.served import Answer, served

from lithograph.errors import LithographError
from lithograph.models.directory import chat_model
from lithograph.models.embed import OpenAIEmbedder
from lithograph.models.endpoint import checked_key
from lithograph.models.openai import OpenAIChat
from lithograph.testing.fake_model import FakeModel, serve_fake_model

REPEATED = [
    Answer({"error": {"message": f"Incorrect API key provided: {KEY}.", "code": "invalid_api_key"}}, 401),
    Answer({"error": {"message": f"{KEY} may not do that"}}, 403),
    Answer({"error": {"message": f"The model `m` does not exist for <{KEY}>", "code": "model_not_found"}}, 404),
    Answer({"error": {"message": f"{KEY}: response_format is not supported"}}, 400),
    Answer({"error": {"message": f"slow down, {KEY}"}}, 429, {"retry-after": "1"}),
    Answer({"error": {"message": f"no time for {KEY}"}}, 500),
    Answer({"error": {"message": f"no time for {KEY}"}}),
    Answer(f"<title>403 for {KEY}</title>".encode(), 403),
    Answer(f"<p>hello {KEY}".encode()),
    Answer(f"hello {KEY}".encode()),
    Answer({KEY: 1}),
    Answer({"object": KEY}),
    Answer(b"", 307, {"location": f"https://elsewhere.example/?api_key={KEY}"}),
    Answer(b"", 307, {"location": f"https://elsewhere.example/{KEY}/v1"}),
]


def shown(error: BaseException) -> Iterator[str]:
    """Yield all that anybody might print of an error."""
    yield "".join(traceback.format_exception(error))
    yield repr(error)
    yield str(vars(error))
    for cause in (error.__cause__, error.__context__):
        if cause is not None:
            yield repr(cause)
            yield str(cause)


@pytest.mark.parametrize("kind", CHATS)
@pytest.mark.parametrize("answer", REPEATED)
async def test_a_key_that_a_provider_repeats_is_not_repeated_here(answer: Answer, kind: type[Any]) -> None:
    async with served(answer) as server:
        chat = kind("m", key=KEY, base_url=server.url)
        with pytest.raises(LithographError) as raised:
            await chat.send(request(), deaf)
        await chat.aclose()
    assert KEY in str(server.asked[0].headers)
    for text in (*shown(raised.value), repr(chat), str(chat), repr(chat._asked)):
        assert KEY not in text


@pytest.mark.parametrize("kind", CHATS)
@pytest.mark.parametrize("fail", ["429:1", "500:1", "529:1", "drop:1", "cut:1", "timeout:1"])
async def test_no_fault_tells_the_key(fail: str, kind: type[Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serve_fake_model(FakeModel(key=KEY, fail=fail)) as running:
        chat = asking(running, kind, timeout=0.3)
        with pytest.raises(LithographError) as raised:
            await chat.send(request(), deaf)
        await chat.aclose()
    for text in (*shown(raised.value), caplog.text):
        assert KEY not in text


@pytest.mark.parametrize("kind", CHATS)
async def test_a_wrong_key_is_not_told(kind: type[Any]) -> None:
    async with serve_fake_model(FakeModel(key="sk-another-one")) as running:
        chat = asking(running, kind)
        with pytest.raises(LithographError) as raised:
            await chat.send(request(), deaf)
        await chat.aclose()
    for text in shown(raised.value):
        assert KEY not in text


@pytest.mark.parametrize("kind", CHATS)
async def test_a_password_in_a_base_url_is_not_told(kind: type[Any]) -> None:
    with nobody() as url:
        for address in (url.replace("//", f"//me:{KEY}@"), f"{url}?key={quote(KEY)}"):
            chat = kind("m", key="sk-any", base_url=address)
            with pytest.raises(LithographError) as raised:
                await chat.send(request(), deaf)
            await chat.aclose()
            for text in (*shown(raised.value), repr(chat)):
                assert KEY not in text


def test_a_key_that_cannot_be_sent_is_not_told() -> None:
    with pytest.raises(LithographError) as raised:
        checked_key(f"{KEY}\n{KEY}", "OPENAI_API_KEY")
    for text in shown(raised.value):
        assert KEY not in text


@pytest.mark.parametrize(
    "url", [f"ftp://me:{KEY}@host", f"http://me:{KEY}@:x", f"me:{KEY}@host/v1", f"ftp://host/?api_key={KEY}"]
)
def test_a_password_in_a_base_url_that_is_none_is_not_told(url: str) -> None:
    with pytest.raises(LithographError) as raised:
        OpenAIChat("m", key="sk-any", base_url=url)
    for text in shown(raised.value):
        assert KEY not in text


def test_a_representation_shows_the_name_alone() -> None:
    openai, anthropic = (
        chat_model(name, environment={"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY})
        for name in ("openai:gpt-5-mini", "anthropic:claude-haiku-4-5")
    )
    assert repr(openai) == "OpenAIChat('openai:gpt-5-mini')"
    assert repr(anthropic) == "AnthropicChat('anthropic:claude-haiku-4-5')"
    assert repr(OpenAIEmbedder("text-embedding-3-small", key=KEY)) == "OpenAIEmbedder('openai:text-embedding-3-small')"


async def test_a_short_key_such_as_none_does_not_spoil_a_sentence() -> None:
    async with served(Answer({"error": {"message": "none of that"}}, 400)) as server:
        chat = OpenAIChat("m", key="none", base_url=server.url)
        with pytest.raises(LithographError, match="none of that"):
            await chat.send(request(), deaf)
        await chat.aclose()
