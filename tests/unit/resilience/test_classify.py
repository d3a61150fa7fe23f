from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recorded import recorded
from tests.unit.resilience.expected_faults import ERRORS, ISSUE_ERRORS, Expected

from lithograph.errors import (
    LithographError,
    MalformedError,
    OverloadedError,
    PermanentError,
    RateLimitedError,
    RefusalError,
    RejectedError,
    TransientError,
    TruncatedError,
    UnavailableError,
)
from lithograph.resilience.classify import Fault, Trouble, Verdict, classify, error_of

NOW = 1_700_000_000.0


def judge(status: int, body: object = None, **headers: str) -> Verdict:
    verdict = classify(status, {name.replace("_", "-"): value for name, value in headers.items()}, body, NOW)
    assert verdict is not None
    return verdict


def say(message: str, **more: object) -> dict[str, object]:
    return {"error": {"message": message, **more}}


@pytest.mark.parametrize(
    ("name", "expected"), [("errors.jsonl", ERRORS), ("github_issue_errors.jsonl", ISSUE_ERRORS)], ids=["vcr", "issues"]
)
def test_every_recorded_error_is_what_a_reader_says_it_is(
    name: str, expected: dict[int, Expected], shared_data: Path
) -> None:
    lines = recorded(shared_data, name)
    assert [line.index for line in lines] == list(expected)
    wrong = []
    for line in lines:
        wanted, verdict = expected[line.index], classify(line.status, line.headers, line.body, NOW)
        if verdict is None or (verdict.fault, verdict.retry_after, verdict.trouble) != (
            wanted.fault,
            wanted.retry_after,
            wanted.trouble,
        ):
            wrong.append((line.index, wanted, verdict))
    assert wrong == []


@pytest.mark.parametrize("name", ["errors.jsonl", "github_issue_errors.jsonl"])
def test_every_recorded_error_has_a_short_message_on_one_line(name: str, shared_data: Path) -> None:
    for line in recorded(shared_data, name):
        message = judge(line.status, line.body).message
        assert 0 < len(message) <= 300
        assert message == " ".join(message.split())
        assert "sk-" not in message
        assert "<" not in message


@pytest.mark.parametrize(("name", "waits"), [("odd.jsonl", 41), ("structured_ok.jsonl", 3)])
def test_no_recorded_answer_is_an_error_even_where_it_tells_to_wait(name: str, waits: int, shared_data: Path) -> None:
    lines = recorded(shared_data, name)
    assert sum("retry-after" in line.headers for line in lines) == waits
    assert [line.index for line in lines if classify(line.status, line.headers, line.body, NOW)] == []


def test_the_wait_is_read_from_the_headers_the_body_and_the_message() -> None:
    assert judge(429, say("Slow"), Retry_After="7").retry_after == 7.0
    assert judge(503, None, Retry_After="Tue, 14 Nov 2023 22:13:50 GMT").retry_after == 30.0
    assert judge(429, say("Slow", details=[{"retryDelay": "26s"}])).retry_after == 26.0
    assert judge(429, say("word " * 100 + "Please try again in 4s.")).retry_after == 4.0


@pytest.mark.parametrize("status", [400, 401, 404])
def test_no_wait_is_given_where_waiting_does_not_help(status: int) -> None:
    assert judge(status, say("Please try again in 4s."), retry_after="7").retry_after is None


@pytest.mark.parametrize(("status", "message"), [(429, "HTTP 429 Too Many Requests"), (599, "HTTP 599")])
def test_an_answer_without_words_is_named_by_its_status(status: int, message: str) -> None:
    assert judge(status, {}).message == message


@pytest.mark.parametrize("body", [None, "fine", {"choices": [], "error": None}, {"error": ""}, [], [{"id": 1}]])
def test_a_200_without_an_error_object_is_no_error(body: object) -> None:
    assert classify(200, {"retry-after": "30"}, body, NOW) is None


