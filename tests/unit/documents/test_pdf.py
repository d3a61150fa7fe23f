from collections.abc import Callable

import pytest

from lithograph.documents.pdf import check_pdf
from lithograph.errors import DocumentError


def test_a_whole_pdf_passes_whatever_follows_it(make_pdf: Callable[..., bytes]) -> None:
    check_pdf(make_pdf("words") + b"\r\n<!-- appended by a server -->", "a.pdf")


@pytest.mark.parametrize("kept", [40, 200, 420])
def test_a_pdf_that_breaks_off_is_an_error(make_pdf: Callable[..., bytes], kept: int) -> None:
    with pytest.raises(DocumentError, match=r"^a.pdf is incomplete"):
        check_pdf(make_pdf("words")[:kept], "a.pdf")


def test_an_end_mark_with_objects_behind_it_is_not_the_end(make_pdf: Callable[..., bytes]) -> None:
    with pytest.raises(DocumentError, match="incomplete"):
        check_pdf(make_pdf("words") + b"7 0 obj\n<< /Type /Pa", "a.pdf")
