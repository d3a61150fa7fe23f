"""Executions that ended long ago, and what else may be pruned."""

import time
from collections.abc import Iterable

from sqlalchemy import insert
from tests.builders import ONTOLOGY
from tests.journals import ORGANIZATION, SetClock, claimed, finished, new

from lithograph.domain.document import Document
from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable import lookup
from lithograph.durable.clock import timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.executions import Execution, NewExecution
from lithograph.durable.retention import DAY, Retention
from lithograph.durable.status import Status
from lithograph.extraction.extractor import Extractor
from lithograph.extraction.settings import ExtractionSettings
from lithograph.storage.open import Storage
from lithograph.storage.schema import batch_document, response_cache
from lithograph.workflow.extraction import start_extraction
from lithograph.workflow.extraction_input import ExtractionInput
from lithograph.workflow.materials import keep_document, keep_ontology

NOW = time.time()
TODAY, LATER = SetClock(NOW), SetClock(NOW + 40 * DAY)
MONTH = Retention(30 * DAY)
ALL = Retention(30 * DAY, frozenset(status for status in Status if status.terminal), cache=True)
OTHER = OrganizationId("other")


def ended(storage: Storage, key: str, status: Status, at: float = NOW, begun: float | None = None) -> ExecutionId:
    """An execution that ended in this status, as soon as it was begun unless that is given."""
    owner = claimed(storage, SetClock(begun or at), new(key))
    assert finished(storage, owner, status, timestamp(at))
    return ExecutionId(owner.execution_id)


def there(storage: Storage) -> set[str]:
    """The keys of the executions that are there."""
    with storage.read(ORGANIZATION) as connection:
        return {one.input["key"] for one in lookup.listed(connection, ORGANIZATION, limit=100)}


def begin(storage: Storage, given: Document, extractor: Extractor, clock: SetClock = TODAY) -> Execution:
    """Start the extraction of a document."""
    settings = ExtractionSettings()
    wanted = ExtractionInput(given.id, given.source, ONTOLOGY.content_hash, "stand-in", settings)
    return start_extraction(storage, given, ONTOLOGY, extractor, wanted, clock)


def keep(storage: Storage, clock: SetClock, *names: str) -> list[Document]:
    """Keep documents and an ontology that nothing works on."""
    given = [Document.from_text(name, source=name) for name in names]
    with transaction(storage, ORGANIZATION, Transaction.START) as connection:
        keep_ontology(connection, ORGANIZATION, ONTOLOGY, timestamp(clock.now()))
        for one in given:
            keep_document(connection, one, timestamp(clock.now()))
    return given


def cached(storage: Storage, organization_id: OrganizationId, *keys: str, at: float = NOW) -> None:
    """Keep answers."""
    rows = [
        {"organization_id": organization_id, "key": key, "response": {}, "created_at": timestamp(at)} for key in keys
    ]
    with transaction(storage, organization_id, Transaction.JOURNAL) as connection:
        connection.execute(insert(response_cache), rows)


def batch(storage: Storage, key: str, status: Status, listed: Iterable[ExecutionId]) -> ExecutionId:
    """A batch that ended in this status, or has not, and the executions that it has."""
    given = NewExecution(ORGANIZATION, "batch", 1, key, {"key": key})
    owner = claimed(storage, TODAY, given)
    rows = [
        {
            "organization_id": ORGANIZATION,
            "batch_id": owner.execution_id,
            "position": place,
            "source": "",
            "execution_id": one,
        }
        for place, one in enumerate(listed)
    ]
    with transaction(storage, ORGANIZATION, Transaction.START) as connection:
        connection.execute(insert(batch_document), rows)
    if status is not Status.RUNNING:
        finished(storage, owner, status, timestamp(NOW))
    return ExecutionId(owner.execution_id)
