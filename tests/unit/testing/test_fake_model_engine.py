from typing import Any

import msgspec
import pytest
from tests.asking import ANSWER, CHAT, EMBEDDINGS, MENTIONS, MESSAGES, PATHS, Asker, chat, finish_of, text_of, wanting
from tests.builders import ONTOLOGY

from lithograph.testing.fake_model import FakeModel

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


@PATHS
async def test_a_prompt_is_answered_with_what_it_cost(path: str) -> None:
    content = msgspec.json.encode(MENTIONS).decode()
    body = await Asker().chat(path)
    assert msgspec.json.decode(text_of(path, body)) == ANSWER
    given, written = -(-(len(content) + len("Find.")) // 4), -(-len(text_of(path, body)) // 4)
    if path == MESSAGES:
        assert (body["usage"]["input_tokens"], body["usage"]["output_tokens"]) == (given, written)
        assert (body["type"], body["role"], body["stop_reason"]) == ("message", "assistant", "end_turn")
    else:
        assert body["usage"] == {
            "prompt_tokens": given, "completion_tokens": written, "total_tokens": given + written,
        }  # fmt: skip
        assert (body["object"], body["created"]) == ("chat.completion", 1_774_958_400)


@PATHS
async def test_the_first_user_message_is_the_prompt_whatever_follows_it(path: str) -> None:
    asker, asked = Asker(), chat(path)
    asked["messages"] += [{"role": "assistant", "content": "{"}, {"role": "user", "content": "That was no JSON."}]
    body = msgspec.json.decode((await asker.post(path, asked)).body)
    assert msgspec.json.decode(text_of(path, body)) == ANSWER
    (prompt,) = asker.model.stats().prompts
    assert (prompt.task, prompt.served, prompt.ok) == ("mentions", 1, 1)


async def test_a_message_may_come_in_parts() -> None:
    parts = [{"type": "text", "text": msgspec.json.encode(MENTIONS).decode()}]
    body = await Asker().chat(messages=[{"role": "user", "content": parts}])
    assert msgspec.json.decode(text_of(CHAT, body)) == ANSWER


@PATHS
async def test_a_prompt_that_is_not_ours_is_answered_in_the_schema_that_it_asks_for(path: str) -> None:
    asker = Asker()
    assert text_of(path, await asker.chat(path, content="Hello?")) == "ok"
    assert text_of(path, await asker.chat(path, content="Hello?", **wanting(path, SCHEMA))) == '{"name":""}'
    assert asker.model.stats().tasks == {"other": 2}


async def test_any_json_is_an_object_without_anything() -> None:
    assert text_of(CHAT, await Asker().chat(content="Hi", response_format={"type": "json_object"})) == "{}"


@PATHS
async def test_an_answer_that_is_longer_than_allowed_is_cut(path: str) -> None:
    asker = Asker()
    body = await asker.chat(path, max_tokens=5)
    whole = text_of(path, await asker.chat(path))
    assert text_of(path, body) == whole[:20]
    assert finish_of(path, body) == ("max_tokens" if path == MESSAGES else "length")
    assert [prompt.ok for prompt in asker.model.stats().prompts] == [1]


async def test_openai_has_two_names_for_the_length_of_an_answer() -> None:
    body = await Asker().chat(max_completion_tokens=5)
    assert (body["usage"]["completion_tokens"], finish_of(CHAT, body)) == (5, "length")


@pytest.mark.parametrize(
    ("path", "changes", "status", "said"),
    [
        (CHAT, {"model": "unknown-1"}, 404, "The model `unknown-1` does not exist or you do not have access to it."),
        (MESSAGES, {"model": "unknown-1"}, 404, "model: unknown-1"),
        (CHAT, {"model": "unstructured-1", **wanting(CHAT, SCHEMA)}, 400, "'response_format' of type 'json_schema'"),
        (MESSAGES, {"model": "unstructured-1", **wanting(MESSAGES, SCHEMA)}, 400, "does not support output format"),
        (CHAT, {"stream": True}, 400, "'stream' is not supported"),
        (CHAT, {"content": {"task": "mentions"}}, 400, "not a prompt of its task"),
        (CHAT, {"messages": "hello"}, 400, "Expected `array`"),
        (MESSAGES, {"max_tokens": None}, 400, "max_tokens"),
    ],
)
async def test_what_a_provider_would_not_take_is_refused_in_its_words(
    path: str, changes: dict[str, Any], status: int, said: str
) -> None:
    asker = Asker()
    reply = await asker.post(path, chat(path, **changes))
    body = msgspec.json.decode(reply.body)
    assert reply.status == status
    assert said in body["error"]["message"]
    assert body["error"]["type"]
    assert body.get("type") == ("error" if path == MESSAGES else None)
    assert asker.model.stats().answered == 0


async def test_a_model_without_schemas_answers_without_one() -> None:
    assert msgspec.json.decode(text_of(CHAT, await Asker().chat(model="unstructured-1"))) == ANSWER


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"model": 3}'])
@pytest.mark.parametrize("path", [CHAT, MESSAGES, EMBEDDINGS])
async def test_a_body_that_asks_nothing_is_a_bad_request(path: str, body: bytes) -> None:
    assert (await Asker().post(path, body)).status == 400


