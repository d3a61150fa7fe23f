"""What there is to do: documents of several organisations, and what they give when nobody disturbs them."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio

from lithograph.demo import demo_ontology
from lithograph.domain.document import Document
from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable.clock import Clock, SystemClock, system_random
from lithograph.durable.database_clock import clock_of
from lithograph.durable.executions import Execution, Lease
from lithograph.durable.queue import enqueue_unended, leave
from lithograph.durable.run import Worker
from lithograph.graph.export.result_json import canonical_bytes
from lithograph.ontology.load import ontology_from_bytes
from lithograph.resilience.provider import ProviderLimits
from lithograph.storage.open import Storage, open_storage
from lithograph.testing.chaos.plan import ChaosPlan
from lithograph.testing.chaos.rows import Rows, rows_of
from lithograph.testing.corpus import generated_text
from lithograph.workflow.extraction import result_of_execution, start_extraction
from lithograph.workflow.extractors import ModelChoice
from lithograph.workflow.models import Models
from lithograph.workflow.runner import Plan, run_one

ONTOLOGY: Final = ontology_from_bytes(demo_ontology(), source="ontology.ttl")
KEY: Final = "OPENAI_API_KEY"

_RULES_EVERY: Final = 10
"""One document of so many is read by the rules, without a model."""
_AT_ONCE: Final = 8
_CALLS: Final = 48


@dataclass(frozen=True, slots=True)
class Piece:
    """One document to extract."""

    document: Document
    choice: ModelChoice

    @property
    def organization_id(self) -> OrganizationId:
        """Whose it is."""
        return self.document.organization_id

    def start(self, storage: Storage, clock: Clock, then: Callable[..., object] = enqueue_unended) -> Execution:
        """Return its execution, which is started where there is none and, as a rule, queued."""
        extractor = Models(environment={KEY: "chaos"})(self.choice, ONTOLOGY)
        given = Plan(ONTOLOGY, self.choice).input(self.document)
        return start_extraction(storage, self.document, ONTOLOGY, extractor, given, clock, then)


def pieces_of(plan: ChaosPlan, model_url: str) -> list[Piece]:
    """Return what a plan has to do. The first document is one that every organisation has: they may not share it."""
    asked, rules = ModelChoice("openai:fake", model_url), ModelChoice()
    organizations = [OrganizationId(f"organisation-{number + 1}") for number in range(plan.organizations)]
    found = []
    for number, length in enumerate(plan.lengths):
        shared = number < plan.organizations
        seed = plan.seed * 1_000 + (0 if shared else number)
        text = f"# Annals {seed}\n\n{generated_text(plan.lengths[0] if shared else length, seed=seed)}"
        organization_id = organizations[number % plan.organizations]
        document = Document.from_text(text, source=f"annals-{seed}.md", organization_id=organization_id)
        found.append(Piece(document, rules if number % _RULES_EVERY == _RULES_EVERY - 1 else asked))
    return found


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What a run that nobody disturbs leaves: the canonical result of every execution, and all rows."""

    results: Mapping[ExecutionId, bytes]
    rows: Mapping[OrganizationId, Rows]


def undisturbed(pieces: Sequence[Piece]) -> Undisturbed:
    """Run everything once, in an SQLite file of its own."""
    with tempfile.TemporaryDirectory() as folder, open_storage(f"sqlite:///{Path(folder) / 'graph.db'}") as storage:
        started = [piece.start(storage, SystemClock(), leave) for piece in pieces]
        anyio.run(_run, storage, started)
        return Undisturbed(results_of(storage, started), rows_by_organization(storage, pieces))


async def _run(storage: Storage, started: Sequence[Execution]) -> None:
    worker = Worker(storage, clock_of(storage), system_random(), Lease("undisturbed", sole=True))
    models = Models(ProviderLimits(_CALLS), environment={KEY: "undisturbed"})
    waiting = iter(started)

    async def take() -> None:
        for execution in waiting:
            await run_one(worker, execution.id, execution.organization_id, named=models)

    try:
        async with anyio.create_task_group() as tasks:
            for _ in range(_AT_ONCE):
                tasks.start_soon(take)
    finally:
        await models.aclose()


def results_of(storage: Storage, started: Sequence[Execution]) -> dict[ExecutionId, bytes]:
    """Return the canonical bytes of every execution's result, as its journal has it."""
    return {one.id: canonical_bytes(result_of_execution(storage, one.organization_id, one.id)) for one in started}


def rows_by_organization(storage: Storage, pieces: Sequence[Piece]) -> dict[OrganizationId, Rows]:
    """Return what every organisation sees."""
    return {one: rows_of(storage, one) for one in dict.fromkeys(piece.organization_id for piece in pieces)}
