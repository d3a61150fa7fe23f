"""Whatever an organisation does with what is another's, it finds nothing there and changes nothing.

The operations are found by their signatures: public functions of `durable` and `workflow` that take an organisation,
and the public methods of `Workspace`. A new one is tried from the day it is there, or fails until it is said what it
needs.
"""

import importlib
import inspect
import logging
import pkgutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import select
from tests.journals import SetClock, worker
from tests.postgres import Server
from tests.queued import ONTOLOGY

import lithograph.durable
import lithograph.workflow
from lithograph.domain.document import Document
from lithograph.domain.graph import KnowledgeGraph
from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable import executions, signals
from lithograph.durable.crashpoints import Transaction
from lithograph.durable.executions import Execution, Lease
from lithograph.durable.queue import leave
from lithograph.durable.retention import DAY, Retention
from lithograph.durable.run import Worker
from lithograph.durable.status import Status
from lithograph.durable.writes import Owner
from lithograph.errors import UsageError
from lithograph.extraction.rules import RulesExtractor
from lithograph.ontology.load import ontology_from_bytes
from lithograph.resilience.budget import Limits
from lithograph.service.workspace import Workspace
from lithograph.storage.open import Storage, open_storage
from lithograph.storage.schema import metadata, organization
from lithograph.testing.corpus import generated_text
from lithograph.workflow.attend import Kind
from lithograph.workflow.batch.kept import KeptBatch
from lithograph.workflow.batch.start import BatchPlan, start_batch
from lithograph.workflow.extraction import run_extraction
from lithograph.workflow.extraction_input import EXTRACTION, VERSION
from lithograph.workflow.runner import Plan, run_one

MINE, THEIRS = OrganizationId("mine"), OrganizationId("theirs")
SECRET = "Zebulon"
"""A name that stands in everything of theirs that has a text."""
OTHER_ONTOLOGY = ontology_from_bytes(b"<urn:a> a <http://www.w3.org/2002/07/owl#Class> .", source="a.ttl")
CLOCK = SetClock()
Operation = Callable[..., Any]


@dataclass(frozen=True)
class World:
    """A database in which the other organisation has an extraction that is done, one that runs and one that waits, and
    a batch that is done.
    """

    storage: Storage
    document: Document
    done: Execution
    running: Execution
    pending: Execution
    batch: Execution

    @property
    def entity_id(self) -> str:
        return self._graph().entities[0].id

    @property
    def relation_id(self) -> str:
        return self._graph().relations[0].id

    def _graph(self) -> KnowledgeGraph:
        return Workspace(self.storage, THEIRS).result(self.done.id).graph

    def theirs(self) -> Mapping[str, list[Any]]:
        """Return everything that is theirs."""
        found = {}
        with self.storage.read(THEIRS) as connection:
            for table in metadata.tables.values():
                owner = table.c.id if table is organization else table.c.organization_id
                rows = connection.execute(select(table).where(owner == THEIRS).order_by(*table.primary_key))
                found[table.name] = [tuple(row) for row in rows]
        return found


def document_of(organization_id: OrganizationId, name: str) -> Document:
    text = f"{name} {SECRET} works for Blue Harbour Shipping.\n\n{generated_text(2)}"
    return Document.from_text(text, source=f"{SECRET}-{name}.txt", organization_id=organization_id)


def filled(storage: Storage, folder: Path) -> World:
    workspace = Workspace(storage, THEIRS)
    found = []
    for name in ("Ada", "Bertha", "Cleo"):
        document = document_of(THEIRS, name)
        workspace.keep_document(document)
        found.append(workspace.start_extraction(document, Plan(ONTOLOGY)))
    done, running, pending = found
    anyio.run(run_one, worker(storage), done.id, THEIRS)
    executions.claim(storage, THEIRS, running.id, Lease("theirs"), workspace.clock)
    signals.send(storage, THEIRS, running.id, SECRET, workspace.clock, payload={"of": SECRET})
    workspace.limit(Limits(tokens=123_456_789))
    for name in ("Emma", "Frida"):
        (folder / f"{SECRET}-{name}.txt").write_text(document_of(THEIRS, name).text)
    batch = anyio.run(start_batch, worker(storage), BatchPlan([folder], Plan(ONTOLOGY)), THEIRS)
    anyio.run(run_one, worker(storage), batch.id, THEIRS)
    ids = (done.id, running.id, pending.id, batch.id)
    return World(storage, document_of(THEIRS, "Ada"), *map(workspace.execution, ids))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('tenants')}/graph.db"
        else:
            server: Server = request.getfixturevalue("postgres")
            url = stack.enter_context(server.database())
        yield filled(stack.enter_context(open_storage(url)), tmp_path_factory.mktemp("documents"))


