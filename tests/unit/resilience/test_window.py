from hypothesis import given
from hypothesis import strategies as st

from lithograph.resilience.window import SlidingWindow


def test_there_is_room_until_the_limit_and_again_when_enough_has_left() -> None:
    window = SlidingWindow(100)
    window.use(60, 0.0)
    window.use(30, 10.0)
    assert window.opens(10, 20.0) == 20.0
    assert window.opens(11, 20.0) == 60.0
    assert window.opens(70, 20.0) == 60.0
    assert window.opens(71, 20.0) == 70.0


def test_a_use_counts_for_a_minute_and_no_longer() -> None:
    window = SlidingWindow(1)
    window.use(1, 0.0)
    assert window.opens(1, 59.999) == 60.0
    assert window.opens(1, 60.0) == 60.0
    assert window.used == 0


def test_more_than_the_limit_has_room_when_the_window_is_empty() -> None:
    window = SlidingWindow(100)
    assert window.opens(5000, 0.0) == 0.0
    window.use(1, 0.0)
    assert window.opens(5000, 1.0) == 60.0
    assert window.opens(5000, 60.0) == 60.0
    window.use(5000, 60.0)
    assert window.used == 100


def test_a_correction_counts_at_once_and_at_the_time_of_the_use() -> None:
    window = SlidingWindow(100)
    use = window.use(100, 0.0)
    use.correct(40)
    assert window.opens(60, 30.0) == 30.0
    use.correct(300)
    assert window.opens(1, 30.0) == 60.0
    assert window.opens(0, 30.0) == 60.0


def test_a_correction_that_comes_after_a_minute_changes_nothing() -> None:
    window = SlidingWindow(100)
    use = window.use(100, 0.0)
    assert window.opens(100, 60.0) == 60.0
    use.correct(5)
    assert window.used == 0


def test_what_was_used_before_there_was_a_limit_counts() -> None:
    window = SlidingWindow(None)
    window.use(80, 0.0)
    assert window.opens(80, 1.0) == 1.0
    window.limit = 100
    assert window.opens(30, 1.0) == 60.0


@given(
    limit=st.integers(1, 20),
    steps=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 25), st.none() | st.integers(0, 25)), max_size=30),
)
def test_room_is_found_at_the_earliest_time_at_which_the_last_minute_has_it(
    limit: int, steps: list[tuple[int, int, int | None]]
) -> None:
    """Against a sum over the whole past, second by second."""
    window, past, now = SlidingWindow(limit), list[tuple[float, int]](), 0.0

    def room(amount: int, at: float) -> bool:
        return sum(used for when, used in past if at < when + 60) + min(amount, limit) <= limit

    for seconds, amount, corrected in steps:
        now += seconds
        opens = window.opens(amount, now)
        assert opens == next(at for at in map(float, range(int(now), int(now) + 61)) if room(amount, at))
        now = opens
        assert window.opens(amount, now) == now
        use = window.use(amount, now)
        past.append((now, min(amount, limit)))
        if corrected is not None:
            use.correct(corrected)
            past[-1] = (now, corrected)
