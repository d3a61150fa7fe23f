"""Steps, done by standing still and on a loop."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import anyio
import anyio.lowlevel
import pytest
from tests.journals import DEADLINE, until

from lithograph.storage.steps import TURN, OnLoop, Step, Steps, Wait, finished

Pair = tuple[socket.socket, socket.socket]


def fail() -> None:
    raise ValueError("no")


def steps_of(*steps: Step) -> Steps[str]:
    yield from steps
    return "done"


def patient(*steps: Step) -> Steps[str]:
    """Go on after what fails."""
    failures = []
    for step in steps:
        try:
            yield step
        except ValueError as error:
            failures.append(str(error))
    return " ".join(["done", *failures])


@pytest.fixture
def pair() -> Iterator[Pair]:
    mine, theirs = socket.socketpair()
    with mine, theirs:
        yield mine, theirs


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


def test_steps_are_done_in_their_order(pair: Pair) -> None:
    done: list[int] = []
    pair[1].send(b"1")
    steps = steps_of(lambda: done.append(1), TURN, Wait(pair[0].fileno()), lambda: done.append(2))
    assert (finished(steps), done) == ("done", [1, 2])


def test_a_step_that_was_asked_for_already_is_done_first() -> None:
    done: list[int] = []
    steps = steps_of(lambda: done.append(1), lambda: done.append(2))
    asked = next(steps)
    assert (finished(steps, asked), done) == ("done", [1, 2])


def test_what_a_step_raises_is_raised_where_it_was_asked_for() -> None:
    with pytest.raises(ValueError, match="no"):
        finished(steps_of(fail))
    assert finished(patient(fail, TURN, fail)) == "done no no"


class Doing:
    """Does steps on the loop, and remembers what came of them."""

    def __init__(self, steps: Steps[str], elsewhere: ThreadPoolExecutor, *, first: bool = True) -> None:
        self.told: list[str | Exception] = []
        self.begun = OnLoop(steps, elsewhere, self.told.append, first=first)
        self.begun.go_on()

    async def come_to(self) -> str | Exception:
        await until(lambda: bool(self.told))
        (result,) = self.told
        return result


def exhaust(end: socket.socket, writing: bool) -> None:
    """Read, or write, until it would have to be waited for."""
    with suppress(BlockingIOError):
        while True:
            _ = end.send(bytes(1 << 16)) if writing else end.recv(1)


@pytest.mark.parametrize("writing", [False, True])
async def test_the_loop_goes_on_while_a_socket_is_waited_for(
    writing: bool, pair: Pair, elsewhere: ThreadPoolExecutor
) -> None:
    mine, theirs = pair
    mine.setblocking(False)
    exhaust(mine, writing)
    for _ in range(2):  # the same descriptor can be watched again
        doing = Doing(steps_of(Wait(mine.fileno(), writing)), elsewhere)
        await anyio.wait_all_tasks_blocked()
        assert doing.told == []
        if writing:
            while not doing.told:
                theirs.recv(1 << 16)
                await anyio.lowlevel.checkpoint()
        else:
            theirs.send(b"1")
        assert await doing.come_to() == "done"
        assert not asyncio.get_running_loop().remove_reader(mine.fileno())
        assert not asyncio.get_running_loop().remove_writer(mine.fileno())
        exhaust(mine, writing)


async def test_what_is_called_is_called_in_a_thread_and_its_error_comes_back(elsewhere: ThreadPoolExecutor) -> None:
    threads: list[threading.Thread] = []
    doing = Doing(patient(lambda: threads.append(threading.current_thread()), fail), elsewhere)
    assert doing.told == []
    assert await doing.come_to() == "done no"
    assert threads != [threading.main_thread()]
    failed = await Doing(steps_of(fail), elsewhere).come_to()
    assert isinstance(failed, ValueError)


async def test_a_turn_is_waited_for_unless_one_is_the_first(elsewhere: ThreadPoolExecutor) -> None:
    assert Doing(steps_of(TURN, TURN), elsewhere).told == ["done"]
    second = Doing(steps_of(TURN, TURN), elsewhere, first=False)
    assert second.told == []
    second.begun.take_turn()
    assert second.told == ["done"]


async def test_a_turn_that_comes_before_it_is_asked_for_is_kept(pair: Pair, elsewhere: ThreadPoolExecutor) -> None:
    second = Doing(steps_of(Wait(pair[0].fileno()), TURN), elsewhere, first=False)
    second.begun.take_turn()
    assert second.told == []
    pair[1].send(b"1")
    assert await second.come_to() == "done"


@pytest.mark.parametrize("state", ["socket", "call", "turn"])
async def test_what_is_left_is_finished_by_standing_still(
    state: str, pair: Pair, elsewhere: ThreadPoolExecutor
) -> None:
    mine, theirs = pair
    let, calls = threading.Event(), list[str]()
    waited: dict[str, Callable[[], object]] = {
        "socket": Wait(mine.fileno()),
        "call": lambda: let.wait(DEADLINE) and calls.append("first"),  # type: ignore[func-returns-value]
        "turn": TURN,
    }
    doing = Doing(patient(waited[state], fail, TURN, lambda: calls.append("last")), elsewhere, first=False)
    await anyio.wait_all_tasks_blocked()
    assert doing.told == []
    theirs.send(b"1")
    let.set()
    doing.begun.finish()
    assert doing.told == ["done no"]
    await anyio.wait_all_tasks_blocked()  # what the thread has to say comes too late
    assert doing.told == ["done no"]
    assert calls == [*(["first"] if state == "call" else []), "last"]
    assert await Doing(steps_of(Wait(mine.fileno())), elsewhere).come_to() == "done"  # nobody else watches it


async def test_what_fails_while_it_is_finished_is_told(elsewhere: ThreadPoolExecutor) -> None:
    doing = Doing(steps_of(TURN, fail), elsewhere, first=False)
    doing.begun.finish()
    (told,) = doing.told
    assert isinstance(told, ValueError)
