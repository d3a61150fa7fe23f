"""The seam between plain and durable: the pipeline is written once, against `Activities`."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import anyio.lowlevel

from lithograph.errors import ActivityError, ExhaustedError, LithographError

I = TypeVar("I")  # noqa: E741  # an activity has an input and an output; the letters are the design's
O = TypeVar("O")  # noqa: E741


class Activities(Protocol):
    """Runs named activities.

    A name says what is worked on (`mentions/<chunk-id>`) and is unique within an execution; it is never a counter. The
    function depends on nothing but its input.
    """

    async def run(self, name: str, function: Callable[[I], Awaitable[O]], input: I) -> O:  # noqa: A002
        """Return `function(input)`, or what it returned for this name and input before.

        Raises `ActivityError` when the function raised a `LithographError` and will not be tried again.
        """
        ...


class InlineActivities:
    """Calls the function: no journal, no retry."""

    async def run(self, name: str, function: Callable[[I], Awaitable[O]], input: I) -> O:  # noqa: A002
        """Return `function(input)`; raises `ActivityError` when it raises a `LithographError`."""
        await anyio.lowlevel.checkpoint()  # an extractor that never waits must not keep everything else waiting
        try:
            return await function(input)
        except LithographError as error:
            tries = error.attempts if isinstance(error, ExhaustedError) else 1
            raise ActivityError(name, str(error), tries) from error
