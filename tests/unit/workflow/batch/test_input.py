import pytest
from tests.journals import ORGANIZATION, SetClock, started

from lithograph.domain.ids import DocumentId
from lithograph.durable.executions import NewExecution
from lithograph.durable.status import Status
from lithograph.errors import StateError, UsageError
from lithograph.extraction.settings import ExtractionSettings
from lithograph.resilience.budget import Limits
from lithograph.storage.open import Storage
from lithograph.workflow.batch.input import (
    BATCH,
    VERSION,
    BatchInput,
    BatchState,
    OnFailure,
    batch_input_of,
    listed_input_of,
    state_of,
)

GIVEN = BatchInput(
    "docs", "0" * 64, "openai:x", ExtractionSettings(), "http://here", ("openai:y",), Limits(5, 0.5), OnFailure.ABORT, 7
)


@pytest.mark.parametrize("status", list(Status))
def test_a_batch_is_in_the_state_that_its_status_and_stage_say(status: Status) -> None:
    resolving = state_of(status, "resolve")
    if status in (Status.RUNNING, Status.SUSPENDED):
        assert {state_of(status, stage) for stage in ("", "extract", "retry")} == {BatchState.EXTRACTING}
        assert resolving is BatchState.RESOLVING
    else:
        assert state_of(status, "extract") == resolving == BatchState(status.value)


def test_an_execution_remembers_what_a_batch_works_on(sqlite_storage: Storage) -> None:
    batch = started(sqlite_storage, SetClock(), NewExecution(ORGANIZATION, BATCH, VERSION, "key", GIVEN.remembered()))
    assert batch_input_of(batch) == GIVEN
    with pytest.raises(StateError, match="does not know all of its documents yet"):
        listed_input_of(batch)
    child = GIVEN.of(DocumentId("document_1"), "a.txt")
    assert (child.document, child.source, child.choice, child.limits) == (
        "document_1", "a.txt", GIVEN.choice, Limits(5, 0.5),
    )  # fmt: skip


def test_what_is_no_batch_or_of_another_version_is_refused(sqlite_storage: Storage) -> None:
    with pytest.raises(UsageError, match="is no batch"):
        batch_input_of(started(sqlite_storage, SetClock()))
    newer = NewExecution(ORGANIZATION, BATCH, VERSION + 1, "key", GIVEN.remembered())
    with pytest.raises(UsageError, match=f"workflow version {VERSION + 1}"):
        batch_input_of(started(sqlite_storage, SetClock(), newer))


def test_no_documents_at_once_is_wrong_use() -> None:
    with pytest.raises(UsageError, match="0 documents at once"):
        BatchInput("docs", "0", "rules", ExtractionSettings(), at_once=0)
