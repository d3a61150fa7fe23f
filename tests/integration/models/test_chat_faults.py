"""What both kinds of chat models make of everything that can go wrong, over real sockets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import pytest
from tests.chats import CHATS, asking, completion, deaf, message, names_in, nobody, probe, request
from tests.recorded import recorded
from tests.served import Answer, served

from lithograph.errors import (
    LithographError,
    MalformedError,
    OverloadedError,
    RateLimitedError,
    RejectedError,
    UnavailableError,
    UnreachableError,
)
from lithograph.models.openai import OpenAIChat
from lithograph.models.wire import Finish, WireAnswer
from lithograph.resilience.classify import classify, error_of
from lithograph.testing.fake_model import FakeModel, RunningFakeModel, serve_fake_model

ENOUGH = 20.0
"""Seconds after which a test hangs."""
both = pytest.mark.parametrize("kind", CHATS)


async def once(running: RunningFakeModel, kind: type[Any], **settings: Any) -> WireAnswer:
    """Return the answer to one request."""
    chat = asking(running, kind, **settings)
    try:
        with anyio.fail_after(ENOUGH):
            answer: WireAnswer = await chat.send(request(), deaf)
            return answer
    finally:
        await chat.aclose()


async def failure(url: str, kind: type[Any], **settings: Any) -> LithographError:
    """Return what a request to an address ends in."""
    chat = kind("m", key="sk-any", base_url=url, **settings)
    try:
        with anyio.fail_after(ENOUGH), pytest.raises(LithographError) as raised:
            await chat.send(request(), deaf)
        return raised.value
    finally:
        await chat.aclose()


async def in_flight(running: RunningFakeModel, count: int) -> None:
    """Return when so many requests are under way."""
    with anyio.fail_after(ENOUGH):
        while running.stats().in_flight != count:
            await anyio.lowlevel.checkpoint()


@both
async def test_an_answer_comes_with_what_it_cost(kind: type[Any]) -> None:
    async with serve_fake_model() as running:
        answer = await once(running, kind)
    assert names_in(answer.text) == ["Ada Marwick", "Leith"]
    assert (answer.finish, answer.model) == (Finish.STOP, "m")
    assert answer.input_tokens > 0
    assert answer.output_tokens > 0


@both
@pytest.mark.parametrize(
    ("fail", "kind_of_error", "said"),
    [
        ("429:1", RateLimitedError, "answered HTTP 429: "),
        ("500:1", UnavailableError, "answered HTTP 500: "),
        ("503:1", UnavailableError, "answered HTTP 503: "),
        ("529:1", OverloadedError, "answered HTTP 529: Overloaded"),
        ("drop:1", UnavailableError, "gave no whole answer: the connection was lost"),
        ("cut:1", UnavailableError, "gave no whole answer: the connection was lost"),
    ],
)
async def test_a_fault_of_the_provider_is_one_sentence_with_its_host(
    fail: str, kind_of_error: type[LithographError], said: str, kind: type[Any]
) -> None:
    async with serve_fake_model(FakeModel(fail=fail)) as running:
        with pytest.raises(LithographError) as raised:
            await once(running, kind)
        assert running.stats().requests == 1
    assert type(raised.value) is kind_of_error
    assert str(raised.value).startswith(f"{urlsplit(running.url).netloc} {said}")
    assert "\n" not in str(raised.value)


@both
async def test_a_rate_limit_says_when_to_come_back_where_the_provider_does(kind: type[Any]) -> None:
    async with serve_fake_model(FakeModel(fail="429-after=7:1")) as running:
        with pytest.raises(RateLimitedError) as told:
            await once(running, kind)
        running.model.fail("429:1")
        with pytest.raises(RateLimitedError) as untold:
            await once(running, kind)
    assert (told.value.retry_after, untold.value.retry_after) == (7.0, None)


@both
@pytest.mark.parametrize("fail", ["timeout:1,first=1", "drip=600:1,first=1"])
async def test_an_answer_that_does_not_end_in_time_is_given_up_and_the_next_one_comes(
    fail: str, kind: type[Any]
) -> None:
    async with serve_fake_model(FakeModel(fail=fail)) as running:
        chat = asking(running, kind, timeout=0.5)
        with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:\d+ gave no answer within 0\.5 s"):
            await chat.send(request(), deaf)
        chat._endpoint._timeout = ENOUGH
        assert names_in((await chat.send(request(), deaf)).text) == ["Ada Marwick", "Leith"]
        await chat.aclose()


@both
async def test_an_answer_that_comes_slowly_comes_whole(kind: type[Any]) -> None:
    async with serve_fake_model(FakeModel(fail="drip=0.05:1")) as running:
        assert names_in((await once(running, kind)).text) == ["Ada Marwick", "Leith"]


@both
@pytest.mark.parametrize(("fail", "finish"), [("length:1", Finish.LENGTH), ("refusal:1", Finish.REFUSAL)])
async def test_an_answer_that_was_cut_short_or_refused_is_an_answer(fail: str, finish: Finish, kind: type[Any]) -> None:
    async with serve_fake_model(FakeModel(fail=fail)) as running:
        answer = await once(running, kind)
    assert answer.finish is finish
    assert answer.output_tokens > 0


@both
async def test_a_limit_of_tokens_is_kept(kind: type[Any]) -> None:
    async with serve_fake_model() as running:
        chat = asking(running, kind)
        answer = await chat.send(request(max_tokens=3), deaf)
        await chat.aclose()
    assert (answer.finish, answer.output_tokens) == (Finish.LENGTH, 3)


@both
async def test_a_wrong_key_names_the_variable_to_set(kind: type[Any]) -> None:
    async with serve_fake_model(FakeModel(key="sk-right")) as running:
        with pytest.raises(RejectedError, match=r"^127\.0\.0\.1:\d+ does not accept the key; set MY_KEY to one that"):
            await once(running, kind, variable="MY_KEY")


@both
async def test_an_unknown_model_is_named_with_its_host(kind: type[Any]) -> None:
    async with serve_fake_model() as running:
        with pytest.raises(RejectedError, match=r"^127\.0\.0\.1:\d+ has no model 'unknown-9' for this key; check its"):
            await once(running, kind, model="unknown-9")


@both
async def test_a_model_without_structured_answers_says_what_to_do(kind: type[Any]) -> None:
    said = r"^'unstructured-9' at 127\.0\.0\.1:\d+ cannot answer in JSON of a schema; choose a model that can \("
    async with serve_fake_model() as running:
        with pytest.raises(RejectedError, match=said):
            await once(running, kind, model="unstructured-9")


@both
async def test_an_address_where_nothing_listens_is_unreachable(kind: type[Any]) -> None:
    with nobody() as url:
        error = await failure(url, kind)
    assert type(error) is UnreachableError
    assert str(error) == f"{urlsplit(url).netloc} does not answer: connection refused"


@both
async def test_a_name_that_is_none_is_unreachable(kind: type[Any]) -> None:
    error = await failure("http://nowhere.invalid/v1", kind)
    assert type(error) is UnreachableError
    assert str(error) == "nowhere.invalid does not answer: its name cannot be resolved"


@both
async def test_a_server_that_is_not_spoken_to_securely_is_unreachable(kind: type[Any]) -> None:
    async with serve_fake_model() as running:
        error = await failure(running.url.replace("http:", "https:"), kind)
    assert type(error) is UnreachableError
    assert "takes no secure connection; is it http:// instead of https://?" in str(error)


PAGE = b"<!doctype html><title>It works!</title><p>Welcome."


@both
@pytest.mark.parametrize(
    ("answer", "kind_of_error", "said"),
    [
        (Answer(PAGE), RejectedError, "sent a page of HTML instead of an answer; check the base URL"),
        (Answer(PAGE, 404), RejectedError, "has no model server at that address; check the base URL, which often ends"),
        (Answer({"detail": "Not Found"}, 404), RejectedError, "has no model server at that address"),
        (Answer(b"404 page not found", 404), RejectedError, "has no model server at that address"),
        (
            Answer({"error": {"message": "Unknown request URL: POST /v1/v1."}}, 404),
            RejectedError,
            "has no model server",
        ),
        (Answer(PAGE, 405), RejectedError, "has no model server at that address"),
        (
            Answer(b"", 301, {"location": "https://elsewhere.example/v1"}),
            RejectedError,
            "sends requests on to https://elsewhere.example/v1; give the address that it means as the base URL",
        ),
        (Answer(b"", 401), RejectedError, "does not accept the key; set"),
        (Answer({"status": "fine"}), MalformedError, "sent an object with the keys status instead of an answer"),
        (Answer(b""), MalformedError, "sent nothing instead of an answer"),
        (Answer(b"hello"), MalformedError, "sent text instead of an answer"),
        (Answer(PAGE, 502), UnavailableError, "answered HTTP 502: It works!"),
        (Answer(b"", 503), UnavailableError, "answered HTTP 503 Service Unavailable"),
        (Answer(b"hello", headers={"content-encoding": "gzip"}), UnavailableError, "an answer that cannot be unpacked"),
    ],
)
async def test_what_is_no_model_server_is_told(
    answer: Answer, kind_of_error: type[LithographError], said: str, kind: type[Any]
) -> None:
    async with served(answer) as server:
        error = await failure(server.url, kind)
    assert type(error) is kind_of_error
    assert said in str(error)


@both
@pytest.mark.parametrize(
    ("body", "kind_of_error"),
    [
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, OverloadedError),
        ({"error": {"code": 429, "message": "Provider returned error"}}, RateLimitedError),
        ({"error": {"code": "invalid_api_key", "message": "No such key"}}, RejectedError),
        ({"error": {"message": "it broke"}}, UnavailableError),
    ],
)
async def test_an_error_in_a_200_is_an_error(
    body: object, kind_of_error: type[LithographError], kind: type[Any]
) -> None:
    async with served(Answer(body, headers={"retry-after": "1"})) as server:
        error = await failure(server.url, kind)
    assert type(error) is kind_of_error
    assert getattr(error, "retry_after", None) is None


@both
@pytest.mark.parametrize("status", [200, 429, 500])
async def test_headers_of_every_answer_are_heard_in_lower_case(status: int, kind: type[Any]) -> None:
    heard: list[Mapping[str, str]] = []
    body = message() if kind is not OpenAIChat else completion()
    async with served(Answer(body, status, {"X-RateLimit-Remaining-Requests": "17"})) as server:
        chat = kind("m", key="sk-any", base_url=server.url)
        try:
            await chat.send(request(), heard.append)
        except LithographError:
            assert status != 200
        await chat.aclose()
    assert [headers["x-ratelimit-remaining-requests"] for headers in heard] == ["17"]


@both
async def test_nothing_is_heard_when_nobody_answers(kind: type[Any]) -> None:
    heard: list[Mapping[str, str]] = []
    with nobody() as url:
        chat = kind("m", key="sk-any", base_url=url)
        with pytest.raises(UnavailableError):
            await chat.send(request(), heard.append)
        await chat.aclose()
    assert heard == []


@both
async def test_many_requests_are_under_way_at_once_and_none_after_they_are_cancelled(kind: type[Any]) -> None:
    async with serve_fake_model(FakeModel(fail="timeout:1,first=200")) as running:
        chat = asking(running, kind)
        async with anyio.create_task_group() as tasks:
            for _ in range(200):
                tasks.start_soon(chat.send, probe(), deaf)
            await in_flight(running, 200)
            tasks.cancel_scope.cancel()
        await in_flight(running, 0)
        assert (await chat.send(request(), deaf)).finish is Finish.STOP
        await chat.aclose()


@pytest.mark.parametrize("name", ["errors.jsonl", "github_issue_errors.jsonl"])
async def test_errors_that_others_have_recorded_mean_what_they_mean_and_name_the_host(
    name: str, shared_data: Path
) -> None:
    lines = [line for line in recorded(shared_data, name) if line.status >= 400]
    answers = iter(lines)

    def script(_: object) -> Answer:
        line = next(answers)
        body = line.body.encode() if isinstance(line.body, str) else line.body
        unset = ("content-length", "content-encoding", "transfer-encoding", "connection")
        return Answer(body, line.status, {key: one for key, one in line.headers.items() if key.lower() not in unset})

    async with served(script) as server:
        chat = OpenAIChat("m", key="sk-any", base_url=server.url, now=lambda: 0.0)
        for line in lines:
            verdict = classify(line.status, line.headers, line.body, 0.0)
            assert verdict is not None
            with pytest.raises(type(error_of(verdict))) as raised:
                await chat.send(request(), deaf)
            assert urlsplit(server.url).netloc in str(raised.value), line.index
            assert getattr(raised.value, "retry_after", None) == getattr(error_of(verdict), "retry_after", None)
        await chat.aclose()
    assert len(server.asked) == len(lines) > 20


MISSING = [
    (404, {"error": {"code": "model_not_found", "message": "The model `m` has been deprecated, learn more here"}}),
    (400, {"error": {"code": "model_not_found", "message": "The requested model 'm' does not exist."}}),
    (404, {"type": "error", "error": {"type": "not_found_error", "message": "model: m"}}),
    (404, {"error": "model 'm' not found"}),
    (404, {"error": {"message": 'model "m" not found, try pulling it first', "type": "api_error"}}),
    (404, {"object": "error", "message": "The model `m` does not exist.", "type": "NotFoundError", "code": 404}),
    (404, [{"error": {"code": 404, "message": "models/m is not found for API version v1main", "status": "NOT_FOUND"}}]),
    (400, {"object": "error", "message": "Invalid model: m", "type": "invalid_model", "code": "1500"}),
    (400, {"error": {"message": "Model Not Exist", "type": "invalid_request_error"}}),
    (400, {"error": {"message": "m is not a valid model ID", "code": 400}}),
    (404, {"error": {"message": "No endpoints found for m.", "code": 404}}),
]
OTHERWISE_WRONG = [
    (400, {"error": {"message": "Invalid schema for response_format 'm': In context=(), 'required' is required"}}),
    (400, {"error": {"message": "This model does not support effort level 'xhigh'.", "type": "invalid_request_error"}}),
    (400, {"error": {"message": "Web search options not supported with this model.", "param": "web_search_options"}}),
    (400, {"error": {"message": "Invalid 'temperature': decimal below minimum value.", "param": "temperature"}}),
    (403, {"error": {"message": "Country, region, or territory not supported", "code": "unsupported_country"}}),
    (404, {"error": {"message": "No endpoints found that can handle the requested parameters.", "code": 404}}),
    (402, {"error": {"message": "Insufficient Balance", "type": "unknown_error"}}),
]


@both
@pytest.mark.parametrize(("status", "body"), MISSING)
async def test_a_model_that_is_not_there_is_told_in_whatever_words(status: int, body: object, kind: type[Any]) -> None:
    async with served(Answer(body, status)) as server:
        error = await failure(server.url, kind)
    assert type(error) is RejectedError
    assert str(error).startswith(f"{urlsplit(server.url).netloc} has no model 'm' for this key; check its name (")


@both
@pytest.mark.parametrize(("status", "body"), OTHERWISE_WRONG)
async def test_what_is_otherwise_wrong_is_told_in_the_providers_words(
    status: int, body: dict[str, dict[str, str]], kind: type[Any]
) -> None:
    async with served(Answer(body, status)) as server:
        error = await failure(server.url, kind)
    assert type(error) is RejectedError
    assert str(error) == f"{urlsplit(server.url).netloc} answered HTTP {status}: {body['error']['message']}"


@both
@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "API key not valid. Please pass a valid API key."),
        (401, "invalid x-api-key"),
        (403, "Your API key does not have access to this resource."),
    ],
)
async def test_a_key_that_is_none_is_told_in_whatever_words(status: int, message: str, kind: type[Any]) -> None:
    async with served(Answer({"error": {"message": message}}, status)) as server:
        error = await failure(server.url, kind, variable="MY_KEY")
    assert type(error) is RejectedError
    assert "does not accept the key; set MY_KEY to one that is valid there" in str(error)


@both
@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."),
        (400, "This model does not support response format `json_schema`."),
        (400, "This response_format type is unavailable now"),
        (400, "'m' does not support output format."),
        (400, "output_config.format: Extra inputs are not permitted"),
        (422, "Structured outputs are not supported by this deployment"),
    ],
)
async def test_structured_answers_that_cannot_be_had_are_told_in_whatever_words(
    status: int, message: str, kind: type[Any]
) -> None:
    async with served(Answer({"error": {"message": message}}, status)) as server:
        error = await failure(server.url, kind)
    assert type(error) is RejectedError
    assert "cannot answer in JSON of a schema; choose a model that can" in str(error)
