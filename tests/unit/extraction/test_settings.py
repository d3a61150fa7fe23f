import pytest

from lithograph.errors import UsageError
from lithograph.extraction.settings import Constraint, ExtractionSettings, OnMissing


def test_the_defaults_are_those_that_are_promised() -> None:
    settings = ExtractionSettings()
    assert (settings.chunks.maximum, settings.chunks.minimum, settings.chunks.overlap) == (2000, 100, True)
    assert (settings.least_confidence, settings.batch, settings.sweep) == (0.5, 40, True)
    assert (settings.constraint, settings.on_missing) == (Constraint.FLAG, OnMissing.FAIL)


@pytest.mark.parametrize("name", ["least_confidence", "fuzzy_threshold"])
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_threshold_outside_0_to_1_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=name):
        ExtractionSettings(**{name: value})  # type: ignore[arg-type]  # the names are fields


@pytest.mark.parametrize("name", ["candidates", "batch", "concurrency"])
def test_a_count_below_1_is_refused_by_name(name: str) -> None:
    with pytest.raises(UsageError, match=name):
        ExtractionSettings(**{name: 0})  # type: ignore[arg-type]