def test_a_header_on_a_200_gives_no_wait_even_where_the_body_is_an_error() -> None:
    assert judge(200, say("Slow", code=429), retry_after="30").retry_after is None
    assert judge(200, say("Please try again in 4s.", code=429), retry_after="30").retry_after == 4.0
    assert judge(200, say("Slow", code="9" * 5000), retry_after="30").fault is Fault.TRANSIENT


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (say("Provider returned error", code=502), Fault.TRANSIENT),
        (say("Rate limited", code=429), Fault.RATE_LIMITED),
        (say("No endpoints found", code=404), Fault.PERMANENT),
        (say("Your input was flagged", code=403), Fault.CONTENT),
        (say("Overloaded", type="overloaded_error"), Fault.OVERLOADED),
        (say("Slow", type="rate_limit_error"), Fault.RATE_LIMITED),
        (say("no", type="invalid_request_error"), Fault.PERMANENT),
        (say("pay first", code="insufficient_quota"), Fault.PERMANENT),
        (say("The server had an error", type="server_error"), Fault.TRANSIENT),
        (say("Something else"), Fault.TRANSIENT),
        ({"error": "llama runner process has terminated"}, Fault.TRANSIENT),
        ({"type": "error", "error": {"type": "api_error", "message": "Internal"}}, Fault.TRANSIENT),
        ({"object": "error", "message": "context length exceeded", "code": 40303}, Fault.CONTENT),
        ([{"error": {"code": 503, "status": "UNAVAILABLE", "message": "high demand"}}], Fault.OVERLOADED),
        ({"choices": [{"finish_reason": "error", "error": {"code": 502, "message": "gone"}}]}, Fault.TRANSIENT),
    ],
)
def test_an_error_object_in_a_200_is_an_error(body: object, fault: Fault) -> None:
    assert judge(200, body).fault is fault


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (401, say("Incorrect API key provided"), Fault.PERMANENT),
        (402, say("Insufficient Balance"), Fault.PERMANENT),
        (403, say("Access denied"), Fault.PERMANENT),
        (404, say("Not found"), Fault.PERMANENT),
        (400, say("Unknown parameter"), Fault.PERMANENT),
        (413, "<html><head><title>413 Request Entity Too Large</title></head></html>", Fault.PERMANENT),
        (422, {"detail": [{"loc": ["body", "model"], "msg": "field required"}]}, Fault.PERMANENT),
        (301, None, Fault.PERMANENT),
        (408, None, Fault.TRANSIENT),
        (409, say("The resource is locked"), Fault.TRANSIENT),
        (425, None, Fault.TRANSIENT),
        (500, None, Fault.TRANSIENT),
        (503, None, Fault.TRANSIENT),
        (504, "<html>\n<body>upstream timed out</body>", Fault.TRANSIENT),
        (599, None, Fault.TRANSIENT),
        (503, say("This model is currently experiencing high demand."), Fault.OVERLOADED),
        (503, {"error": "Model bigscience/bloom is currently loading", "estimated_time": 20.0}, Fault.OVERLOADED),
        (500, say("Overloaded", type="overloaded_error"), Fault.OVERLOADED),
        (429, say("The engine is currently overloaded, please try again later"), Fault.OVERLOADED),
        (529, None, Fault.OVERLOADED),
        (429, None, Fault.RATE_LIMITED),
        (403, {"error": {"errors": [{"reason": "rateLimitExceeded"}], "message": "Slow"}}, Fault.RATE_LIMITED),
        (400, say("Your credit balance is too low to access the API."), Fault.PERMANENT),
        (500, say("context length"), Fault.TRANSIENT),
        (429, say("Above the maximum number of tokens of this minute"), Fault.RATE_LIMITED),
        (400, say("the method is overloaded"), Fault.PERMANENT),
        (401, say("Your account was flagged"), Fault.PERMANENT),
        (429, say("Your account was flagged"), Fault.RATE_LIMITED),
    ],
)
def test_status_and_words_together_say_what_it_is(status: int, body: object, fault: Fault) -> None:
    assert judge(status, body).fault is fault


@pytest.mark.parametrize(
    ("body", "retry_after", "fault"),
    [
        (say("You exceeded your current quota, please check your plan and billing details."), None, Fault.PERMANENT),
        (say("You exceeded your current quota, please check your plan and billing details."), "5", Fault.RATE_LIMITED),
        (say("Rate limit exceeded: free-models-per-day. Add 10 credits."), None, Fault.PERMANENT),
        (say("Rate limit on tokens per day (TPD): try again in 8m12s."), None, Fault.RATE_LIMITED),
        (say("unpaid", code="billing_hard_limit_reached"), "5", Fault.PERMANENT),
    ],
    ids=["unpaid", "a minute's quota", "a day's quota", "a rolling day", "a limit of money"],
)
def test_a_quota_is_used_up_when_no_waiting_helps(body: object, retry_after: str | None, fault: Fault) -> None:
    verdict = judge(429, body, **({"retry_after": retry_after} if retry_after else {}))
    assert verdict.fault is fault
    assert (verdict.retry_after is None) == (fault is Fault.PERMANENT)


