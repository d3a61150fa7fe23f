"""Pages: a list in parts, each with a cursor that says where the next one begins.

A cursor is the key of the last item, so that what is added or deleted meanwhile makes nothing come twice and nothing
else be left out. To whoever gets it, it is a text without meaning.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import msgspec

from lithograph.errors import UsageError
from lithograph.storage.columns import without_nul

MOST: Final = 1_000
"""Items of a page at most."""
_LONGEST: Final = 1_000
"""Characters of a cursor at most."""

T = TypeVar("T")
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list; `next` is the cursor of those that follow, None at the end."""

    items: Sequence[T]
    next: str | None


def cursor_of(key: object) -> str:
    """Return the cursor of what follows the item with that key."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def key_of(cursor: str, kind: type[Key]) -> Key:
    """Return the key in a cursor; raises `UsageError` for one that no page of such a list gave."""
    try:
        data = base64.b64decode(cursor[:_LONGEST] + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        # A NUL, which is legal in JSON, is in no key, and no database could be asked about it.
        return msgspec.json.decode(without_nul(data.decode()), type=kind)
    except (ValueError, msgspec.MsgspecError) as error:
        raise UsageError("the cursor is not one of this list: give what `next` of a page says, or none") from error


def check_limit(limit: int, most: int = MOST) -> None:
    """Raise `UsageError` unless so many items may be asked for at once."""
    if not 1 <= limit <= most:
        raise UsageError(f"between 1 and {most:,} can be asked for at once, not {limit:,}")


def page_of(found: Sequence[tuple[Any, T]], limit: int) -> Page[T]:
    """Return the first `limit` of what was found, with keys, one more than that if there are more."""
    following = cursor_of(found[limit - 1][0]) if len(found) > limit else None
    return Page([item for _, item in found[:limit]], following)
