"""What whoever runs the API may set. Values, read once at the edge and passed down."""

from dataclasses import dataclass

from lithograph.documents.limits import Limits


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Sizes are in bytes, times in seconds."""

    keyless: bool = False
    """Whether whoever reaches the server may do everything without a key: on this machine, with a file."""
    base_urls: frozenset[str] = frozenset()
    """The addresses of models that a request may name: the server would call any other one on a stranger's behalf."""
    models: tuple[str, ...] = ()
    """Models that are suggested to people, besides the rules."""
    upload_bytes: int = 100_000_000
    """A document."""
    ontology_bytes: int = 20_000_000
    """An ontology: it is read in this process, and takes many times its size."""
    body_bytes: int = 1_000_000
    """Any other request."""
    body_seconds: float = 60.0
    """How long a request may take to arrive."""
    requests_per_second: float = 50.0
    """Of one key, and without one of one address, in the long run."""
    burst: int = 200
    """Of one key at once."""
    reading: Limits = Limits(unpacked_bytes=500_000_000, memory_bytes=2_000_000_000, seconds=60.0)  # noqa: RUF009  # a frozen value
    """What reading one document may take; several are read at once."""
    metrics_token: str = ""
    """What reads /metrics, beside keys that may administer; needed where keys are."""
