"""Sums: what activities have used, added up by the database."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func

from lithograph.domain.usage import Usage
from lithograph.storage.schema import workflow_activity

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

_COUNTS: Final = ("calls", "input_tokens", "output_tokens")


def usage_sums() -> "list[ColumnElement[Any]]":
    """Return the columns of a query about activities that `usage_of` understands."""
    used = workflow_activity.c.usage
    return [*(func.sum(used[name].as_integer()) for name in _COUNTS), func.sum(used["cost_usd"].as_float())]


def usage_of(sums: Sequence[Any]) -> Usage:
    """Return what was used, of such columns; nothing, where no activity has used anything."""
    calls, sent, received, paid = sums
    return Usage(int(calls or 0), int(sent or 0), int(received or 0), float(paid or 0.0))
