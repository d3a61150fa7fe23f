"""Budget: tokens and money that may be spent, held back before a call and settled after it.

What a call may cost at most is reserved, so that a limit is never crossed, whatever the answers turn out to cost. Where
only other calls' reservations stand in the way, a caller waits until they are settled.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import anyio

from lithograph.domain.usage import NOTHING, Usage
from lithograph.errors import BudgetError, UsageError

_MOST: Final = 10**15
"""More than anybody spends, and every database holds it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Tokens, sent and received together, and US dollars; None where there is no limit."""

    tokens: int | None = None
    cost_usd: float | None = None

    def __post_init__(self) -> None:
        if self.tokens is not None and not 1 <= self.tokens <= _MOST:
            raise UsageError(f"a budget has from 1 to {_MOST:,} tokens, not {self.tokens:,}")
        if self.cost_usd is not None and not 0 < self.cost_usd <= _MOST:
            raise UsageError(f"a budget has more than 0 dollars and at most {_MOST:,}, not {self.cost_usd:g}")

    def exceeded_by(self, used: Usage) -> str | None:
        """Return which limit `used` would cross, in words; None when it crosses none."""
        if self.tokens is not None and used.tokens > self.tokens:
            return f"{self.tokens:,} tokens"
        if self.cost_usd is not None and used.cost_usd > self.cost_usd:
            return f"{self.cost_usd:g} US dollars"
        return None


class Budget:
    """What one execution, or one organisation, may spend; shared by all tasks that spend it."""

    def __init__(
        self,
        whose: str,
        limits: Limits,
        spent: Usage = NOTHING,
        booked: Callable[[Usage], None] = lambda _: None,
    ) -> None:
        """`whose` stands in messages; `spent` was spent before; `booked` is told the new total after every call."""
        self.limits = limits
        self._whose, self._spent, self._booked = whose, spent, booked
        self._reserved: dict[Reservation, Usage] = {}
        self._changed = anyio.Event()

    @property
    def spent(self) -> Usage:
        """What was spent, reservations aside."""
        return self._spent

    def renew(self, limits: Limits, spent: Usage) -> None:
        """Take over other limits, and what others have spent meanwhile: `spent` in all, as far as that is more."""
        self.limits = limits
        tokens, cost = spent.tokens - self._spent.tokens, spent.cost_usd - self._spent.cost_usd
        self._spent += Usage(0, max(0, tokens), 0, max(0.0, cost))
        self._ring()

    def fits(self, most: Usage) -> bool:
        """Whether a call that may cost `most` fits now; raises `BudgetError` when no waiting can make room for it."""
        limit = self.limits.exceeded_by(self._spent + most)
        if limit is not None:
            raise BudgetError(
                f"the budget of {self._whose}, {limit}, does not allow another call: "
                f"{self._spent.tokens:,} tokens and "
                f"{self._spent.cost_usd:.4f} US dollars are spent, and the next one may take {most.tokens:,} and "
                f"{most.cost_usd:.4f}"
            )
        return self.limits.exceeded_by(sum(self._reserved.values(), self._spent + most)) is None

    def check_priced(self, model: str) -> None:
        """Raise `BudgetError` where money is limited: what a model without a known price costs cannot be held back."""
        if self.limits.cost_usd is not None:
            raise BudgetError(
                f"no price is known for {model}, so that the budget of {self._whose}, {self.limits.cost_usd:g} US "
                "dollars, cannot be kept; give one with --prices, or limit tokens instead"
            )

    async def change(self) -> None:
        """Return when something was settled or given back."""
        await self._changed.wait()

    def reserve(self, most: Usage) -> "Reservation":
        """Hold `most` back, without asking whether it fits."""
        reservation = Reservation(self)
        self._reserved[reservation] = most
        return reservation

    def _close(self, reservation: "Reservation", used: Usage) -> None:
        if self._reserved.pop(reservation, None) is None:
            return
        if used != NOTHING:
            self._spent += used
            self._booked(self._spent)
        self._ring()

    def _ring(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


class Reservation:
    """What one call may cost at most. A context manager that gives it back when nothing was settled."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def settle(self, used: Usage) -> None:
        """Say what the call did cost."""
        self._budget._close(self, used)  # noqa: SLF001  # the two are one thing

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.settle(NOTHING)


class Reservations(ExitStack):
    """The reservations of one call in several budgets."""

    def __init__(self, budgets: Sequence[Budget], most: Usage) -> None:
        super().__init__()
        self._all = [self.enter_context(budget.reserve(most)) for budget in budgets]

    def settle(self, used: Usage) -> None:
        """Say what the call did cost."""
        for reservation in self._all:
            reservation.settle(used)


async def reserve(budgets: Sequence[Budget], most: Usage) -> Reservations:
    """Return the reservation of `most` in all the budgets at once, when it fits into all of them.

    Raises `BudgetError` when it fits into one of them no more, whatever becomes of the calls that are being made.
    """
    while full := [budget for budget in budgets if not budget.fits(most)]:
        await full[0].change()
    return Reservations(budgets, most)
