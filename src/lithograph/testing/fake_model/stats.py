"""Stats: what was asked of the fake model and what became of it."""

from collections import Counter
from collections.abc import Callable

import msgspec

from lithograph.testing.fake_model.work import Prompted


class Tokens(msgspec.Struct, frozen=True):
    """Tokens of everything that was answered with a 200, as it was charged for."""

    input: int = 0
    output: int = 0


class PromptStats(msgspec.Struct, frozen=True):
    """One prompt: `key` is the beginning of the SHA-256 of its first user message.

    `served` counts the requests for it, `ok` the good answers among them that were received as a whole.
    """

    key: str
    task: str
    model: str
    served: int
    ok: int


class Stats(msgspec.Struct, frozen=True):
    """What happened since the beginning, or since it was last reset.

    `requests` are those to a model, whatever they got; `answered` are the good answers that were received as a whole,
    and `by_status` counts the replies that were begun. `first_at` and `last_at` are when the first and the last request
    came, in seconds since the server's beginning, and `per_second` counts them by whole seconds since the first.
    """

    requests: int = 0
    answered: int = 0
    by_status: dict[str, int] = {}
    faults: dict[str, int] = {}
    tasks: dict[str, int] = {}
    in_flight: int = 0
    peak_in_flight: int = 0
    per_second: tuple[int, ...] = ()
    first_at: float | None = None
    last_at: float | None = None
    tokens: Tokens = Tokens()
    prompts: tuple[PromptStats, ...] = ()


class Counts:
    """Counts as it goes; `clock` gives seconds that only grow."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._start = clock()
        self.in_flight = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything but what is still in flight."""
        self._requests = self._answered = self._input = self._output = 0
        self._peak = self.in_flight
        self._statuses, self._faults, self._tasks = Counter[str](), Counter[str](), Counter[str]()
        self._seconds = Counter[int]()
        self._first: float | None = None
        self._last: float | None = None
        self._served, self._ok = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()

    def came(self) -> None:
        """Count a request to a model."""
        now = self._clock() - self._start
        self._first = now if self._first is None else self._first
        self._last = now
        self._seconds[int(now - self._first)] += 1
        self._requests += 1
        self.in_flight += 1
        self._peak = max(self._peak, self.in_flight)

    def asked(self, prompted: Prompted) -> None:
        """Count what it asks."""
        self._tasks[prompted.task] += 1
        self._served[_name(prompted)] += 1

    def failed(self, fault: str) -> None:
        """Count what was made to go wrong with it."""
        self._faults[fault] += 1

    def replied(self, status: int) -> None:
        """Count a reply that is about to be sent."""
        self._statuses[str(status)] += 1

    def charged(self, input_tokens: int, output_tokens: int) -> None:
        """Count the tokens of an answer that is about to be sent."""
        self._input += input_tokens
        self._output += output_tokens

    def received(self, prompted: Prompted) -> None:
        """Count a good answer that was sent as a whole."""
        self._answered += 1
        self._ok[_name(prompted)] += 1

    def went(self) -> None:
        """Count the end of a request."""
        self.in_flight -= 1

    def stats(self) -> Stats:
        """Return what has been counted."""
        seconds = range(max(self._seconds) + 1) if self._seconds else ()
        return Stats(
            requests=self._requests,
            answered=self._answered,
            by_status=dict(sorted(self._statuses.items())),
            faults=dict(sorted(self._faults.items())),
            tasks=dict(sorted(self._tasks.items())),
            in_flight=self.in_flight,
            peak_in_flight=self._peak,
            per_second=tuple(self._seconds[second] for second in seconds),
            first_at=self._first,
            last_at=self._last,
            tokens=Tokens(self._input, self._output),
            prompts=tuple(PromptStats(*asked, served, self._ok[asked]) for asked, served in self._served.items()),
        )


def _name(prompted: Prompted) -> tuple[str, str, str]:
    return prompted.key, prompted.task, prompted.model