@pytest.mark.parametrize("headers", [{"authorization": "Bearer sk-right"}, {"x-api-key": "sk-right"}])
async def test_the_right_key_opens(headers: dict[str, str]) -> None:
    assert (await Asker(key="sk-right").post(CHAT, chat(), headers)).status == 200


@PATHS
@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer sk-wrong-and-secret"}, {"x-api-key": "wrong"}])
async def test_no_key_and_a_wrong_key_do_not(path: str, headers: dict[str, str]) -> None:
    asker = Asker(key="sk-right")
    reply = await asker.post(path, chat(path), headers)
    assert reply.status == 401
    assert b"-right" not in reply.body
    assert b"wrong" not in reply.body
    assert asker.model.stats().by_status == {"401": 1}


async def test_the_stats_tell_what_was_asked_and_what_became_of_it() -> None:
    asker = Asker(fail="500:1,first=1")
    asker.clock.now += 5
    await asker.post(CHAT, chat())
    asker.clock.now += 2.5
    used = (await asker.chat())["usage"]
    call = await asker.begin(MESSAGES, chat(MESSAGES, content={"task": "probe"}, model="other"))
    asker.model.end(call, complete=False)

    stats = await asker.get("/stats")
    charged = stats.pop("tokens")
    mentions, probe = stats.pop("prompts")
    assert stats == {
        "requests": 3, "answered": 1, "by_status": {"200": 2, "500": 1}, "faults": {"500": 1},
        "tasks": {"mentions": 2, "probe": 1}, "in_flight": 0, "peak_in_flight": 1, "per_second": [1, 0, 2],
        "first_at": 5.0, "last_at": 7.5,
    }  # fmt: skip
    assert charged["output"] > used["completion_tokens"]
    assert (mentions["task"], mentions["model"], mentions["served"], mentions["ok"]) == ("mentions", "m", 2, 1)
    assert (probe["task"], probe["model"], probe["served"], probe["ok"]) == ("probe", "other", 1, 0)
    assert len(mentions["key"]) == 16


async def test_the_stats_can_be_reset() -> None:
    asker = Asker()
    await asker.chat()
    await asker.post("/stats/reset", b"")
    assert asker.model.stats() == FakeModel([ONTOLOGY]).stats()


async def test_vectors_are_given_as_many_as_texts() -> None:
    asker = Asker()
    reply = await asker.post(EMBEDDINGS, {"model": "e", "input": ["Leith", "Dunholm"], "dimensions": 8})
    body = msgspec.json.decode(reply.body)
    assert [(one["index"], len(one["embedding"])) for one in body["data"]] == [(0, 8), (1, 8)]
    assert body["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    assert (await asker.post(EMBEDDINGS, {"model": "unknown", "input": "x"})).status == 404
    assert (await asker.post(EMBEDDINGS, {"model": "e", "input": ""})).status == 400
    assert asker.model.stats().tasks == {"embeddings": 1}


async def test_the_models_are_listed_for_those_who_have_the_key() -> None:
    listed = await Asker().get("/v1/models")
    assert [one["id"] for one in listed["data"]] == ["fake-model"]
    assert (await Asker(key="sk-right").get("/v1/models"))["error"]["type"] == "invalid_request_error"


async def test_the_fake_model_itself_is_asked_without_a_key() -> None:
    asker = Asker(key="sk-right")
    assert (await asker.get("/stats"))["requests"] == 0
    assert (await asker.post("/faults", {"fail": ""})).status == 200


@pytest.mark.parametrize("path", ["/", "/v1/completions", "/v1/chat/completions"])
async def test_an_unknown_address_says_so(path: str) -> None:
    assert (await Asker().get(path))["error"]["code"] == "unknown_url"


async def test_a_query_is_no_part_of_the_address() -> None:
    assert (await Asker().post(f"{MESSAGES}?beta=true", chat(MESSAGES))).status == 200


async def test_the_same_prompt_is_answered_from_memory_and_the_same() -> None:
    asker = Asker()
    assert text_of(CHAT, await asker.chat()) == text_of(CHAT, await asker.chat())
    (prompt,) = asker.model.stats().prompts
    assert (prompt.served, prompt.ok) == (2, 2)
