"""Executions that are queued for workers, and what becomes of them."""

import time
from collections.abc import Callable, Sequence

from sqlalchemy import text
from tests.journals import ORGANIZATION

from lithograph.demo import demo_ontology
from lithograph.domain.document import Document
from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable import executions
from lithograph.durable.database_clock import clock_of
from lithograph.durable.events import Event, events_after
from lithograph.durable.executions import Execution
from lithograph.durable.queue import enqueue_unended, leave
from lithograph.ontology.load import ontology_from_bytes
from lithograph.storage.open import Storage
from lithograph.testing.corpus import generated_text
from lithograph.workflow.extraction import start_extraction
from lithograph.workflow.extractors import ModelChoice, rules_only
from lithograph.workflow.models import Models
from lithograph.workflow.runner import Plan

ONTOLOGY = ontology_from_bytes(demo_ontology(), source="ontology.ttl")
RULES = ModelChoice()
PATIENCE = 60.0
"""Seconds after which something that was waited for will not come any more."""


def queue(
    storage: Storage,
    name: str,
    *,
    paragraphs: int = 3,
    model: ModelChoice = RULES,
    organization_id: OrganizationId = ORGANIZATION,
    queued: bool = True,
) -> ExecutionId:
    """Start the extraction of a text that has this name, for workers or, when it is not `queued`, for nobody."""
    seed = sum(name.encode())
    document = Document.from_text(
        f"# {name}\n\n{generated_text(paragraphs, seed=seed)}", source=name, organization_id=organization_id
    )
    plan = Plan(ONTOLOGY, model)
    named = rules_only if model == RULES else Models(environment={"OPENAI_API_KEY": "test"})
    extractor = named(model, ONTOLOGY)
    then = enqueue_unended if queued and storage.dialect == "postgresql" else leave
    return start_extraction(storage, document, ONTOLOGY, extractor, plan.input(document), clock_of(storage), then).id


def execution(storage: Storage, execution_id: ExecutionId, organization_id: OrganizationId = ORGANIZATION) -> Execution:
    with storage.read(organization_id) as connection:
        return executions.get(connection, organization_id, execution_id)


def events_of(storage: Storage, execution_id: ExecutionId) -> list[Event]:
    with storage.read(ORGANIZATION) as connection:
        return events_after(connection, ORGANIZATION, execution_id, 0)


def jobs(storage: Storage) -> list[tuple[str, str]]:
    """Return the execution and the status of each job."""
    with storage.inspect() as connection:
        rows = connection.execute(
            text("SELECT args ->> 'execution_id', status FROM lithograph_queue.procrastinate_jobs ORDER BY id")
        )
        return [(str(one), str(status)) for one, status in rows]


def until(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Return when a condition has come true; fail when it does not."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "what was waited for did not come"
        time.sleep(0.02)


def until_ended(storage: Storage, ids: Sequence[ExecutionId]) -> None:
    """Return when all of these have ended."""
    until(lambda: all(execution(storage, one).status.terminal for one in ids))
