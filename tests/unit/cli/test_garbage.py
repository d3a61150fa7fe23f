import gc
from collections.abc import Iterator

import pytest

from lithograph.cli.garbage import collect_seldom


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)  # as Python comes: a test before this one may have run a command
    yield
    gc.set_threshold(*before)


def test_what_is_loaded_is_looked_through_more_seldom_and_garbage_is_still_found() -> None:
    before = gc.get_threshold()
    collect_seldom()
    assert all(later > earlier for earlier, later in zip(before, gc.get_threshold(), strict=True))
    assert gc.isenabled()
