import re

import pytest

from lithograph.domain.ids import digest, organization_named
from lithograph.errors import UsageError


def test_parts_do_not_run_into_each_other() -> None:
    assert len({digest("x", "ab", "c"), digest("x", "a", "bc"), digest("x", "abc"), digest("x", "ab", "c", "")}) == 4


def test_order_and_kind_count() -> None:
    assert digest("x", "a", "b") != digest("x", "b", "a")
    assert digest("x", "a")[2:] != digest("y", "a")[2:]


def test_an_id_is_its_kind_and_32_hexadecimal_digits() -> None:
    assert re.fullmatch(r"chunk_[0-9a-f]{32}", digest("chunk", "any", 1, "\ud800"))


@pytest.mark.parametrize("given", ["a", "Acme-2.eu_north", "0", "x" * 64, "default"])
def test_an_organisation_may_be_called_like_that(given: str) -> None:
    assert organization_named(given) == given


@pytest.mark.parametrize(
    "given",
    ["", " ", "a b", "a/b", "..", ".hidden", "-f", "_a", "a\n", "a:b", "a%2F", "ä", "x" * 65, "a\0", "a'b", "a<b>"],
)
def test_an_organisation_may_not_be_called_like_that(given: str) -> None:
    with pytest.raises(UsageError, match="no id of an organisation: it has letters"):
        organization_named(given)
