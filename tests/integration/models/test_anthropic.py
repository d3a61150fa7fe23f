"""Chat models of Anthropic: what goes over the wire."""

import pytest
from tests.chats import SCHEMA, deaf, message, nobody, request
from tests.served import Answer, served

from lithograph.models.anthropic import AnthropicChat, supported
from lithograph.models.chat import Role, Turn
from lithograph.models.wire import Finish, WireAnswer


async def test_a_request_is_a_message_with_a_schema_and_the_instructions_on_top() -> None:
    turns = (Turn(Role.ASSISTANT, "well"), Turn(Role.USER, "that is no JSON"))
    async with served(Answer(message("ok"))) as server:
        chat = AnthropicChat("m", key="sk-any", base_url=server.url)
        assert (await chat.send(request(*turns), deaf)).text == "ok"
        await chat.aclose()
    asked = server.asked[0]
    assert (asked.path, asked.headers["authorization"]) == ("/v1/messages", "Bearer sk-any")
    assert asked.headers["anthropic-version"]
    assert asked.body == {
        "model": "m",
        "max_tokens": 1_000,
        "system": "Find what is named.",
        "messages": [
            {"role": "user", "content": request().turns[0].text},
            {"role": "assistant", "content": "well"},
            {"role": "user", "content": "that is no JSON"},
        ],
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
    }


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
async def test_a_base_url_may_end_in_its_version(path: str) -> None:
    async with served(Answer(message())) as server:
        chat = AnthropicChat("m", key="sk-any", base_url=server.url.removesuffix("/v1") + path)
        await chat.send(request(), deaf)
        await chat.aclose()
    assert [asked.path for asked in server.asked] == ["/v1/messages"]


async def test_tokens_that_were_cached_count_among_the_input() -> None:
    usage = {"input_tokens": 10, "cache_read_input_tokens": 64, "cache_creation_input_tokens": 5, "output_tokens": 7}
    async with served(Answer(message("ok") | {"usage": usage})) as server:
        chat = AnthropicChat("m", key="sk-any", base_url=server.url)
        assert await chat.send(request(), deaf) == WireAnswer("ok", Finish.STOP, 79, 7, 64, "m")
        await chat.aclose()


async def test_a_turn_of_blanks_which_would_be_refused_is_left_out() -> None:
    turns = (Turn(Role.ASSISTANT, " \n"), Turn(Role.USER, "you said nothing"))
    async with served(Answer(message())) as server:
        chat = AnthropicChat("m", key="sk-any", base_url=server.url)
        await chat.send(request(*turns), deaf)
        await chat.aclose()
    assert [one["role"] for one in server.asked[0].body["messages"]] == ["user", "user"]


async def test_what_the_environment_says_of_anthropic_goes_to_no_one_else(monkeypatch: pytest.MonkeyPatch) -> None:
    with nobody() as elsewhere:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", elsewhere)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-of-anthropic")
        monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token-of-anthropic")
        monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "Authorization: Bearer sk-of-anthropic")
        async with served(Answer(message())) as server:
            chat = AnthropicChat("m", key="sk-any", base_url=server.url)
            await chat.send(request(), deaf)
            await chat.aclose()
    assert server.asked[0].headers["authorization"] == "Bearer sk-any"
    assert "of-anthropic" not in str(server.asked[0].headers)


def test_bounds_that_are_refused_are_left_out_of_a_schema_at_every_depth() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "description": "all",
        "properties": {
            "minimum": {"type": "number", "minimum": 0, "maximum": 1, "description": "a name"},
            "list": {
                "type": "array",
                "minItems": 2,
                "maxItems": 5,
                "items": {"oneOf": [{"type": "integer", "exclusiveMinimum": 0}, {"$ref": "#/$defs/word"}]},
            },
            "some": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "date"}},
            "kind": {"enum": ["pattern", "default"]},
        },
        "required": ["minimum", "maxLength"],
        "additionalProperties": False,
        "$defs": {"word": {"type": "string", "minLength": 1, "maxLength": 9, "pattern": "a+"}},
    }
    assert supported(schema) == {
        "type": "object",
        "description": "all",
        "properties": {
            "minimum": {"type": "number", "description": "a name"},
            "list": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/word"}]}},
            "some": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "date"}},
            "kind": {"enum": ["pattern", "default"]},
        },
        "required": ["minimum", "maxLength"],
        "additionalProperties": False,
        "$defs": {"word": {"type": "string"}},
    }


def test_a_schema_that_is_supported_stays_as_it_is() -> None:
    assert supported(SCHEMA) == SCHEMA


def test_a_model_is_known_by_its_name() -> None:
    assert AnthropicChat("m", key="sk-any").name == "anthropic:m"
    assert AnthropicChat("m", key="sk-any", name="other:m").name == "other:m"
