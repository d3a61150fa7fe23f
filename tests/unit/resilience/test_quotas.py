import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lithograph.resilience.quotas import Quotas, read_quotas

DATE = "Sun, 23 Nov 2025 13:21:09 GMT"


def openai(kind: str, limit: str, remaining: str, reset: str) -> dict[str, str]:
    values = {"limit": limit, "remaining": remaining, "reset": reset}
    return {f"x-ratelimit-{name}-{kind}": value for name, value in values.items()}


def anthropic(kind: str, limit: str, remaining: str, reset: str) -> dict[str, str]:
    values = {"limit": limit, "remaining": remaining, "reset": reset}
    return {"date": DATE} | {f"anthropic-ratelimit-{kind}-{name}": value for name, value in values.items()}


def test_openai_tells_limits() -> None:
    headers = openai("requests", "10000", "9999", "6ms") | openai("tokens", "30000000", "29999989", "0s")
    assert read_quotas(headers) == Quotas(10_000, 30_000_000)


def test_anthropic_tells_limits() -> None:
    headers = anthropic("requests", "4000", "3999", "2025-11-23T13:21:10Z")
    headers |= anthropic("input-tokens", "400000", "400000", "2025-11-23T13:21:10Z")
    headers |= anthropic("output-tokens", "80000", "80000", "2025-11-23T13:21:10Z")
    assert read_quotas(headers) == Quotas(4000, 480_000)
    headers |= anthropic("tokens", "470000", "470000", "2025-11-23T13:21:10Z")
    assert read_quotas(headers) == Quotas(4000, 470_000)


def test_the_limit_of_input_alone_is_none_of_a_call() -> None:
    assert read_quotas(anthropic("input-tokens", "400000", "1", "2025-11-23T13:21:10Z")).tokens is None


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("1s", 1.0),
        ("120ms", 0.12),
        ("6m0s", 360.0),
        ("1h0m0s", 3600.0),
        ("2m59.56s", 179.56),
        ("34µs", 0.000034),
        ("17", 17.0),
        ("0.5", 0.5),
        ("0", 0.0),
        ("0s", 0.0),
        ("23h59m51.36s", 0.0),
        ("1700000000", 0.0),
        ("-1s", 0.0),
        ("soon", 0.0),
        ("1s or so", 0.0),
        ("['2ms', 'req_fcbf1d5389cb4a908ff622465164f997']", 0.0),
        ("", 0.0),
    ],
)
def test_when_nothing_remains_the_reset_says_for_how_long(reset: str, seconds: float) -> None:
    assert read_quotas(openai("requests", "500", "0", reset)).exhausted == pytest.approx(seconds)
    assert read_quotas(openai("tokens", "30000", "0", reset)).exhausted == pytest.approx(seconds)
    assert read_quotas(openai("tokens", "30000", "1", reset)).exhausted == 0.0


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("2025-11-23T13:21:39Z", 30.0),
        ("2025-11-23T14:21:10+01:00", 1.0),
        ("2025-11-23T13:21:07Z", 0.0),
        ("2025-11-23T15:21:09Z", 0.0),
        ("2025-11-23T13:21:39", 0.0),
        ("2025-11-23", 0.0),
    ],
)
@pytest.mark.parametrize("kind", ["requests", "tokens", "input-tokens", "output-tokens"])
def test_a_reset_at_a_time_is_compared_with_the_date_of_the_answer(kind: str, reset: str, seconds: float) -> None:
    assert read_quotas(anthropic(kind, "80000", "0", reset)).exhausted == seconds


@pytest.mark.parametrize("date", ["", "yesterday", "Sun, 23 Nov 2025 13:21:09 -0000", "Sun, 99 Foo"])
def test_without_a_date_such_a_reset_means_nothing(date: str) -> None:
    headers = anthropic("tokens", "80000", "0", "2025-11-23T13:21:39Z") | {"date": date}
    assert read_quotas(headers) == Quotas(None, 80_000)


def test_the_longest_of_several_resets_counts() -> None:
    headers = openai("requests", "500", "0", "2s") | openai("tokens", "30000", "0", "40s")
    assert read_quotas(headers).exhausted == 40.0


@pytest.mark.parametrize("limit", ["-1", "0", "", "many", "1.5", "10, 10", "1e3", "²", "9" * 400])
def test_a_limit_that_cannot_be_meant_is_not_read(limit: str) -> None:
    assert read_quotas(openai("tokens", limit, "-1", "0")) == Quotas()


def test_a_limit_below_what_remains_is_not_read() -> None:
    assert read_quotas(openai("requests", "10", "119", "1s")) == Quotas()


def test_names_are_read_however_they_are_capitalised() -> None:
    assert read_quotas({"X-RateLimit-Limit-Requests": " 500 "}) == Quotas(500)


def test_other_headers_say_nothing() -> None:
    assert read_quotas({"retry-after": "30", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}) == Quotas()


def test_every_recorded_answer_can_be_read(shared_data: Path) -> None:
    limits = set()
    for file in sorted((shared_data / "replay").glob("*.jsonl")):
        for line in file.read_text().splitlines():
            headers = json.loads(line).get("headers") or {}
            quotas = read_quotas({name: str(value) for name, value in headers.items()})
            assert quotas.exhausted == 0.0
            limits.add((quotas.requests, quotas.tokens))
    assert {(10_000, 30_000_000), (3_000, 250_000), (4_000, 480_000), (None, 2_400_000), (50, 40_000)} <= limits
    assert all((tokens or 30_000) >= 30_000 for _, tokens in limits)


texts = st.text(max_size=30) | st.from_regex(r"[0-9.:TZ+\-]{0,30}|([0-9.]{1,5}[hms]{1,2}){0,3}", fullmatch=True)


@given(limit=texts, remaining=st.just("0") | texts, reset=texts, date=st.just(DATE) | texts)
@example(limit="1", remaining="0", reset="9999-12-31T23:59:59-23:59", date="Mon, 01 Jan 0001 00:00:00 +2359")
def test_nothing_in_a_header_is_an_error(limit: str, remaining: str, reset: str, date: str) -> None:
    headers = anthropic("tokens", limit, remaining, reset) | openai("tokens", limit, remaining, reset) | {"date": date}
    quotas = read_quotas(headers)
    assert quotas.tokens is None or quotas.tokens > 0
    assert 0.0 <= quotas.exhausted <= 3600.0
