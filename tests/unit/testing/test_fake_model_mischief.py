from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.asking import CHAT, MESSAGES, PATHS, Asker, chat, finish_of, text_of
from tests.builders import ONTOLOGY

from lithograph.errors import UsageError
from lithograph.testing.fake_model import FakeModel
from lithograph.testing.fake_model.exchange import Delivery


@PATHS
@pytest.mark.parametrize(("fault", "status"), [("429", 429), ("429-after=2", 429), ("500", 500), ("503", 503)])
async def test_errors_come_at_once_and_in_the_providers_words(path: str, fault: str, status: int) -> None:
    reply = await Asker(fail=f"{fault}:1", latency=5.0).post(path, chat(path))
    assert (reply.status, reply.wait, reply.delivery) == (status, 0.0, Delivery.WHOLE)
    assert reply.headers.get("retry-after") == ("2" if fault == "429-after=2" else None)
    kind = msgspec.json.decode(reply.body)["error"]["type"]
    assert kind in {
        429: ("requests", "rate_limit_error"), 500: ("server_error", "api_error"), 503: ("server_error", "api_error"),
    }[status]  # fmt: skip


@PATHS
async def test_overload_is_said_as_anthropic_says_it(path: str) -> None:
    reply = await Asker(fail="529:1").post(path, chat(path))
    assert reply.status == 529
    body = msgspec.json.decode(reply.body)
    assert (body["type"], body["error"]) == ("error", {"type": "overloaded_error", "message": "Overloaded"})


@pytest.mark.parametrize(
    ("fault", "delivery", "seconds"),
    [
        ("timeout", Delivery.NEVER, 0.0),
        ("drop", Delivery.DROPPED, 0.0),
        ("cut", Delivery.CUT, 0.0),
        ("drip=2", Delivery.DRIPPED, 2.0),
    ],
)
async def test_faults_of_the_connection_are_the_servers_to_commit(
    fault: str, delivery: Delivery, seconds: float
) -> None:
    asker = Asker(fail=f"{fault}:1", latency=0.5)
    reply = await asker.post(CHAT, chat())
    assert (reply.delivery, reply.seconds, reply.wait) == (delivery, seconds, 0.5)
    unsent = delivery in (Delivery.NEVER, Delivery.DROPPED)
    assert asker.model.stats().by_status == ({} if unsent else {"200": 1})


def is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True


@PATHS
@pytest.mark.parametrize(
    ("fault", "right"),
    [
        ("truncated", lambda text, finish: not is_json(text) and finish in ("stop", "end_turn")),
        ("length", lambda text, finish: not is_json(text) and finish in ("length", "max_tokens")),
        ("fenced", lambda text, finish: text.startswith("```json\n{") and text.endswith("}\n```")),
        ("prose", lambda text, finish: "\n\n{" in text and "}\n\n" in text and not is_json(text)),
        ("empty", lambda text, finish: text == "" and finish in ("stop", "end_turn")),
        ("refusal", lambda text, finish: not text and finish in ("stop", "refusal")),
        ("malformed", lambda text, finish: msgspec.json.decode(text) == {"mentions": "as stated in the text"}),
    ],
)
async def test_faults_of_writing_are_in_the_answer(path: str, fault: str, right: Callable[[Any, str], bool]) -> None:
    asker = Asker(fail=f"{fault}:1")
    body = await asker.chat(path)
    assert right(text_of(path, body), finish_of(path, body))
    stats = asker.model.stats()
    assert (stats.by_status, stats.faults, stats.answered) == ({"200": 1}, {fault: 1}, 0)


async def test_a_refusal_is_said_beside_the_answer() -> None:
    message = (await Asker(fail="refusal:1").chat())["choices"][0]["message"]
    assert message["content"] is None
    assert message["refusal"].startswith("I'm sorry")


async def test_an_outage_is_for_all_and_ends() -> None:
    asker, statuses = Asker(fail="outage=10-30,task=relations"), []
    for seconds in (0, 10, 19, 2):
        asker.clock.now += seconds
        statuses.append((await asker.post(CHAT, chat())).status)
    assert statuses == [200, 503, 503, 200]
    assert asker.model.stats().faults == {"outage": 2}


async def test_an_outage_can_be_ended_at_run_time() -> None:
    asker = Asker(fail="503:1")
    assert (await asker.post(CHAT, chat())).status == 503
    assert (await asker.post("/faults", {"fail": ""})).status == 200
    assert (await asker.post(CHAT, chat())).status == 200


@pytest.mark.parametrize("body", [{"fail": "500"}, {"fale": ""}, b"x"])
async def test_faults_that_are_not_understood_change_nothing(body: object) -> None:
    asker = Asker(fail="503:1")
    reply = await asker.post("/faults", body)
    assert reply.status == 400
    assert msgspec.json.decode(reply.body)["error"]["message"]
    assert (await asker.post(CHAT, chat())).status == 503


def test_a_model_is_not_made_with_faults_that_are_not_understood() -> None:
    with pytest.raises(UsageError, match="'500' is not understood"):
        FakeModel([ONTOLOGY], fail="500")


@PATHS
async def test_limits_are_kept_and_told(path: str) -> None:
    asker = Asker(fail="rpm=2,tpm=10000")
    first = await asker.post(path, chat(path))
    await asker.post(path, chat(path))
    refused = await asker.post(path, chat(path))
    assert [first.status, refused.status] == [200, 429]
    assert (refused.headers["retry-after"], refused.headers["retry-after-ms"]) == ("30", "30000")
    asker.clock.now += 30
    assert (await asker.post(path, chat(path))).status == 200
    assert asker.model.stats().faults == {"rpm": 1}
    if path == MESSAGES:
        assert first.headers["anthropic-ratelimit-requests-limit"] == "2"
        assert first.headers["anthropic-ratelimit-requests-remaining"] == "1"
        assert first.headers["anthropic-ratelimit-requests-reset"] == "2026-03-31T12:00:30Z"
    else:
        assert first.headers["x-ratelimit-limit-requests"] == "2"
        assert first.headers["x-ratelimit-remaining-requests"] == "1"
        assert first.headers["x-ratelimit-reset-requests"] == "30s"
        message = msgspec.json.decode(refused.body)["error"]["message"]
        assert "requests per min (RPM): Limit 2, Used 2, Requested 1. Please try again in 30s." in message


async def test_tokens_are_limited_by_what_was_used() -> None:
    used = (await Asker().chat())["usage"]["total_tokens"]
    asker = Asker(fail=f"tpm={used + 5}")
    await asker.chat()
    reply = await asker.post(CHAT, chat())
    assert reply.status == 429
    assert msgspec.json.decode(reply.body)["error"]["type"] == "tokens"
    assert reply.headers["x-ratelimit-remaining-tokens"] == "5"


async def test_places_are_taken_until_the_end() -> None:
    asker = Asker(fail="concurrency=2")
    calls = [await asker.begin(CHAT, chat()) for _ in range(3)]
    assert [call.reply.status for call in calls] == [200, 200, 429]
    assert asker.model.stats().in_flight == 3
    for call in calls:
        asker.model.end(call, complete=True)
    assert (await asker.post(CHAT, chat())).status == 200
    stats = asker.model.stats()
    assert (stats.in_flight, stats.peak_in_flight, stats.faults) == (0, 3, {"concurrency": 1})
