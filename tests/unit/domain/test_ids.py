import re

from lithograph.domain.ids import digest


def test_parts_do_not_run_into_each_other() -> None:
    assert len({digest("x", "ab", "c"), digest("x", "a", "bc"), digest("x", "abc"), digest("x", "ab", "c", "")}) == 4


def test_order_and_kind_count() -> None:
    assert digest("x", "a", "b") != digest("x", "b", "a")
    assert digest("x", "a")[2:] != digest("y", "a")[2:]


def test_an_id_is_its_kind_and_32_hexadecimal_digits() -> None:
    assert re.fullmatch(r"chunk_[0-9a-f]{32}", digest("chunk", "any", 1, "\ud800"))
