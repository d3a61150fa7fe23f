"""Classify: what an error answer of a provider means, once, for all of them.

What decides is what the caller must do:

    transient      try again after a while of its own choosing
    rate_limited   try again when the provider says so; others may be asked meanwhile
    overloaded     leave the provider alone for a while, whoever asks
    permanent      stop: the same request, and every other one like it, gets the same
    content        go on with the others: it is about this text, which is refused, too long, or was answered unusably

A request that is longer than the model's context is of the last kind: a shorter chunk goes through. So is one that
exceeds a rate limit all by itself, which no waiting helps. Connections that break and timeouts never answered
anything; whoever notices them says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from lithograph.errors import (
    LithographError,
    MalformedError,
    OverloadedError,
    RateLimitedError,
    RefusalError,
    RejectedError,
    TruncatedError,
    UnavailableError,
)
from lithograph.resilience.complaint import Complaint, anything_said, complaint_of
from lithograph.resilience.delay import asked_delay


class Fault(StrEnum):
    """What kind of error an answer is."""

    TRANSIENT = "transient"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    PERMANENT = "permanent"
    CONTENT = "content"


class Trouble(StrEnum):
    """What is wrong with a text, or with the answer to it."""

    REFUSED = "refused"
    TOO_LONG = "too_long"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an error answer means.

    `retry_after` is the seconds that the provider asks to wait, where it does and trying again makes sense. `message`
    is one line for a person, without secrets. `trouble` is there exactly for a fault of content.
    """

    fault: Fault
    retry_after: float | None
    message: str
    trouble: Trouble | None = None

    @property
    def counts(self) -> bool:
        """Whether a circuit breaker counts it."""
        return counts(error_of(self))


@dataclass(frozen=True, slots=True)
class _Sign:
    """Codes, or words of a message, by which something is known; both in lower case."""

    codes: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()

    def __contains__(self, complaint: Complaint) -> bool:
        return complaint.says(self.codes, self.words)


_TOO_LONG = _Sign(
    frozenset({"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"}),
    (
        "context length",
        "context window",
        "context limit",
        "context size",
        "prompt is too long",
        "input is too long",
        "too many tokens:",
        "maximum number of tokens",
        "request too large",
        "max completion tokens reached",
    ),
)
_ABOVE_THE_LIMIT = _Sign(words=("request too large",))
_UNUSABLE = _Sign(frozenset({"json_validate_failed", "tool_use_failed"}))
_REFUSED = _Sign(
    frozenset({"content_filter", "content_policy_violation", "responsibleaipolicyviolation"}),
    (
        "content management policy",
        "content policy",
        "content filter",
        "filtering policy",
        "was flagged",
        "safety system",
        "due to safety",
        "content exists risk",
    ),
)
_SPENT = _Sign(
    frozenset(
        {
            "insufficient_quota",
            "insufficient_balance",
            "exceeded_current_quota_error",
            "billing_hard_limit_reached",
            "billing_not_active",
            "servicequotaexceededexception",
        }
    ),
    ("insufficient balance", "insufficient credits", "credit balance is too low"),
)
_SPENT_UNLESS_TOLD_TO_WAIT = _Sign(words=("plan and billing", "per day", "per-day", "daily limit"))
_LIMITED = _Sign(
    frozenset(
        {"rate_limit_error", "rate_limit_exceeded", "ratelimitexceeded", "resource_exhausted", "throttlingexception"}
    ),
)
_OVERLOADED = _Sign(
    frozenset({"overloaded_error", "server_is_overloaded", "engine_overloaded_error", "modelnotreadyexception"}),
    ("overloaded", "high demand", "over capacity", "at capacity", "currently loading", "loading model", "slow down"),
)
_REJECTED = _Sign(
    frozenset(
        {
            "invalid_request_error",
            "authentication_error",
            "permission_error",
            "not_found_error",
            "invalid_api_key",
            "model_not_found",
        }
    )
)

_PASSING = frozenset({408, 409, 424, 425, 499})
"""Statuses below 500 that pass: a timeout, a conflict, a failure of the model behind it, too early, a cancellation."""

_NOT_ABOUT_THE_TEXT = frozenset({401, 404, 429})


