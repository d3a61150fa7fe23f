"""What environment variables set, and what they cannot set."""

import random

import pytest
from tests.commands import HASTE

from lithograph.cli.environment import Settings
from lithograph.durable.clock import SystemClock
from lithograph.durable.executions import Lease
from lithograph.durable.run import Worker
from lithograph.errors import UsageError
from lithograph.resilience.policy import Timeouts
from lithograph.resilience.provider import ProviderLimits
from lithograph.resilience.retry import RetryPolicy
from lithograph.storage.open import Storage

ALL = {
    "LITHOGRAPH_SLOW_AFTER": "0.5",
    "LITHOGRAPH_TIMEOUT": "2",
    "LITHOGRAPH_RETRIES": "0",
    "LITHOGRAPH_RETRY_FIRST": "0",
    "LITHOGRAPH_RETRY_LONGEST": " 7.5 ",
    "LITHOGRAPH_CIRCUIT_FAULTS": "8",
    "LITHOGRAPH_RESET_AFTER": "9",
    "LITHOGRAPH_OUTAGE_PATIENCE": "1e4",
}


def worker(storage: Storage) -> Worker:
    return Worker(storage, SystemClock(), random.Random(0), Lease("w"))


def test_what_is_set_is_taken(sqlite_storage: Storage) -> None:
    settings = Settings.read(ALL)
    assert settings.timeouts() == Timeouts(0.5, 2.0)
    assert settings.retry() == RetryPolicy(0, 0.0, 7.5)
    assert settings.limits(ProviderLimits(3)) == ProviderLimits(3, threshold=8, reset_after=9.0)
    assert settings.worker(worker(sqlite_storage)).outage_patience == 10_000.0


def test_what_is_not_set_stays_as_it_is(sqlite_storage: Storage) -> None:
    settings = Settings.read({"LITHOGRAPH_TIMEOUT": "", "PATH": "/bin"})
    assert settings == Settings()
    assert (settings.timeouts(), settings.retry()) == (Timeouts(), RetryPolicy())
    assert settings.limits(ProviderLimits(3)) == ProviderLimits(3)
    assert settings.worker(worker(sqlite_storage)).outage_patience == 900.0


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf", "1,5"])
@pytest.mark.parametrize("variable", [*ALL, *HASTE])
def test_what_is_no_such_number_is_refused_by_name(variable: str, text: str) -> None:
    with pytest.raises(UsageError, match=f"{variable} is '{text}'; it has to be a "):
        Settings.read({variable: text})


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("TIMEOUT", "0"),
        ("OUTAGE_PATIENCE", "0"),
        ("CIRCUIT_FAULTS", "0"),
        ("RETRIES", "1.5"),
        ("CIRCUIT_FAULTS", "2e1"),
    ],
)
def test_what_makes_no_sense_is_refused(variable: str, text: str) -> None:
    with pytest.raises(UsageError, match=f"LITHOGRAPH_{variable} is '{text}'"):
        Settings.read({f"LITHOGRAPH_{variable}": text})
