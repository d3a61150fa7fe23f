"""What environment variables set for a process that works: how long it waits for what, and how often it tries."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Self

from lithograph.errors import UsageError

if TYPE_CHECKING:
    from lithograph.durable.run import Worker
    from lithograph.resilience.policy import Timeouts
    from lithograph.resilience.provider import ProviderLimits
    from lithograph.resilience.retry import RetryPolicy


@dataclass(frozen=True, slots=True)
class Settings:
    """Each is set by `LITHOGRAPH_` and its name in capitals, and None where that is not set; waits are seconds."""

    slow_after: float | None = None
    timeout: float | None = field(default=None, metadata={"least": 0.001})
    retries: int | None = None
    retry_first: float | None = None
    retry_longest: float | None = None
    circuit_faults: int | None = field(default=None, metadata={"least": 1})
    reset_after: float | None = None
    outage_patience: float | None = field(default=None, metadata={"least": 0.001})

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Return what is set. Raises `UsageError`, which names the variable, for what is no such number."""
        given: dict[str, Any] = {}
        for one in fields(cls):
            variable = f"LITHOGRAPH_{one.name.upper()}"
            if text := environment.get(variable, "").strip():
                number, least = int if one.type == int | None else float, one.metadata.get("least", 0)
                given[one.name] = _read(variable, text, number, least)
        return cls(**given)

    def retry(self) -> "RetryPolicy":
        """Return how often a call is tried again."""
        from lithograph.resilience.retry import RetryPolicy

        return replace(RetryPolicy(), **_set(retries=self.retries, first=self.retry_first, longest=self.retry_longest))

    def timeouts(self) -> "Timeouts":
        """Return when a call takes long, and when it is given up."""
        from lithograph.resilience.policy import Timeouts

        return replace(Timeouts(), **_set(soft=self.slow_after, hard=self.timeout))

    def limits(self, limits: "ProviderLimits") -> "ProviderLimits":
        """Return limits with what is set of circuit breakers."""
        return replace(limits, **_set(threshold=self.circuit_faults, reset_after=self.reset_after))

    def worker(self, worker: "Worker") -> "Worker":
        """Return a worker whose executions wait as long for a provider that is away as is set."""
        return replace(worker, **_set(outage_patience=self.outage_patience))


def _set(**values: float | None) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _read(variable: str, text: str, number: type[int | float], least: float) -> float:
    try:
        value: float = number(text)
    except ValueError:
        value = math.nan
    if not least <= value < math.inf:
        kind = "whole number" if number is int else "number of seconds"
        raise UsageError(f"{variable} is {text!r}; it has to be a {kind}, {least:g} or more")
    return value
