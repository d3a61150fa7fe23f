"""Executions and batches: how they stand, and what is asked of them."""

from collections.abc import Mapping
from typing import Any, Final, Self

from pydantic import Field

from lithograph.api.wire.base import Asked, Id, Name, Wire
from lithograph.durable.events import Event as StoredEvent
from lithograph.durable.executions import Execution as StoredExecution
from lithograph.durable.status import Status
from lithograph.extraction.settings import OnMissing, Strategy
from lithograph.workflow.batch.input import BatchState, OnFailure
from lithograph.workflow.batch.kept import MOST
from lithograph.workflow.batch.overview import BatchOverview
from lithograph.workflow.overview import Overview

EXECUTION: Final = "execution_5afaa30c9361cf3961eb72b4a26c0693"
_DOCUMENT: Final = "document_8f14e45fceea167a5a36dedd4bea2543"
_ONTOLOGY: Final = "d29ddec02bbe4966142448a97e7724d3db3f0fc0620f7f8ff0c7a2fde8886457"
_MODEL: Final = "openai:gpt-5-mini"


class Execution(Wire):
    """How an execution stands: `percent` is how much of what there is to do is done, from 0 to 100."""

    id: str = Field(examples=[EXECUTION])
    type: str = Field(examples=["extraction"])
    status: Status
    source: str = Field(examples=["annals.md"])
    model: str = Field(examples=[_MODEL])
    parent_id: str | None = Field(description="The batch that it belongs to.")
    percent: float = Field(examples=[42.9])
    error: str | None
    waiting_for: str | None = Field(description="The signal that it waits for.")
    tokens: int
    cost_usd: float
    created_at: str
    started_at: str | None
    updated_at: str
    completed_at: str | None

    @classmethod
    def of(cls, found: StoredExecution, percent: float) -> Self:
        """Return what is shown of an execution."""
        return cls(**_standing(found, percent))


def _standing(found: StoredExecution, percent: float) -> dict[str, Any]:
    return {
        "id": found.id,
        "type": found.workflow_type,
        "status": found.status,
        "source": str(found.input.get("source", "")),
        "model": str(found.input.get("model", "")),
        "parent_id": found.parent_id,
        "percent": percent,
        "error": found.error,
        "waiting_for": found.waiting_for,
        "tokens": found.spent_tokens,
        "cost_usd": found.spent_cost_usd,
        "created_at": found.created_at,
        "started_at": found.started_at,
        "updated_at": found.updated_at,
        "completed_at": found.completed_at,
    }


class Usage(Wire):
    """What was asked of models: calls, tokens to and from them, and what that cost."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float


class Missing(Wire):
    """Something that failed for good, what it said last, and how often it was tried."""

    activity: str = Field(examples=["relations/chunk_84dd8ef886247f59a3dae64b410cc8f6"])
    error: str
    attempts: int


class ExecutionDetail(Execution):
    """How an execution stands, stage by stage, and what it was asked to do."""

    stages: Mapping[str, Mapping[str, int]] = Field(
        description="Activities by stage and status.", examples=[{"mentions": {"completed": 7}}]
    )
    usage: Usage
    missing: list[Missing]
    rejected: Mapping[str, int] = Field(
        description="Answers that were not taken, by reason; known when it has ended.",
        examples=[{"unlocated_mention": 2}],
    )
    document: str | None = Field(examples=[_DOCUMENT])
    ontology: str = Field(examples=[_ONTOLOGY])
    last_seq: int = Field(description="The number of its last event.")
    strategy: str
    on_missing: str
    max_tokens: int | None
    max_cost_usd: float | None

    @classmethod
    def whole(cls, found: Overview) -> Self:
        """Return all that is shown of an execution."""
        given, output = found.execution.input, found.execution.output or {}
        settings, limits = given.get("settings") or {}, given.get("limits") or {}
        return cls(
            **_standing(found.execution, found.percent),
            stages=found.stages,
            usage=Usage.model_validate(found.usage),
            missing=[Missing.model_validate(one) for one in found.missing],
            rejected=output.get("rejected") or {},
            document=given.get("document"),
            ontology=str(given.get("ontology", "")),
            last_seq=found.execution.last_seq,
            strategy=str(settings.get("strategy", "")),
            on_missing=str(settings.get("on_missing", "")),
            max_tokens=limits.get("tokens"),
            max_cost_usd=limits.get("cost_usd"),
        )


class Unwell(Wire):
    """A document of a batch that has no whole result."""

    source: str
    execution_id: str | None
    status: Status
    error: str | None


class Batch(Wire):
    """How a batch and its documents stand; `total` is null while they are being listed."""

    execution: Execution
    state: BatchState
    total: int | None
    listed: int
    counts: Mapping[str, int] = Field(examples=[{"completed": 37, "running": 3}])
    usage: Usage
    unwell: list[Unwell]

    @classmethod
    def of(cls, found: BatchOverview) -> Self:
        """Return what is shown of a batch."""
        return cls(
            execution=Execution.of(found.execution, found.percent),
            state=found.state,
            total=found.total,
            listed=found.listed,
            counts=found.counts,
            usage=Usage.model_validate(found.usage),
            unwell=[
                Unwell(source=one.source, execution_id=one.execution, status=one.status, error=one.error)
                for one in found.unwell
            ],
        )


class Event(Wire):
    """Something that happened; `seq` counts from 1 without gaps."""

    seq: int
    type: str = Field(examples=["activity.completed"])
    created_at: str
    payload: Mapping[str, Any] = Field(examples=[{"stage": "mentions", "done": 3, "total": 7, "percent": 14.3}])

    @classmethod
    def of(cls, found: StoredEvent) -> Self:
        """Return what is shown of an event."""
        return cls.model_validate(found)


class Sent(Wire):
    """What became of a signal: it is not `new` when one with the same key was sent before."""

    new: bool
    execution: Execution


class BudgetAsked(Asked):
    """What may be spent; what is left out or null is not limited."""

    max_tokens: int | None = Field(default=None, strict=True, ge=1, le=10**15, examples=[2_000_000])
    max_cost_usd: float | None = Field(default=None, strict=True, gt=0, le=1e9, allow_inf_nan=False, examples=[5.0])


class _Options(BudgetAsked):
    ontology: Id = Field(examples=[_ONTOLOGY])
    model: Name = Field(default="rules", examples=["rules"])
    base_url: str = Field(default="", max_length=500, description="One of those that the server allows.")
    strategy: Strategy = Strategy.STAGED
    on_missing: OnMissing = OnMissing.FAIL


class ExtractionAsked(_Options):
    """An extraction of one document."""

    document: Id = Field(examples=[_DOCUMENT])


class BatchAsked(_Options):
    """An extraction of many documents, and what is one thing across them."""

    documents: list[Id] = Field(min_length=1, max_length=MOST, examples=[[_DOCUMENT]])
    name: Name = Field(default="", examples=["annual reports"])
    on_failure: OnFailure = OnFailure.CONTINUE
    at_once: int = Field(default=3, strict=True, ge=1, le=1_000, description="Documents in work at once.")


class SignalAsked(Asked):
    """A signal that a workflow may wait for."""

    name: Name = Field(min_length=1, examples=["review"])
    payload: Any = Field(default=None, examples=[{"accepted": True}])
