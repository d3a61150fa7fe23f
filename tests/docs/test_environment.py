"""The page about environment variables names each that is read, with what is usual."""

import re
from dataclasses import fields
from pathlib import Path

from lithograph.cli.environment import Settings
from lithograph.cli.options import LEASE_SECONDS
from lithograph.durable.run import Worker
from lithograph.resilience.policy import Timeouts
from lithograph.resilience.provider import ProviderLimits
from lithograph.resilience.retry import RetryPolicy

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/reference/environment.md").read_text()


def test_each_that_is_read_is_there() -> None:
    read = {f"LITHOGRAPH_{field.name.upper()}" for field in fields(Settings)}
    for path in (ROOT / "src").rglob("*.py"):
        read |= set(re.findall(r"\"(LITHOGRAPH_[A-Z_]+)\"", path.read_text()))
    assert set(re.findall(r"`(LITHOGRAPH_[A-Z_]+)`", PAGE)) == read


def test_what_is_usual_is_so() -> None:
    rows = re.findall(r"^\| `LITHOGRAPH_(\w+)` \| ([0-9.]+) \|", PAGE, re.MULTILINE)
    patience = {field.name: field.default for field in fields(Worker)}["outage_patience"]
    assert {name: float(usual) for name, usual in rows} == {
        "SLOW_AFTER": Timeouts().soft,
        "TIMEOUT": Timeouts().hard,
        "RETRIES": RetryPolicy().retries,
        "RETRY_FIRST": RetryPolicy().first,
        "RETRY_LONGEST": RetryPolicy().longest,
        "CIRCUIT_FAULTS": ProviderLimits().threshold,
        "RESET_AFTER": ProviderLimits().reset_after,
        "OUTAGE_PATIENCE": patience,
        "LEASE_SECONDS": LEASE_SECONDS,
    }
