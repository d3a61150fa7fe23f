"""How much a document may take before it is turned away."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds. A document over any of them raises `DocumentError`, whatever it holds."""

    file_bytes: int = 200_000_000
    """The file itself."""
    unpacked_bytes: int = 1_000_000_000
    """What a DOCX says its parts unpack to; checked before any of them is unpacked."""
    memory_bytes: int = 4_000_000_000
    """Address space of the process that reads HTML, mail, PDF and DOCX, where the system can limit it."""
    seconds: float = 120.0
    """Time for which that process may run."""


DEFAULT_LIMITS: Final = Limits()