def functions() -> Iterator[tuple[str, Operation]]:
    """Yield every public function that takes an organisation."""
    for package in (lithograph.durable, lithograph.workflow):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(found.name)
            for name, function in vars(module).items():
                ours = inspect.isfunction(function) and function.__module__ == module.__name__
                if ours and not name.startswith("_") and "organization_id" in inspect.signature(function).parameters:
                    yield f"{found.name.removeprefix('lithograph.')}.{name}", function


WORKS_ON_WHAT_IT_IS_GIVEN = {
    "extract_files",
    "extraction_of",
    "open_batch",
    "read_files",
    "run_files",
    "start_batch",
    "unread_results",
}
NAMING = {"batch_id", "content_hash", "document_id", "entity_id", "execution", "execution_id", "given", "relation_id"}
"""Parameters that name something."""
FUNCTIONS = {
    name: function for name, function in functions() if name.rpartition(".")[2] not in WORKS_ON_WHAT_IT_IS_GIVEN
}
METHODS = {
    name: method for name, method in vars(Workspace).items() if inspect.isfunction(method) and not name.startswith("_")
}


def names_something(operation: Operation) -> bool:
    return bool(NAMING & set(inspect.signature(operation).parameters))


def values(world: World, execution: Execution) -> dict[str, Any]:
    """Return what is passed for a parameter of a name."""
    return {
        "after": 0,
        "alone": True,
        "batch": KeptBatch([world.document.id], Plan(OTHER_ONTOLOGY)),
        "batch_id": execution.id,
        "clock": CLOCK,
        "clusters": (),
        "content_hash": ONTOLOGY.content_hash,
        "data": b"<urn:a> a <http://www.w3.org/2002/07/owl#Class> .",
        "document": Document.from_text("Dora works.", source="dora.txt", organization_id=MINE),
        "document_id": world.document.id,
        "entity_id": world.entity_id,
        "every": 0.01,
        "execution": execution,
        "execution_id": execution.id,
        "execution_ids": [execution.id],
        "extractor": RulesExtractor(OTHER_ONTOLOGY),
        "given": execution.id,
        "ids": [world.document.id],
        "kind": Kind(EXTRACTION, VERSION, run_extraction_of, 1, is_ready),
        "lease": Lease("mine", sole=True),
        "limit": 1_000,
        "limits": Limits(tokens=1),
        "log": logging.getLogger("tenants"),
        "name": "review",
        "now": "2099-01-01T00:00:00Z",
        "ontology": OTHER_ONTOLOGY,
        "organization_id": MINE,
        "plan": Plan(OTHER_ONTOLOGY),
        "positions": [0, 1, 2],
        "relation_id": world.relation_id,
        "source": "given.txt",
        "storage": world.storage,
        "then": leave,
        "wanted": Retention(DAY, frozenset(status for status in Status if status.terminal), cache=True),
        "worker": worker(world.storage, lease=Lease("mine", sole=True)),
    }


async def run_extraction_of(worker: Worker, execution: Execution, resume: bool) -> None:
    await run_extraction(worker, execution, resume=resume)


async def is_ready(_: Execution) -> bool:
    return True


