"""Exchange: a request as the fake model gets it, and a reply with how it is to be sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from lithograph.testing.fake_model.work import Prompted


class Delivery(Enum):
    """How a reply is sent."""

    WHOLE = auto()
    NEVER = auto()
    """Not at all; the connection stays open."""
    DROPPED = auto()
    """Not at all; the connection is closed."""
    CUT = auto()
    """Half of its body, then the connection is closed."""
    DRIPPED = auto()
    """A few bytes at a time."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request; the names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply, to be sent `wait` seconds after the request came; a dripped one over `seconds` from then on."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    wait: float = 0.0
    delivery: Delivery = Delivery.WHOLE
    seconds: float = 0.0


@dataclass(slots=True)
class Call:
    """A request in flight. Whoever has it gives it back to `FakeModel.end`."""

    number: int
    """The how manieth to a model it is; 0 when it is to none."""
    reply: Reply = field(default_factory=lambda: Reply(500, b""))
    let_in: bool = False
    """Whether it takes one of the places that `concurrency` allows."""
    good: Prompted | None = None
    """What was asked, when the reply is a good answer to it."""
