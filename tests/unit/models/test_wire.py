import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recorded import recorded

from lithograph.errors import MalformedError
from lithograph.models.wire import Finish, WireAnswer, read_wire


def chat(message: object, finish: str | None = "stop", **more: object) -> dict[str, object]:
    choices = [{"index": 0, "message": message, "finish_reason": finish}]
    return {"object": "chat.completion", "model": "m", "choices": choices, **more}


def response(*output: object, status: str = "completed", **more: object) -> dict[str, object]:
    return {"object": "response", "model": "m", "status": status, "error": None, "output": list(output), **more}


def message(*blocks: object, stop: str = "end_turn", **more: object) -> dict[str, object]:
    return {"type": "message", "model": "m", "content": list(blocks), "stop_reason": stop, **more}


def google(*parts: object, finish: object = "STOP", **more: object) -> dict[str, object]:
    candidate = {"content": {"parts": list(parts), "role": "model"}, "finishReason": finish}
    return {"candidates": [candidate], "modelVersion": "m", **more}


def converse(*blocks: object, stop: str = "end_turn", **more: object) -> dict[str, object]:
    return {"output": {"message": {"role": "assistant", "content": list(blocks)}}, "stopReason": stop, **more}


def text_of(text: str) -> dict[str, object]:
    return {"type": "output_text", "text": text}


THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
CALL = {"type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}


@pytest.mark.parametrize(
    ("body", "text", "finish"),
    [
        (chat({"content": "hi"}), "hi", Finish.STOP),
        (chat({"content": "hi"}, "length"), "hi", Finish.LENGTH),
        (chat({"content": "hi"}, "model_length"), "hi", Finish.LENGTH),
        (chat({"content": "hi"}, None), "hi", Finish.OTHER),
        (chat({"content": None, "refusal": "no"}), "no", Finish.REFUSAL),
        (chat({"content": "half"}, "content_filter"), "half", Finish.REFUSAL),
        (chat({"content": [THINKING, {"type": "text", "text": "4"}]}), "4", Finish.STOP),
        (chat({"content": [{"type": "reasoning", "text": "hm"}, {"type": "text", "text": "4"}]}), "4", Finish.STOP),
        (chat({"content": None, "reasoning_content": "hm"}), "", Finish.STOP),
        (chat({"content": "", "reasoning": "hm"}, "length"), "", Finish.LENGTH),
        (chat({"content": "I call", "tool_calls": [CALL]}, "tool_calls"), '{"a": 1}', Finish.TOOL),
        (chat({"content": None, "tool_calls": [CALL]}), '{"a": 1}', Finish.TOOL),
        (chat({"tool_calls": [CALL]}, "length"), '{"a": 1}', Finish.LENGTH),
        (chat({"tool_calls": [CALL, CALL]}, "tool_calls"), '{"a": 1}\n{"a": 1}', Finish.TOOL),
        (chat({"tool_calls": [{"function": {"arguments": {"a": "é"}}}]}), '{"a": "é"}', Finish.TOOL),
        (chat({"function_call": {"name": "f", "arguments": "{}"}}, "function_call"), "{}", Finish.TOOL),
        (chat({"content": "hi", "tool_calls": [], "function_call": None}), "hi", Finish.STOP),
        (chat(None, "content_filter"), "", Finish.REFUSAL),
        ({"choices": []}, "", Finish.OTHER),
        ({"object": "text_completion", "choices": [{"text": "hi", "finish_reason": "length"}]}, "hi", Finish.LENGTH),
        (response({"type": "message", "content": [text_of("a"), text_of("b")]}), "ab", Finish.STOP),
        (response({"type": "reasoning", "summary": [{"text": "hm"}]}), "", Finish.STOP),
        (response({"type": "function_call", "arguments": "{}"}), "{}", Finish.TOOL),
        (
            response({"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}),
            "no",
            Finish.REFUSAL,
        ),
        (
            response(
                {"type": "message", "content": [text_of('{"a')]},
                status="incomplete",
                incomplete_details={"reason": "max_output_tokens"},
            ),
            '{"a',
            Finish.LENGTH,
        ),
        (response(status="incomplete", incomplete_details={"reason": "content_filter"}), "", Finish.REFUSAL),
        (message({"type": "text", "text": "a"}, {"type": "text", "text": "b"}), "ab", Finish.STOP),
        (message({"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "b"}), "b", Finish.STOP),
        (
            message({"type": "text", "text": "I call"}, {"type": "tool_use", "input": {}}, stop="tool_use"),
            "{}",
            Finish.TOOL,
        ),
        (message({"type": "server_tool_use", "input": {"q": "x"}}, stop="pause_turn"), "", Finish.OTHER),
        (message(stop="refusal"), "", Finish.REFUSAL),
        (message({"type": "text", "text": "a"}, stop="max_tokens"), "a", Finish.LENGTH),
        (message({"type": "text", "text": "a"}, stop="model_context_window_exceeded"), "a", Finish.LENGTH),
        (google({"text": "a"}, {"text": "b"}), "ab", Finish.STOP),
        (google({"text": "hm", "thought": True}, {"text": "b"}), "b", Finish.STOP),
        (google({"functionCall": {"name": "f", "args": {"a": 1}}}), '{"a": 1}', Finish.TOOL),
        (google({"functionCall": {"name": "f"}}), "{}", Finish.TOOL),
        (google({"functionCall": {"name": "f", "args": {}}}, finish="MALFORMED_FUNCTION_CALL"), "", Finish.OTHER),
        (google({"text": "a"}, finish="MAX_TOKENS"), "a", Finish.LENGTH),
        (google({"text": "a"}, finish=2), "a", Finish.LENGTH),
        (google(finish="SAFETY"), "", Finish.REFUSAL),
        (google(finish=4), "", Finish.REFUSAL),
        (google(finish=99), "", Finish.OTHER),
        ({"promptFeedback": {"blockReason": "SAFETY"}}, "the prompt was blocked: SAFETY", Finish.REFUSAL),
        (google({"text": "a"}, promptFeedback={"blockReason": "BLOCK_REASON_UNSPECIFIED"}), "a", Finish.STOP),
        (converse({"text": "a"}), "a", Finish.STOP),
        (converse({"reasoningContent": {"reasoningText": {"text": "hm"}}}, {"text": "b"}), "b", Finish.STOP),
        (converse({"toolUse": {"name": "f", "input": {"a": 1}}}, stop="tool_use"), '{"a": 1}', Finish.TOOL),
        (converse({"text": "a"}, stop="guardrail_intervened"), "a", Finish.REFUSAL),
        (converse({"text": "a"}, stop="content_filtered"), "a", Finish.REFUSAL),
        (converse({"text": "a"}, stop="malformed_tool_use"), "a", Finish.OTHER),
    ],
)
def test_each_shape_gives_the_text_and_why_it_ended(body: object, text: str, finish: Finish) -> None:
    answer = read_wire(body)
    assert (answer.text, answer.finish) == (text, finish)


OPENAI = {"prompt_tokens": 10, "completion_tokens": 3}


@pytest.mark.parametrize(
    ("body", "counted"),
    [
        (chat({"content": "a"}, usage=OPENAI), (10, 3, 0)),
        (chat({"content": "a"}, usage={**OPENAI, "prompt_tokens_details": {"cached_tokens": 4}}), (10, 3, 4)),
        (chat({"content": "a"}, usage={**OPENAI, "prompt_tokens_details": None, "num_cached_tokens": 4}), (10, 3, 4)),
        (chat({"content": "a"}, usage={**OPENAI, "prompt_cache_hit_tokens": 4}), (10, 3, 4)),
        (chat({"content": "a"}, usage=None), (0, 0, 0)),
        (
            response(usage={"input_tokens": 10, "output_tokens": 3, "input_tokens_details": {"cached_tokens": 4}}),
            (10, 3, 4),
        ),
        (message(usage={"input_tokens": 10, "output_tokens": 3}), (10, 3, 0)),
        (
            message(
                usage={
                    "input_tokens": 10,
                    "output_tokens": 3,
                    "cache_read_input_tokens": 4,
                    "cache_creation_input_tokens": 5,
                }
            ),
            (19, 3, 4),
        ),
        (
            google(
                usageMetadata={
                    "promptTokenCount": 10,
                    "toolUsePromptTokenCount": 1,
                    "candidatesTokenCount": 3,
                    "thoughtsTokenCount": 20,
                    "cachedContentTokenCount": 4,
                }
            ),
            (11, 23, 4),
        ),
        (
            converse(
                usage={"inputTokens": 10, "outputTokens": 3, "cacheReadInputTokens": 4, "cacheWriteInputTokens": 5}
            ),
            (19, 3, 4),
        ),
        (converse(usage={"inputTokens": True, "outputTokens": "3"}), (0, 0, 0)),
    ],
)
def test_each_shape_gives_what_went_in_what_came_out_and_what_was_cached(
    body: object, counted: tuple[int, int, int]
) -> None:
    answer = read_wire(body)
    assert (answer.input_tokens, answer.output_tokens, answer.cached_tokens) == counted


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"object": "list", "data": [{"object": "embedding"}]}, "the kind 'list'"),
        ({"object": "vector_store.file"}, "the kind 'vector_store.file'"),
        ({"object": "chat.completion.chunk", "choices": []}, "the kind 'chat.completion.chunk'"),
        ({"type": "content_block_delta", "delta": {}}, "the kind 'content_block_delta'"),
        ({"data": [{"b64_json": "..."}], "created": 1}, "the keys created, data"),
        ({"message": {"content": "hi"}, "done": True}, "the keys done, message"),
        ({}, "the keys"),
        ([{"candidates": []}], "a JSON list"),
        ("data: {}\n\n", "a stream"),
        ("event: message_start\n", "a stream"),
        (" <!doctype html>", "a page of HTML"),
        ("hello", "text"),
        (None, "nothing"),
        (3, "a JSON int"),
        (response(status="queued"), "a response that is queued"),
        (response(status="in_progress"), "a response that is in progress"),
        (response(status="failed"), "a response that is failed"),
    ],
)
def test_what_is_no_answer_is_named(body: object, named: str) -> None:
    with pytest.raises(MalformedError, match=f"the provider sent .*{named}"):
        read_wire(body)


def test_the_model_is_named_where_the_answer_names_it() -> None:
    assert read_wire(chat({"content": "a"})).model == "m"
    assert read_wire(google({"text": "a"})).model == "m"
    assert read_wire(converse({"text": "a"})) == WireAnswer("a", Finish.STOP)


@pytest.mark.parametrize("name", ["odd.jsonl", "structured_ok.jsonl"])
def test_tokens_of_recorded_answers_add_up_to_the_total_that_their_provider_gives(name: str, shared_data: Path) -> None:
    compared = 0
    for line in recorded(shared_data, name):
        try:
            answer = read_wire(line.body)
        except MalformedError:
            continue
        assert isinstance(line.body, dict)
        usage = line.body.get("usage") or line.body.get("usageMetadata") or {}
        total = next((usage[key] for key in ("total_tokens", "totalTokens", "totalTokenCount") if key in usage), None)
        if total is not None:
            compared += 1
            assert (line.index, answer.input_tokens + answer.output_tokens) == (line.index, total)
        assert answer.cached_tokens <= answer.input_tokens
    assert compared > (100 if name == "odd.jsonl" else 400)


@pytest.mark.parametrize("name", ["odd.jsonl", "structured_ok.jsonl"])
def test_what_is_read_from_a_recorded_answer_stands_in_it(name: str, shared_data: Path) -> None:
    for line in recorded(shared_data, name):
        try:
            answer = read_wire(line.body)
        except MalformedError:
            continue
        if answer.text and answer.finish is not Finish.TOOL:
            written = [value for value in _values(line.body) if isinstance(value, str) and value]
            assert any(answer.text.startswith(value) for value in written), line.index
        elif answer.finish is Finish.TOOL:
            values = [value for value in _values(line.body) if isinstance(value, (str, dict))]
            for call in answer.text.splitlines() if answer.text.count("\n{") else [answer.text]:
                assert call in values or json.loads(call) in values, line.index


def _values(value: object) -> Iterator[object]:
    yield value
    if isinstance(value, dict):
        for inner in value.values():
            yield from _values(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner)


keys = st.sampled_from(
    [
        *("object", "type", "choices", "message", "content", "text", "tool_calls", "function", "arguments", "status"),
        *("output", "candidates", "parts", "functionCall", "promptFeedback", "usage", "stop_reason", "refusal"),
    ]
)
bodies = st.recursive(
    st.none() | st.integers() | st.sampled_from(["response", "message", "chat.completion", "refusal", "text"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=15,
)


@settings(max_examples=300, deadline=None)
@given(bodies)
def test_whatever_comes_is_an_answer_or_is_named(body: object) -> None:
    try:
        assert isinstance(read_wire(body).text, str)
    except MalformedError as error:
        named = str(error)
    else:
        named = "the provider sent "
    assert named.startswith("the provider sent ")
