import time
from collections.abc import Iterator

import pytest

from lithograph.resilience.delay import asked_delay

NOW = 1_700_000_000.0
"""Tuesday, 14 November 2023, 22:13:20 UTC."""


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "20"}, 20.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30.0),
        ({"retry-after": "Tuesday, 14-Nov-23 22:13:50 GMT"}, 30.0),
        ({"retry-after": "Tue Nov 14 22:13:50 2023"}, 30.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:00 GMT"}, 0.0),
        ({"retry-after": "Tue, 14 Nov 2023 23:13:50 +0100"}, 30.0),
        ({"retry-after": "later"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_a_header_says_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_delay(headers, (), "Rate limit reached", NOW) == seconds


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Please try again in 1.2s. Visit https://example.org/limits", 1.2),
        ("Please try again in 20ms.", 0.02),
        ("Please try again in 7m12.5s.", 432.5),
        ("Please try again in 1h2m3s.", 3723.0),
        ("Please retry after 6 seconds.", 6.0),
        ("Please retry in 26.349s.", 26.349),
        ("Try again in 1 minute", 60.0),
        ("please wait 250 milliseconds", 0.25),
        ("Please try again in a few moments.", None),
        ("Limit 200000, Used 162960, Requested 42288.", None),
    ],
)
def test_a_message_says_how_long_to_wait(message: str, seconds: float | None) -> None:
    found = asked_delay({}, (), message, NOW)
    assert found == (None if seconds is None else pytest.approx(seconds))


def test_a_header_is_believed_before_the_body_and_the_body_before_the_message() -> None:
    message = "Please try again in 3s."
    assert asked_delay({"retry-after": "1"}, ["2s"], message, NOW) == 1.0
    assert asked_delay({"retry-after": "later"}, ["2.5s"], message, NOW) == 2.5
    assert asked_delay({}, ["soon"], message, NOW) == 3.0


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Another time zone than the one in which dates are written."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_tokyo")
@pytest.mark.parametrize("date", ["Tue Nov 14 22:13:50 2023", "Tue, 14 Nov 2023 22:13:50 -0000"])
def test_a_date_without_a_zone_is_in_universal_time(date: str) -> None:
    assert asked_delay({"retry-after": date}, (), "", NOW) == 30.0
