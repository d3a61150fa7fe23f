"""What can be told of a DOCX before it is unpacked: that it is one, and how large it would become."""

import io
import struct
import zipfile
from typing import Final

from lithograph.errors import DocumentError

_BODY: Final = "word/document.xml"
_ENCRYPTED: Final = 0x1
_OFFICE: Final = {
    "xl/workbook.xml": "an Excel workbook",
    "ppt/presentation.xml": "a PowerPoint presentation",
    "META-INF/container.xml": "an EPUB book",
    "content.xml": "an OpenDocument file",
}


def check_docx(data: bytes, source: str, *, unpacked_bytes: int) -> None:
    """Raise `DocumentError` unless `data` is a DOCX whose parts unpack to at most `unpacked_bytes` bytes."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, struct.error, NotImplementedError, ValueError, OverflowError, OSError) as error:
        raise DocumentError(f"{source} is broken or incomplete; open it in its program and save it again") from error
    names = {part.filename for part in parts}
    if _BODY not in names:
        what = next((name for part, name in _OFFICE.items() if part in names), "a ZIP archive")
        raise DocumentError(f"{source} is {what}, not a DOCX; unpack it, or save it as DOCX or PDF, and try again")
    if any(part.flag_bits & _ENCRYPTED for part in parts):
        raise DocumentError(f"{source} is encrypted with a password; save it without one and try again")
    unpacked = sum(part.file_size for part in parts)
    if unpacked > unpacked_bytes:
        raise DocumentError(
            f"{source} would unpack to {unpacked:,} bytes, over the limit of {unpacked_bytes:,}; "
            "split it or raise the limit"
        )
