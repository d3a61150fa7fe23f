"""What a batch works on, as its execution remembers it, and how it stands in the words that people use for batches."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec

from lithograph.domain.ids import DocumentId
from lithograph.durable.executions import Execution
from lithograph.durable.status import Status
from lithograph.errors import StateError, UsageError
from lithograph.extraction.settings import ExtractionSettings
from lithograph.resilience.budget import Limits
from lithograph.workflow.extraction_input import ExtractionInput
from lithograph.workflow.extractors import ModelChoice

BATCH: Final = "batch_extraction"
VERSION: Final = 1
"""Raised when the same journal would be read differently."""

DOCUMENTS: Final = "documents"
"""What a batch waits for while its documents are being listed: no worker takes it."""

EXTRACT, RETRY, RESOLVE = "extract", "retry", "resolve"
"""The stages of a batch, as they begin the names of its activities."""

ROUNDS: Final = 2
"""How often `retry-failed` retries a document."""


class OnFailure(StrEnum):
    """What becomes of a batch when one of its documents has failed."""

    CONTINUE = "continue"
    """It goes on with the others and completes with errors."""
    ABORT = "abort"
    """No other document is begun, and the batch fails."""
    RETRY_FAILED = "retry-failed"
    """When all have been tried, those that failed are run again, in two rounds; then as `continue`."""


class BatchState(StrEnum):
    """How far a batch is."""

    PENDING = "pending"
    EXTRACTING = "extracting"
    RESOLVING = "resolving"
    COMPLETED = "completed"
    COMPLETED_WITH_ERRORS = "completed_with_errors"
    FAILED = "failed"
    CANCELLED = "cancelled"


def state_of(status: Status, stage: str) -> BatchState:
    """Return the state of a batch of this status whose last event was of this stage; a paused one is where it was."""
    if status in (Status.RUNNING, Status.SUSPENDED):
        return BatchState.RESOLVING if stage == RESOLVE else BatchState.EXTRACTING
    return BatchState(status.value)


@dataclass(frozen=True, slots=True)
class BatchInput:
    """What a batch works on: `documents` is how many it has, None until all of them are listed.

    `source` is what was named on the command line; the other fields are those of each document's extraction.
    """

    source: str
    ontology: str
    model: str
    settings: ExtractionSettings
    base_url: str = ""
    fallback: tuple[str, ...] = ()
    limits: Limits = Limits()  # noqa: RUF009  # a frozen value
    on_failure: OnFailure = OnFailure.CONTINUE
    at_once: int = 3
    """Documents in work at once."""
    documents: int | None = None

    def __post_init__(self) -> None:
        if self.at_once < 1:
            raise UsageError(f"{self.at_once} documents at once are none: give 1 or more")

    @property
    def choice(self) -> ModelChoice:
        """What reads the documents."""
        return ModelChoice(self.model, self.base_url, self.fallback)

    def of(self, document: DocumentId, source: str) -> ExtractionInput:
        """Return what the execution for one of the documents remembers."""
        return ExtractionInput(
            document, source, self.ontology, self.model, self.settings, self.base_url, self.fallback, self.limits
        )

    def remembered(self) -> dict[str, Any]:
        """Return it as the JSON object that the execution keeps, just as it is read back."""
        given: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return given


def batch_input_of(execution: Execution) -> BatchInput:
    """Return what a batch works on; raises `UsageError` for an execution of another type or version."""
    if execution.workflow_type != BATCH:
        raise UsageError(f"execution {execution.id} is no batch: `litho status {execution.id}` tells of it")
    if execution.workflow_version != VERSION:
        raise UsageError(
            f"batch {execution.id} was started by another version of Lithograph (workflow version "
            f"{execution.workflow_version}, this one has {VERSION}): finish it with that version, or start it anew"
        )
    return msgspec.convert(dict(execution.input), BatchInput)


def listed_input_of(execution: Execution) -> BatchInput:
    """Return what a batch works on whose documents are all known; raises `StateError` when they are not."""
    given = batch_input_of(execution)
    if given.documents is None:
        raise StateError(
            f"batch {execution.id} does not know all of its documents yet: the same `litho batch start` goes on"
        )
    return given