def test_bedrock_says_in_a_header_what_it_is() -> None:
    kind = "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/"
    assert judge(429, {"message": "Too many tokens, please wait"}, x_amzn_errortype=kind).fault is Fault.RATE_LIMITED
    assert judge(400, {"message": "Too fast"}, x_amzn_errortype=kind).fault is Fault.RATE_LIMITED
    assert judge(429, {"message": "Too many tokens per day"}, x_amzn_errortype=kind).fault is Fault.PERMANENT
    assert judge(429, {"message": "warming up"}, x_amzn_errortype="ModelNotReadyException").fault is Fault.OVERLOADED
    assert judge(400, {"message": "no"}, x_amzn_errortype="ServiceQuotaExceededException").fault is Fault.PERMANENT


@pytest.mark.parametrize(
    ("status", "body", "trouble"),
    [
        (
            400,
            say("filtered", code="content_filter", innererror={"code": "ResponsibleAIPolicyViolation"}),
            Trouble.REFUSED,
        ),
        (400, say("rejected as a result of our safety system"), Trouble.REFUSED),
        (400, say("Output blocked by content filtering policy", type="invalid_request_error"), Trouble.REFUSED),
        (400, say("Content Exists Risk", type="invalid_request_error"), Trouble.REFUSED),
        (403, say("Your input was flagged", metadata={"flagged_input": "..."}), Trouble.REFUSED),
        (400, say("Please reduce the length", code="context_length_exceeded"), Trouble.TOO_LONG),
        (400, {"message": "Input is too long for requested model."}, Trouble.TOO_LONG),
        (400, say("The input token count exceeds the maximum number of tokens allowed (1048576)."), Trouble.TOO_LONG),
        (413, say("Request too large for model `llama` on tokens per minute (TPM)"), Trouble.TOO_LONG),
        (
            400,
            say("the request exceeds the available context size", type="exceed_context_size_error"),
            Trouble.TOO_LONG,
        ),
        (400, say("Failed to generate JSON", code="json_validate_failed"), Trouble.UNUSABLE),
        (
            400,
            say("max completion tokens reached before generating a valid document", code="json_validate_failed"),
            Trouble.TOO_LONG,
        ),
    ],
)
def test_what_is_wrong_with_a_text_is_told_apart(status: int, body: object, trouble: Trouble) -> None:
    verdict = judge(status, body)
    assert verdict.fault is Fault.CONTENT
    assert verdict.trouble is trouble


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [
        (Verdict(Fault.TRANSIENT, 1.0, "m"), UnavailableError),
        (Verdict(Fault.OVERLOADED, None, "m"), OverloadedError),
        (Verdict(Fault.RATE_LIMITED, 2.5, "m"), RateLimitedError),
        (Verdict(Fault.PERMANENT, None, "m"), RejectedError),
        (Verdict(Fault.CONTENT, None, "m", Trouble.REFUSED), RefusalError),
        (Verdict(Fault.CONTENT, None, "m", Trouble.TOO_LONG), TruncatedError),
        (Verdict(Fault.CONTENT, None, "m", Trouble.UNUSABLE), MalformedError),
    ],
)
def test_a_verdict_is_the_error_that_says_what_to_do(verdict: Verdict, kind: type[LithographError]) -> None:
    error = error_of(verdict)
    assert type(error) is kind
    assert str(error) == "m"
    passing = verdict.fault in (Fault.TRANSIENT, Fault.OVERLOADED, Fault.RATE_LIMITED)
    assert isinstance(error, TransientError if passing else PermanentError)
    if isinstance(error, RateLimitedError):
        assert error.retry_after == 2.5


@pytest.mark.parametrize(
    ("verdict", "counts"),
    [
        (judge(500), True),
        (judge(500, retry_after="3"), True),
        (judge(408), True),
        (judge(529), True),
        (judge(429), True),
        (judge(429, retry_after="3"), False),
        (judge(429, say("Please try again in 3s.")), False),
        (judge(401), False),
        (judge(400, say("filtered", code="content_filter")), False),
    ],
)
def test_a_breaker_counts_what_fails_without_saying_for_how_long(verdict: Verdict, counts: bool) -> None:
    assert verdict.counts is counts


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "error",
                    "message",
                    "code",
                    "type",
                    "details",
                    "metadata",
                    "raw",
                    "choices",
                    "response",
                    "detail",
                    "object",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(100, 999),
    st.dictionaries(st.sampled_from(["Retry-After", "retry-after-ms", "x-amzn-errortype"]), st.text(max_size=20)),
    values,
)
def test_whatever_comes_is_classified(status: int, headers: dict[str, str], body: object) -> None:
    verdict = classify(status, headers, body, NOW)
    if verdict is None:
        assert 200 <= status < 300
        return
    assert verdict.message
    assert (verdict.trouble is not None) == (verdict.fault is Fault.CONTENT)
    assert verdict.retry_after is None or verdict.retry_after >= 0
    assert isinstance(error_of(verdict), LithographError)
