"""What can be told of a PDF before it is parsed: whether its end is there."""

from typing import Final

from lithograph.errors import DocumentError

_END: Final = b"%%EOF"
_OBJECT: Final = b" obj"


def check_pdf(data: bytes, source: str) -> None:
    """Raise `DocumentError` when `data` breaks off.

    Parsers repair such a file and give the pages that are left, which nobody would notice. A file that is written for
    the web has an end mark near its beginning, too: what counts is that no object follows the last one. What servers
    append to a file does no harm.
    """
    end = data.rfind(_END)
    if end < 0 or _OBJECT in data[end:]:
        raise DocumentError(f"{source} is incomplete, its end is missing; get the whole file and try again")
