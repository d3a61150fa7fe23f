"""Chat models of OpenAI, and of those who speak as it does: what goes over the wire, and what they do not take."""

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import anyio
import pytest
from tests.chats import SCHEMA, completion, deaf, nobody, request
from tests.served import Answer, Asked, served

from lithograph.errors import RejectedError, UsageError
from lithograph.models.chat import Role, Turn
from lithograph.models.openai import OpenAIChat
from lithograph.models.wire import Finish, WireAnswer

MAX_TOKENS = (
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
)
MAX_COMPLETION_TOKENS = "max_completion_tokens: Extra inputs are not permitted"
TEMPERATURE = (
    "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported."
)


class Particular:
    """A server that complains of parameters, one after the other."""

    def __init__(self, complaints: Mapping[str, str], status: int = 400) -> None:
        self._complaints, self._status = complaints, status

    def __call__(self, asked: Asked) -> Answer:
        for parameter, complaint in self._complaints.items():
            if parameter in asked.body:
                return Answer({"error": {"message": complaint, "type": "invalid_request_error"}}, self._status)
        return Answer(completion())


async def answers(url: str, model: str = "m", **settings: Any) -> list[WireAnswer]:
    """Return the answers to two requests, one after the other."""
    chat = OpenAIChat(model, key="sk-any", base_url=url, **settings)
    try:
        return [await chat.send(request(), deaf) for _ in range(2)]
    finally:
        await chat.aclose()


def parameters(asked: Asked) -> dict[str, int]:
    return {name: value for name, value in asked.body.items() if isinstance(value, int)}


async def test_a_request_is_a_chat_completion_with_a_strict_schema() -> None:
    turns = (Turn(Role.ASSISTANT, "well"), Turn(Role.USER, "that is no JSON"))
    async with served(Answer(completion("ok"))) as server:
        chat = OpenAIChat("m", key="sk-any", base_url=server.url)
        assert (await chat.send(request(*turns), deaf)).text == "ok"
        await chat.aclose()
    asked = server.asked[0]
    assert (asked.path, asked.headers["authorization"]) == ("/v1/chat/completions", "Bearer sk-any")
    assert asked.body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Find what is named."},
            {"role": "user", "content": request().turns[0].text},
            {"role": "assistant", "content": "well"},
            {"role": "user", "content": "that is no JSON"},
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "mentions", "schema": SCHEMA, "strict": True},
        },
        "max_tokens": 1_000,
        "temperature": 0,
    }


async def test_tokens_are_counted_as_the_provider_does() -> None:
    usage = {"prompt_tokens": 90, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 64}}
    async with served(Answer(completion("ok", usage=usage))) as server:
        assert (await answers(server.url))[0] == WireAnswer("ok", Finish.STOP, 90, 7, 64, "m")


def test_openai_itself_is_told_the_limit_by_its_new_name() -> None:
    chat = OpenAIChat("gpt-4.1-mini", key="sk-any")
    assert chat._parameters(5) == {"max_completion_tokens": 5, "temperature": 0}


@pytest.mark.parametrize("model", ["o3", "o4-mini", "gpt-5", "gpt-5.4-mini", "gpt-6-luna", "openai/gpt-5-mini"])
async def test_models_that_think_get_no_temperature(model: str) -> None:
    async with served(Answer(completion())) as server:
        await answers(server.url, model)
    assert [parameters(asked) for asked in server.asked] == [{"max_tokens": 1_000}] * 2


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-oss-120b", "openai/gpt-oss-20b", "llama3.2:3b", "olmo", "gemini-3"])
async def test_other_models_get_temperature_0(model: str) -> None:
    async with served(Answer(completion())) as server:
        await answers(server.url, model)
    assert [parameters(asked) for asked in server.asked] == [{"max_tokens": 1_000, "temperature": 0}] * 2


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    ("complaints", "sent"),
    [
        (
            {"max_tokens": MAX_TOKENS},
            [{"max_tokens": 1_000, "temperature": 0}, {"max_completion_tokens": 1_000, "temperature": 0}],
        ),
        ({"temperature": TEMPERATURE}, [{"max_tokens": 1_000, "temperature": 0}, {"max_tokens": 1_000}]),
        (
            {"max_tokens": MAX_TOKENS, "temperature": TEMPERATURE},
            [
                {"max_tokens": 1_000, "temperature": 0},
                {"max_completion_tokens": 1_000, "temperature": 0},
                {"max_completion_tokens": 1_000},
            ],
        ),
    ],
)
async def test_a_parameter_that_is_not_taken_is_changed_once_and_for_all(
    complaints: Mapping[str, str], sent: list[dict[str, int]], status: int
) -> None:
    async with served(Particular(complaints, status)) as server:
        assert [answer.finish for answer in await answers(server.url)] == [Finish.STOP] * 2
    assert [parameters(asked) for asked in server.asked] == [*sent, sent[-1]]


