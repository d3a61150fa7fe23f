"""Quotas: what the headers of an answer say about the provider's limits.

OpenAI and those who speak like it: `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`, a reset being a duration
such as `6m0s`. Anthropic: `anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining,reset}`,
a reset being a time, which is compared with the answer's own `Date` and so with no clock of ours. In answers as they
are, a header may hold anything (`-1` is common): what is not plausible is not read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

_NAMES = {
    "x-ratelimit-{}-requests": "requests",
    "x-ratelimit-{}-tokens": "tokens",
    "anthropic-ratelimit-requests-{}": "requests",
    "anthropic-ratelimit-tokens-{}": "tokens",
    "anthropic-ratelimit-input-tokens-{}": "input",
    "anthropic-ratelimit-output-tokens-{}": "output",
}
_LONGEST_RESET = 3600.0
"""Seconds. The quota of a day refills bit by bit, long before the reset that it names: nobody should wait for that."""

_COUNT = re.compile(r"[0-9]{1,15}")
_DURATION = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,9})?(?:ns|us|µs|ms|s|m|h|d))+")
_PART = re.compile(r"([0-9.]+)([a-zµ]+)")
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class Quotas:
    """Limits per minute, None where none is told, and the seconds for which nothing remains of one of them.

    A provider that counts requests by the day tells the limit of a day, which is read as one of a minute: too high a
    limit does no harm here.
    """

    requests: int | None = None
    tokens: int | None = None
    exhausted: float = 0.0


def read_quotas(headers: Mapping[str, str]) -> Quotas:
    """Return what `headers` say, however their names are capitalised; nothing is an error."""
    given = {name.lower(): value.strip() for name, value in headers.items()}
    limits: dict[str, int] = {}
    exhausted = 0.0
    for pattern, kind in _NAMES.items():
        limit, remaining = (_count(given.get(pattern.format(field), "")) for field in ("limit", "remaining"))
        if limit and (remaining is None or remaining <= limit):
            limits.setdefault(kind, limit)
        if remaining == 0:
            exhausted = max(exhausted, _reset(given.get(pattern.format("reset"), ""), given.get("date", "")))
    tokens = limits.get("tokens")
    if tokens is None and "input" in limits and "output" in limits:
        tokens = limits["input"] + limits["output"]
    return Quotas(limits.get("requests"), tokens, exhausted)


def _count(text: str) -> int | None:
    return int(text) if _COUNT.fullmatch(text) else None


def _reset(text: str, date: str) -> float:
    """Return the seconds until a reset, 0.0 where it is over, cannot be read or cannot be meant."""
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    elif _DURATION.fullmatch(text):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    else:
        seconds = _between(date, text)
    return seconds if 0.0 < seconds <= _LONGEST_RESET else 0.0


def _between(date: str, time: str) -> float:
    """Return the seconds from an HTTP date to an RFC 3339 time, 0.0 where one of them is not that."""
    try:
        return (datetime.fromisoformat(time) - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError):  # the latter where only one of them has a time zone
        return 0.0
