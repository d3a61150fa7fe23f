"""A key makes as many requests as it may, in bursts and in the long run, whatever others do."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from lithograph.api.rates import Rates


@dataclass
class Clock:
    time: float = 0.0

    def __call__(self) -> float:
        return self.time


def test_a_burst_is_allowed_and_what_follows_is_told_when() -> None:
    clock = Clock()
    rates = Rates(10.0, 3, clock)
    assert [rates.wait("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.1]
    assert rates.wait("b") == 0.0
    clock.time = 0.1
    assert [rates.wait("a"), rates.wait("a") > 0] == [0.0, True]


@given(st.lists(st.floats(0, 3, allow_nan=False), max_size=200), st.integers(1, 20), st.floats(0.5, 50))
def test_no_window_holds_more_than_the_burst_and_what_flows_in(pauses: list[float], burst: int, rate: float) -> None:
    clock, granted = Clock(), list[float]()
    rates = Rates(rate, burst, clock)
    for pause in pauses:
        clock.time += pause
        if not rates.wait("a"):
            granted.append(clock.time)
    for first, begin in enumerate(granted):
        for last, end in enumerate(granted[first:], start=first):
            assert last - first + 1 <= burst + (end - begin) * rate + 1e-6


def test_those_who_have_not_asked_for_long_are_forgotten_and_may_ask_anew() -> None:
    rates = Rates(0.001, 1, Clock())
    assert not rates.wait("first")
    assert rates.wait("first")
    for number in range(10_000):
        rates.wait(str(number))
    assert not rates.wait("first")
