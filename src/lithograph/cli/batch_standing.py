"""How a batch stands, as text for people and as JSON for programs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lithograph.cli.errors import one_line
from lithograph.cli.standing import event_object

if TYPE_CHECKING:
    from lithograph.workflow.batch.overview import BatchOverview

_SHOWN = 10
"""Lines about documents that failed, at most: the JSON has all of them."""


def batch_as_object(found: "BatchOverview") -> dict[str, Any]:
    """Return an overview as a JSON object."""
    execution, usage = found.execution, found.usage
    return {
        "id": execution.id,
        "organization_id": execution.organization_id,
        "type": execution.workflow_type,
        "status": execution.status,
        "state": found.state,
        "source": found.source,
        "model": found.model,
        "percent": found.percent,
        "documents": {"total": found.total, "listed": found.listed, **found.counts},
        "clusters": (execution.output or {}).get("clusters"),
        "usage": {
            "calls": usage.calls,
            "tokens": {"input": usage.input_tokens, "output": usage.output_tokens},
            "cost_usd": usage.cost_usd,
        },
        "error": execution.error,
        "waiting_for": execution.waiting_for,
        "failed": {
            "count": len(found.unwell),
            "documents": [
                {
                    "position": one.position,
                    "document": one.source,
                    "execution_id": one.execution,
                    "status": one.status,
                    "error": one.error,
                }
                for one in found.unwell
            ],
        },
        "recoveries": execution.recovery_count,
        "worker": execution.lease_owner,
        "created_at": execution.created_at,
        "started_at": execution.started_at,
        "updated_at": execution.updated_at,
        "completed_at": execution.completed_at,
        "last_seq": execution.last_seq,
        "events": [event_object(execution.id, event) for event in found.events],
    }


def batch_as_text(found: "BatchOverview") -> list[str]:
    """Return an overview as lines."""
    execution, usage = found.execution, found.usage
    state = str(found.state) if found.state.value == execution.status.value else f"{found.state}, {execution.status}"
    total = f"{found.total:,}" if found.total is not None else f"{found.listed:,} listed so far"
    rows = [
        ("batch", execution.id),
        ("source", found.source),
        ("model", found.model),
        ("state", f"{state}, {found.percent:g} %"),
        ("documents", f"{total}: {counted_states(found.counts)}" if found.listed else "none yet"),
        ("usage", f"{usage.calls:,} calls, {usage.input_tokens:,} tokens in, {usage.output_tokens:,} out"),
        ("cost", f"{usage.cost_usd:.4f} USD"),
        ("started", execution.started_at or "not yet"),
    ]
    clusters = (execution.output or {}).get("clusters")
    optional = (
        ("ended", execution.completed_at),
        ("worker", execution.lease_owner),
        ("reason", execution.error),
        ("resolved", None if clusters is None else f"{clusters:,} things that several documents name"),
    )
    rows += [(name, value) for name, value in optional if value]
    rows += [("failed", line) for line in failed_lines(found)]
    rows += [("event", f"{event.seq} {event.created_at} {event.type}") for event in found.events]
    return [f"{name:<9}  {one_line(value)}" for name, value in rows]


def counted_states(counts: Mapping[str, int]) -> str:
    """Return documents by state, as in "12 completed, 2 failed"."""
    said = [f"{count:,} {state.replace('_', ' ')}" for state, count in counts.items() if count]
    return ", ".join(said) or "none"


def failed_lines(found: "BatchOverview") -> list[str]:
    """Return a line for each document that has ended without a whole result, or some and how many there are."""
    lines = [_line(one.source, one.error or "no reason is known") for one in found.unwell[:_SHOWN]]
    others = len(found.unwell) - len(lines)
    return [*lines, f"{others:,} more, which --json lists"] if others > 0 else lines


def _line(source: str, error: str) -> str:
    return error if source in error else f"{source}: {error}"
