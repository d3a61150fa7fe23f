import pytest

from lithograph.durable.activity import InlineActivities
from lithograph.errors import ActivityError, ExhaustedError, TransientError


async def double(number: int) -> int:
    return 2 * number


async def test_inline_returns_what_the_function_returns() -> None:
    assert await InlineActivities().run("double/2", double, 2) == 4


async def test_a_lithograph_error_becomes_one_that_names_the_activity() -> None:
    async def busy(number: int) -> int:
        raise TransientError("come back later")

    with pytest.raises(ActivityError, match="come back later") as caught:
        await InlineActivities().run("mentions/c1", busy, 1)
    assert (caught.value.activity, caught.value.attempts) == ("mentions/c1", 1)
    assert isinstance(caught.value.__cause__, TransientError)


async def test_a_provider_that_was_asked_often_tells_how_often() -> None:
    async def tired(number: int) -> int:
        raise ExhaustedError("nothing came", attempts=4)

    with pytest.raises(ActivityError, match="nothing came") as caught:
        await InlineActivities().run("mentions/c1", tired, 1)
    assert caught.value.attempts == 4


async def test_any_other_error_passes_unchanged() -> None:
    async def broken(number: int) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await InlineActivities().run("mentions/c1", broken, 1)