async def test_a_limit_that_is_taken_by_neither_name_is_rejected() -> None:
    both = {"max_tokens": MAX_TOKENS, "max_completion_tokens": MAX_COMPLETION_TOKENS}
    async with served(Particular(both)) as server:
        with pytest.raises(RejectedError, match="max_completion_tokens: Extra inputs are not permitted"):
            await answers(server.url)
    assert len(server.asked) == 2


async def test_many_requests_at_once_learn_what_is_not_taken() -> None:
    async with served(Particular({"max_tokens": MAX_TOKENS, "temperature": TEMPERATURE})) as server:
        chat = OpenAIChat("m", key="sk-any", base_url=server.url)
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(chat.send, request(), deaf)
        answered = len(server.asked)
        await chat.send(request(), deaf)
        await chat.aclose()
    assert answered <= 60
    assert parameters(server.asked[-1]) == {"max_completion_tokens": 1_000}
    assert len(server.asked) == answered + 1


@pytest.mark.parametrize(
    "message",
    [
        "max_tokens is too large: 50000. This model supports at most 16384 completion tokens.",
        "input length and `max_tokens` exceed context limit: 178959 + 64000 > 200000",
        "Invalid 'temperature': decimal below minimum value.",
        "Unknown parameter: 'quality'.",
    ],
)
async def test_other_complaints_change_nothing(message: str) -> None:
    async with served(Answer({"error": {"message": message, "type": "invalid_request_error"}}, 400)) as server:
        chat = OpenAIChat("m", key="sk-any", base_url=server.url)
        for _ in range(2):
            with pytest.raises(Exception, match="answered HTTP 400"):
                await chat.send(request(), deaf)
        await chat.aclose()
    assert [parameters(asked) for asked in server.asked] == [{"max_tokens": 1_000, "temperature": 0}] * 2


async def test_half_a_character_is_sent_as_a_question_mark_and_read_as_it_came() -> None:
    async with served(Answer(b'{"choices":[{"message":{"content":"\\ud83d"},"finish_reason":"stop"}]}')) as server:
        chat = OpenAIChat("m", key="sk-any", base_url=server.url)
        answer = await chat.send(request(Turn(Role.ASSISTANT, "half \ud83d")), deaf)
        await chat.aclose()
    assert server.asked[0].body["messages"][-1]["content"] == "half ?"
    assert answer.text == "\ud83d"


async def test_what_the_environment_says_of_openai_goes_to_no_one_else(monkeypatch: pytest.MonkeyPatch) -> None:
    with nobody() as elsewhere:
        monkeypatch.setenv("OPENAI_BASE_URL", elsewhere)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
        monkeypatch.setenv("OPENAI_ORG_ID", "org-mine")
        monkeypatch.setenv("OPENAI_PROJECT_ID", "project-mine")
        monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer sk-of-openai")
        async with served(Answer(completion())) as server:
            await answers(server.url)
    headers = server.asked[0].headers
    assert headers["authorization"] == "Bearer sk-any"
    assert {"openai-organization", "openai-project"}.isdisjoint(headers)


async def test_a_redirection_is_not_followed() -> None:
    async with served(Answer(completion())) as other, served(Answer(b"", 308, {"location": other.url})) as server:
        with pytest.raises(RejectedError, match="sends requests on to"):
            await answers(server.url)
    assert other.asked == []


@pytest.mark.parametrize(
    "url",
    ["", "localhost:8000", "ftp://host/v1", "http://", "http://a:b/v1", "http://[::1", "http://a b/", "http://a/\n"],
)
def test_a_base_url_that_is_none_is_wrong_use(url: str) -> None:
    if url:
        with pytest.raises(UsageError, match="is no address that begins with http:// or https://"):
            OpenAIChat("m", key="sk-any", base_url=url)
    else:
        assert OpenAIChat("m", key="sk-any", base_url=url)._asked.host == "api.openai.com"


@pytest.mark.parametrize("key", ["", "  ", "sk-a\nb", "sk-a b", "sk-…", "sk-\x00"])
def test_a_key_that_cannot_be_sent_is_wrong_use(key: str) -> None:
    with pytest.raises(UsageError, match="the key in MY_KEY is empty or holds characters that no key has"):
        OpenAIChat("m", key=key, variable="MY_KEY")


def test_a_model_is_known_by_its_name() -> None:
    assert OpenAIChat("m", key="sk-any").name == "openai:m"
    assert OpenAIChat("m", key="sk-any", name="groq:m").name == "groq:m"


def test_the_clients_are_loaded_by_those_who_use_them_only() -> None:
    code = (
        "import lithograph.models.directory, lithograph.models.embed, lithograph.models.prices, sys;"
        "print({'openai', 'anthropic', 'httpx2', 'numpy'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "set()\n"