def classify(status: int, headers: Mapping[str, str], body: object, now: float) -> Verdict | None:
    """Return what an answer means, none when it is no error.

    `body` is parsed JSON, or text, or none; `now` is the wall clock in seconds since 1970. An error object in the body
    of a 200 is an error. A `Retry-After` on a 200 means nothing, not even then: some send it with every answer.
    """
    named = {name.lower(): value for name, value in headers.items()}
    if 200 <= status < 300:
        found = complaint_of(named, body)
        if found is None:
            return None
        complaint, status, named = found, _status_of(found), {}
    else:
        complaint = anything_said(named, body)
    delay = asked_delay(named, complaint.delays, complaint.text, now)
    fault, trouble = _judged(status, complaint, delay)
    hopeless = fault in (Fault.PERMANENT, Fault.CONTENT)
    return Verdict(fault, None if hopeless else delay, complaint.message or _phrase(status), trouble)


def error_of(verdict: Verdict) -> LithographError:
    """Return the error that a verdict is.

    A text that is too long is a `TruncatedError` like an answer that was: both are helped by a shorter chunk.
    """
    kinds: dict[Fault | Trouble, type[LithographError]] = {
        Fault.TRANSIENT: UnavailableError,
        Fault.OVERLOADED: OverloadedError,
        Fault.PERMANENT: RejectedError,
        Trouble.REFUSED: RefusalError,
        Trouble.TOO_LONG: TruncatedError,
        Trouble.UNUSABLE: MalformedError,
    }
    if verdict.fault is Fault.RATE_LIMITED:
        return RateLimitedError(verdict.message, verdict.retry_after)
    return kinds[verdict.trouble or verdict.fault](verdict.message)


def counts(error: LithographError) -> bool:
    """Whether a circuit breaker counts an error: the provider fails, and does not say for how long."""
    if isinstance(error, RateLimitedError):
        return error.retry_after is None
    return isinstance(error, UnavailableError | OverloadedError)


def _judged(status: int, complaint: Complaint, delay: float | None) -> tuple[Fault, Trouble | None]:
    trouble = _trouble(status, complaint)
    if trouble is not None:
        return Fault.CONTENT, trouble
    if status < 500 and _spent(complaint, delay):
        return Fault.PERMANENT, None
    if status == 529 or ((status == 429 or status >= 500) and complaint in _OVERLOADED):
        return Fault.OVERLOADED, None
    if status == 429 or (status < 500 and complaint in _LIMITED):
        return Fault.RATE_LIMITED, None
    return (Fault.TRANSIENT if status >= 500 or status in _PASSING else Fault.PERMANENT), None


def _trouble(status: int, complaint: Complaint) -> Trouble | None:
    """Return what is wrong with the text; a server that failed, and a wrong key or address, say nothing about it."""
    if status < 500 and complaint in (_ABOVE_THE_LIMIT if status == 429 else _TOO_LONG):
        return Trouble.TOO_LONG
    if status < 500 and status not in _NOT_ABOUT_THE_TEXT:
        if complaint in _REFUSED:
            return Trouble.REFUSED
        if complaint in _UNUSABLE:
            return Trouble.UNUSABLE
    return None


def _spent(complaint: Complaint, delay: float | None) -> bool:
    """Whether a quota is used up for longer than anybody waits.

    Google words a minute's quota like an unpaid bill, and tells to wait 47 s for one that is used up for the day: the
    names of the quotas tell the two apart.
    """
    if complaint.quotas:
        return any("perday" in quota.lower() for quota in complaint.quotas)
    return complaint in _SPENT or (delay is None and complaint in _SPENT_UNLESS_TOLD_TO_WAIT)


def _status_of(complaint: Complaint) -> int:
    """Return the status that an error in the body of a 200 should have come with; 500 where nothing tells."""
    for code in sorted(complaint.codes):
        if len(code) == 3 and code.isdecimal() and 400 <= int(code) < 600:
            return int(code)
    if complaint in _OVERLOADED:
        return 529
    if complaint in _LIMITED:
        return 429
    known = complaint in _REJECTED or complaint in _TOO_LONG or complaint in _REFUSED or complaint in _SPENT
    return 400 if known else 500


def _phrase(status: int) -> str:
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"
