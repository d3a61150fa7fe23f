"""What an extraction works on, as its execution remembers it."""

from dataclasses import dataclass
from typing import Any

import msgspec

from lithograph.domain.ids import DocumentId
from lithograph.durable.executions import Execution
from lithograph.errors import UsageError
from lithograph.extraction.settings import ExtractionSettings
from lithograph.resilience.budget import Limits
from lithograph.workflow.extractors import ModelChoice

EXTRACTION = "extraction"
VERSION = 2
"""Raised when the same journal would be read differently."""


@dataclass(frozen=True, slots=True)
class ExtractionInput:
    """What an extraction works on, as its execution remembers it."""

    document: DocumentId
    source: str
    ontology: str
    model: str
    settings: ExtractionSettings
    base_url: str = ""
    fallback: tuple[str, ...] = ()
    limits: Limits = Limits()  # noqa: RUF009  # a frozen value

    @property
    def choice(self) -> ModelChoice:
        """What reads the document."""
        return ModelChoice(self.model, self.base_url, self.fallback)

    def remembered(self) -> dict[str, Any]:
        """Return it as the JSON object that the execution keeps, just as it is read back."""
        given: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return given


def input_of(execution: Execution) -> ExtractionInput:
    """Return what an extraction works on; raises `UsageError` for an execution of another type or version."""
    if execution.workflow_type != EXTRACTION:
        raise UsageError(f"execution {execution.id} is a {execution.workflow_type}, not an extraction")
    if execution.workflow_version != VERSION:
        raise UsageError(
            f"execution {execution.id} was started by another version of Lithograph (workflow version "
            f"{execution.workflow_version}, this one has {VERSION}): finish it with that version, or start it anew"
        )
    return msgspec.convert(dict(execution.input), ExtractionInput)
