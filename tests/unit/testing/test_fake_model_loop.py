"""The fake model's loop: timers that are not rounded, and everything else as on any loop."""

import asyncio
import socket
import sys
import time
from collections.abc import Iterator

import pytest

from lithograph.testing.fake_model.loop import precise_loop

SHORT = 0.0002
"""Seconds: a fifth of what epoll can tell apart."""


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = precise_loop()
    yield loop
    loop.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system's own selector is used")
def test_a_timer_is_not_rounded_up_to_a_millisecond(loop: asyncio.AbstractEventLoop) -> None:
    async def wait() -> float:
        began = time.perf_counter()
        await asyncio.sleep(SHORT)
        return time.perf_counter() - began

    async def waits() -> list[float]:
        return [await wait() for _ in range(100)]

    lasted = loop.run_until_complete(waits())
    assert SHORT <= min(lasted) < 0.001


def test_timers_go_off_in_order(loop: asyncio.AbstractEventLoop) -> None:
    gone_off: list[float] = []

    async def set_all() -> None:
        for delay in (0.003, 0.0015, 0.0):
            loop.call_later(delay, gone_off.append, delay)
        await asyncio.sleep(0.01)

    loop.run_until_complete(set_all())
    assert gone_off == [0.0, 0.0015, 0.003]


def test_what_comes_ends_a_long_wait(loop: asyncio.AbstractEventLoop) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)

        async def read() -> bytes:
            loop.call_later(0.001, theirs.send, b"here")
            return await asyncio.wait_for(loop.sock_recv(ours, 10), 60.0)

        assert loop.run_until_complete(read()) == b"here"


def test_a_thread_ends_a_wait_without_end(loop: asyncio.AbstractEventLoop) -> None:
    assert loop.run_until_complete(asyncio.to_thread(lambda: "done")) == "done"