def unknown(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same values, with names of what there is not."""
    nothing = dict.fromkeys(NAMING, "execution_" + "0" * 32)
    return {**given, **nothing, "execution": replace(given["execution"], id=ExecutionId("execution_" + "0" * 32))}


def call(world: World, operation: Operation, given: Mapping[str, Any], *first: object) -> object:
    """Call an operation with a value for each parameter that needs one, in a transaction if it wants one."""
    arguments: dict[str, Any] = {}
    with ExitStack() as stack:
        for name, parameter in list(inspect.signature(operation).parameters.items())[len(first) :]:
            if name == "connection":
                arguments[name] = stack.enter_context(world.storage.write(MINE))
            elif parameter.annotation is Transaction:
                arguments[name] = Transaction.CONTROL
            elif parameter.annotation is Status:
                arguments[name] = Status.CANCELLED
            elif parameter.default is parameter.empty:
                assert name in given, f"say in `values` what `{name}` of {operation.__qualname__} is here"
                by_id = name == "execution" and parameter.annotation is str
                arguments[name] = given[name].id if by_id else given[name]
        found = operation(*first, **arguments)
        if inspect.isfunction(found):  # it gives the page after a place
            found = found(-1)
        if inspect.isawaitable(found) or isinstance(found, AsyncIterator):
            return anyio.run(_awaited, found)
        return list(found) if isinstance(found, Iterator) else found


async def _awaited(found: Any) -> object:
    with anyio.fail_after(10):
        return [one async for one in found] if isinstance(found, AsyncIterator) else await found


def outcome(world: World, operation: Operation, given: Mapping[str, Any], *first: object) -> str:
    """Return what comes of it, in words that do not say what was asked for."""
    try:
        said = repr(call(world, operation, given, *first))
    except UsageError as error:
        said = f"UsageError: {error}"
    for name in NAMING:
        asked = given[name].id if isinstance(given[name], Execution) else given[name]
        said = said.replace(asked, "ID")
    return said


@pytest.mark.parametrize("kind", ["done", "running", "pending", "batch"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_finds_and_changes_nothing_of_anothers(name: str, kind: str, world: World) -> None:
    check(world, FUNCTIONS[name], getattr(world, kind))


@pytest.mark.parametrize("kind", ["done", "running", "pending", "batch"])
@pytest.mark.parametrize("name", METHODS)
def test_a_workspace_finds_and_changes_nothing_of_anothers(name: str, kind: str, world: World) -> None:
    check(world, METHODS[name], getattr(world, kind), Workspace(world.storage, MINE))


@pytest.mark.parametrize(
    "name", [name for name, one in METHODS.items() if "given" in inspect.signature(one).parameters]
)
def test_the_beginning_of_an_id_finds_nothing_of_anothers(name: str, world: World) -> None:
    short = ExecutionId(world.done.id[: len("execution_") + 10])
    given = {**values(world, world.done), "given": short}
    with pytest.raises(UsageError, match="there is no execution"):
        call(world, METHODS[name], given, Workspace(world.storage, MINE))


def check(world: World, operation: Operation, execution: Execution, *first: object) -> None:
    """What names something of theirs learns what it learns of something that there is not."""
    before, given = world.theirs(), values(world, execution)
    found = outcome(world, operation, given, *first)
    if names_something(operation):
        assert found == outcome(world, operation, unknown(given), *first)
    if not found.startswith("UsageError: there is no "):
        assert not any(secret in found for secret in (SECRET, THEIRS, "123456789", *map(repr, before["entity"])))
        assert "UsageError" not in found
    assert world.theirs() == before


def test_what_only_its_owner_may_know_is_found_by_nobody_else(world: World) -> None:
    """An owner that was made up: a right epoch, and the wrong organisation."""
    owner = Owner(MINE, world.running.id, world.running.epoch)
    before = world.theirs()
    with world.storage.read(MINE) as connection:
        found = signals.waiting(connection, owner)
        assert signals.called(connection, MINE, [world.running.id]) == []
        assert signals.called(connection, THEIRS, [world.running.id]) == (
            [world.running.id] if world.storage.dialect == "sqlite" else []
        )
    assert world.storage.dialect == "sqlite" or not found
    assert world.theirs() == before


def test_there_is_something_to_be_found(world: World) -> None:
    theirs = Workspace(world.storage, THEIRS)
    assert [one.status for one in (world.done, world.running, world.pending, world.batch)] == [
        Status.COMPLETED, Status.RUNNING, Status.PENDING, Status.COMPLETED,
    ]  # fmt: skip
    assert SECRET in repr(theirs.result(world.done.id).graph)
    assert len(theirs.result(world.batch.id).documents) == 2


def test_the_operations_are_found() -> None:
    assert {"durable.executions.claim", "durable.signals.send", "workflow.runner.run_one"} <= FUNCTIONS.keys()
    assert {"result", "cancel", "retry", "prune", "entity", "relation", "graph"} <= METHODS.keys()
