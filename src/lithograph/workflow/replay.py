"""Replay: what a journal says, read by the pipeline itself, without running anything."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import anyio
from sqlalchemy import select

from lithograph.domain.document import Document
from lithograph.domain.result import ExtractionResult
from lithograph.durable.clock import seconds_of
from lithograph.durable.executions import Execution
from lithograph.durable.writes import ActivityStatus
from lithograph.errors import ActivityError
from lithograph.extraction.extractor import (
    EntityAnswer,
    EntityQuestion,
    Identity,
    JointAnswer,
    JointQuestion,
    MentionAnswer,
    MentionQuestion,
    RelationAnswer,
    RelationQuestion,
)
from lithograph.extraction.pipeline import ExtractionPipeline
from lithograph.extraction.settings import ExtractionSettings, OnMissing
from lithograph.ontology.model import Ontology
from lithograph.storage.columns import json_text
from lithograph.storage.open import Storage
from lithograph.storage.schema import workflow_activity
from lithograph.workflow.fragments import FragmentCodec

I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741


@dataclass(frozen=True, slots=True)
class Replay:
    """The completed activities of an execution, the errors and attempts of the others, and the seconds it has taken."""

    completed: Mapping[str, str]
    failed: Mapping[str, tuple[str, int]]
    seconds: float

    async def run(self, name: str, function: Callable[[I], Awaitable[O]], input: I) -> O:  # noqa: A002, ARG002
        """Return the journaled result; raises `ActivityError` when there is none."""
        found = self.completed.get(name)
        if found is None:
            error, attempts = self.failed.get(name, ("not done yet", 0))
            raise ActivityError(name, error, attempts)
        result: O = FragmentCodec().decode(found)  # type: ignore[assignment]  # every activity here gives a fragment
        return result

    def result(self, document: Document, ontology: Ontology, settings: ExtractionSettings) -> ExtractionResult:
        """Return the result of what is journaled, with everything else in `missing`."""
        lenient = replace(settings, on_missing=OnMissing.SKIP)
        pipeline = ExtractionPipeline(ontology, _Nobody(), lenient)

        async def work() -> ExtractionResult:
            return await pipeline.run(document, activities=self)

        return anyio.run(work)


def replay(storage: Storage, execution: Execution) -> Replay:
    """Return what the journal has about an execution."""
    c = workflow_activity.c
    query = select(c.activity_name, c.status, json_text(c.result), c.error, c.attempt).where(
        c.execution_id == execution.id
    )
    completed: dict[str, str] = {}
    failed: dict[str, tuple[str, int]] = {}
    with storage.read(execution.organization_id) as connection:
        for name, status, result, error, attempt in connection.execute(query):
            if status == ActivityStatus.COMPLETED:
                completed[name] = result
            elif status == ActivityStatus.FAILED:
                failed[name] = (error, attempt)
    seconds = 0.0
    if execution.started_at:
        seconds = seconds_of(execution.completed_at or execution.updated_at) - seconds_of(execution.started_at)
    return Replay(completed, failed, max(0.0, seconds))


class _Nobody:
    """An extractor that is never asked: a replay runs nothing."""

    identity = Identity("replay", "1", metered=False)

    async def mentions(self, question: MentionQuestion) -> MentionAnswer:
        raise NotImplementedError(question)

    async def entities(self, question: EntityQuestion) -> EntityAnswer:
        raise NotImplementedError(question)

    async def relations(self, question: RelationQuestion) -> RelationAnswer:
        raise NotImplementedError(question)

    async def joint(self, question: JointQuestion) -> JointAnswer:
        raise NotImplementedError(question)
