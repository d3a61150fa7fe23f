from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lithograph.errors import StorageError
from lithograph.storage.exclusive import held


def test_one_at_a_time_holds_it_also_when_each_removes_it(tmp_path: Path) -> None:
    path, count = tmp_path / "held", tmp_path / "count"
    count.write_text("0")

    def work() -> None:
        for _ in range(300):
            with held(path, patience=30, doing="counting", remove=True):
                count.write_text(str(int(count.read_text()) + 1))

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work) for _ in range(4)]:
            done.result()
    assert count.read_text() == "1200"
    assert not path.exists()


def test_who_waits_for_too_long_is_told_what_is_held(tmp_path: Path) -> None:
    path = tmp_path / "held"
    with (
        held(path, patience=0, doing="counting"),
        pytest.raises(StorageError, match=r"another process has been counting for too long \(it holds .*held\)"),
        held(path, patience=0, doing="counting"),
    ):
        pytest.fail("two hold it at once")
    with held(path, patience=0, doing="counting"):
        pass
