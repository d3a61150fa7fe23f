"""How an execution stands, as text for people and as JSON for programs."""

import json
from typing import Any

from lithograph.cli.errors import one_line
from lithograph.domain.ids import ExecutionId
from lithograph.durable.events import Event
from lithograph.workflow.overview import Overview

_SHOWN = 10
"""Lines about what is missing, at most: the JSON has all of it."""


def as_object(found: Overview) -> dict[str, Any]:
    """Return an overview as a JSON object."""
    execution = found.execution
    return {
        "id": execution.id,
        "organization_id": execution.organization_id,
        "type": execution.workflow_type,
        "status": execution.status,
        "source": found.source,
        "model": found.model,
        "percent": found.percent,
        "stages": found.stages,
        "usage": {
            "calls": found.usage.calls,
            "tokens": {"input": found.usage.input_tokens, "output": found.usage.output_tokens},
            "cost_usd": found.usage.cost_usd,
        },
        "error": execution.error,
        "waiting_for": execution.waiting_for,
        "missing": {
            "count": len(found.missing),
            "activities": [
                {"activity": one.activity, "error": one.error, "attempts": one.attempts} for one in found.missing
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


def as_text(found: Overview) -> list[str]:
    """Return an overview as lines."""
    execution, usage = found.execution, found.usage
    rows = [
        ("execution", execution.id),
        ("document", found.source),
        ("model", found.model),
        ("status", f"{execution.status}, {found.percent:g} %"),
        ("stages", ", ".join(f"{stage} {_counts(counts)}" for stage, counts in found.stages.items()) or "none yet"),
        ("usage", f"{usage.calls:,} calls, {usage.input_tokens:,} tokens in, {usage.output_tokens:,} out"),
        ("cost", f"{usage.cost_usd:.4f} USD"),
        ("started", execution.started_at or "not yet"),
    ]
    optional = (("ended", execution.completed_at), ("worker", execution.lease_owner), ("reason", execution.error))
    rows += [(name, value) for name, value in optional if value]
    rows.append(("missing", f"{len(found.missing):,} failed for good" if found.missing else "nothing failed"))
    rows += [("", f"{one.activity} after {one.attempts} attempts: {one.error}") for one in found.missing[:_SHOWN]]
    rows += [("event", f"{event.seq} {event.created_at} {event.type}") for event in found.events]
    return [f"{name:<9}  {one_line(value)}" for name, value in rows]


def _counts(counts: Any) -> str:
    others = [f"{count:,} {status}" for status, count in sorted(counts.items()) if status != "completed"]
    done = f"{counts.get('completed', 0):,}"
    return f"{done} ({', '.join(others)})" if others else done


def event_object(execution_id: ExecutionId, event: Event) -> dict[str, Any]:
    """Return an event as a JSON object."""
    head = {"seq": event.seq, "type": event.type, "time": event.created_at, "execution_id": execution_id}
    return {**head, **event.payload, **head}


def event_line(execution_id: ExecutionId, event: Event) -> str:
    """Return an event as one line of JSON."""
    return json.dumps(event_object(execution_id, event), ensure_ascii=False)
