"""The delay that a provider asks for, in all the forms in which it does.

Headers come first, since they are meant for programs: `retry-after-ms`, `Retry-After` in seconds, `Retry-After` as a
date. Then Google's `RetryInfo` in the body, then the message's own words: "Please try again in 1m20.5s".
"""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

_IN_WORDS = re.compile(r"(?:(?:try again|retry)(?: in| after)|wait)\s+((?:\d+(?:\.\d+)?\s*[a-z]+\s*)+)", re.IGNORECASE)
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|milli|d|h|m|s)", re.IGNORECASE)
_SECONDS = {"ms": 0.001, "milli": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def asked_delay(headers: Mapping[str, str], retry_info: Iterable[str], message: str, now: float) -> float | None:
    """Return the seconds to wait, never negative; none where nothing readable says so.

    `headers` have names in lower case, `retry_info` are delays such as "26s", and `now` is in seconds since 1970: a
    date counts from it.
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    after = headers.get("retry-after", "")
    for delay in (_number(after), _until(after, now), *map(_spoken, retry_info)):
        if delay is not None:
            return delay
    words = _IN_WORDS.search(message)
    return _spoken(words[1]) if words else None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None


def _until(text: str, now: float) -> float | None:
    """Return the seconds until a date as HTTP writes it, 0 when it has passed."""
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now)


def _spoken(text: str) -> float | None:
    """Return the seconds of "26s", "644ms", "1m20.5s" or "6 seconds"."""
    parts = _PART.findall(text)
    return math.fsum(float(number) * _SECONDS[unit.lower()] for number, unit in parts) if parts else None
