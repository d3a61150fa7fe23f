"""Every statement that is sent while executions are run and looked at finds its rows through an index.

The statements are those of a real run, recorded on their way to the database. On a server the tables are said to have a
hundred million rows, and an index counts only where a condition on its first columns finds what is wanted.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import psycopg
import pytest
from sqlalchemy import event
from tests.journals import worker
from tests.postgres import Server
from tests.queued import ONTOLOGY

from lithograph.domain.document import Document
from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable import executions, signals
from lithograph.durable.clock import timestamp
from lithograph.durable.executions import Lease
from lithograph.durable.queue import enqueue_unended, sweep
from lithograph.durable.status import Status
from lithograph.errors import StateError
from lithograph.extraction.extractor import Extractor
from lithograph.ontology.model import Ontology
from lithograph.service.workspace import Workspace
from lithograph.storage.open import Storage, open_storage
from lithograph.storage.pipeline import Pipeline
from lithograph.storage.schema import metadata
from lithograph.testing.corpus import generated_text
from lithograph.testing.metered import Ledger, Metered
from lithograph.workflow.batch.start import BatchPlan, start_batch
from lithograph.workflow.extractors import ModelChoice, rules_only
from lithograph.workflow.runner import Plan, run_one

ACME = OrganizationId("acme")

FOUND_BY = {
    "workflow_execution": {"id", "idempotency_key", "parent_id", "status"},
    "batch_document": {"batch_id", "execution_id"},
    "workflow_activity": {"execution_id"},
    "workflow_event": {"execution_id"},
    "workflow_signal": {"execution_id", "id"},
    "response_cache": {"key"},
    "start_key": {"key"},
    "document": {"id", "created_at"},
    "entity": {"execution_id", "id"},
    "mention": {"execution_id"},
    "relation": {"execution_id", "id"},
    "evidence": {"execution_id"},
}
"""The tables that grow, and the columns of which one must be in an index's condition. What an organisation has is too
much, unless it comes in the order that is wanted and only some of it is.
"""
SMALL = {"organization", "api_key", "spending", "ontology"}


def test_every_table_is_big_or_small() -> None:
    assert FOUND_BY.keys() | SMALL == metadata.tables.keys()


@dataclass
class Recorded:
    """The statements that were sent, each once, with parameters that it was sent with."""

    statements: dict[str, Any] = field(default_factory=dict)

    def about_big_tables(self) -> Iterator[tuple[str, Any]]:
        for statement, parameters in self.statements.items():
            words = set(re.findall(r"\w+", statement))
            if words & FOUND_BY.keys() and re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)", statement):
                yield statement, parameters


def everything(storage: Storage, folder: Path) -> None:
    """Do once whatever is done all the time."""
    ledger = Ledger(folder.with_suffix(".ledger"))

    def named(choice: ModelChoice, ontology: Ontology) -> Extractor:
        return Metered(rules_only(choice, ontology), ledger, 0.0)

    workspace = Workspace(storage, ACME)
    document = Document.from_text(generated_text(3), source="a.txt", organization_id=ACME)
    edited = Document.from_text(generated_text(3) + " More.", source="b.txt", organization_id=ACME)
    at = worker(storage)
    first = workspace.start_extraction(document, Plan(ONTOLOGY), named=named)
    workspace.signal(first.id, "review", {"accepted": True})
    workspace.pause(first.id) if first.status is Status.RUNNING else None
    anyio.run(lambda: run_one(at, first.id, ACME, named=named))
    second = workspace.start_extraction(edited, Plan(ONTOLOGY), named=named)
    anyio.run(lambda: run_one(at, second.id, ACME, named=named))
    anyio.run(read_all, workspace, first.id)
    third = workspace.start_extraction(
        Document.from_text("Nobody runs this.", source="c.txt", organization_id=ACME), Plan(ONTOLOGY), named=named
    )
    executions.claim(storage, ACME, third.id, Lease("dead", seconds=-1.0), at.clock)
    with storage.read(ACME) as connection:
        executions.unfinished(connection, ACME, timestamp(at.clock.now()))
        signals.called(connection, ACME, [first.id, second.id, third.id])
    for change in (workspace.pause, workspace.cancel, workspace.retry, workspace.resume):
        with suppress(StateError):
            change(third.id)
    for status in (None, Status.COMPLETED):
        page = workspace.executions(limit=1, status=status)
        workspace.executions(limit=5, status=status, before=page[-1].execution.id)
    workspace.execution(first.id[len("execution_") :][:8])
    workspace.overview(first.id)
    workspace.result(first.id)
    workspace.account()
    workspace.documents()
    workspace.ontologies()
    for number in range(3):
        (folder / f"{number}.txt").write_text(generated_text(1, seed=number))
    batch = anyio.run(partial(start_batch, at, BatchPlan([folder], Plan(ONTOLOGY)), ACME, named=named))
    anyio.run(lambda: run_one(at, batch.id, ACME, named=named))
    workspace.batch(batch.id)
    workspace.result(batch.id)
    workspace.executions(children=True)
    look_at_graphs(workspace, batch.id)
    look_at_graphs(workspace, None)
    if storage.dialect == "postgresql":
        sweep(storage, at.clock)
        fourth = Document.from_text("Nor this.", source="d.txt", organization_id=ACME)
        waiting = workspace.start_extraction(fourth, Plan(ONTOLOGY), named=named)
        with storage.write(ACME) as connection:
            enqueue_unended(connection, waiting)


def look_at_graphs(workspace: Workspace, execution: str | None) -> None:
    first = workspace.entities(execution, limit=1)
    workspace.entities(execution, limit=1, cursor=first.next)
    (entity,) = first.items
    workspace.entities(execution, search="a", type=entity.types[0], min_confidence=0.1)
    workspace.entity(entity.id, execution)
    workspace.neighbours(entity.id, execution)
    some = workspace.relations(execution, limit=1)
    workspace.relations(execution, limit=1, cursor=some.next)
    workspace.relations(execution, entity=entity.id, predicate=some.items[0].predicate)
    workspace.relation(some.items[0].id, execution)
    if execution is not None:
        workspace.graph(execution, type=entity.types[0], limit=2)


async def read_all(workspace: Workspace, execution_id: ExecutionId) -> None:
    async for _ in workspace.follow(workspace.execution(execution_id)):
        pass


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Storage, Recorded]]:
    folder = tmp_path_factory.mktemp("hot")
    recorded = Recorded()

    def trace(connection: Any, record: object) -> None:
        connection.set_trace_callback(lambda statement: recorded.statements.setdefault(_shape(statement), statement))

    with open_storage(f"sqlite:///{folder}/graph.db") as storage:
        storage.close()
        event.listen(storage.engine, "connect", trace)
        everything(storage, tmp_path_factory.mktemp("documents"))
        yield storage, Recorded({one: one for one in recorded.statements.values()})


def _shape(statement: str) -> str:
    """Return a statement without its values, so that each is looked at once."""
    return re.sub(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b", "?", statement)


def test_on_a_file_no_table_that_grows_is_read_through(file: tuple[Storage, Recorded]) -> None:
    storage, recorded = file
    looked_at = 0
    with storage.read(ACME) as connection:
        for statement, _ in recorded.about_big_tables():
            if statement.lstrip().startswith("--"):
                continue
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.replace('%', '%%')}")]
            looked_at += 1
            scanned = [step for step in plan if step.startswith("SCAN") and set(step.split()) & FOUND_BY.keys()]
            assert not scanned, f"{scanned} in {statement}"
    assert looked_at > 30


@pytest.fixture(scope="module")
def server(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Storage, Recorded]]:
    recorded = Recorded()

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        recorded.statements.setdefault(statement, parameters)

    send = Pipeline.send

    def noted(pipeline: Pipeline, statement: str, *parameters: str | None) -> None:
        recorded.statements.setdefault(statement, None)
        send(pipeline, statement, *parameters)

    with postgres.database() as url, open_storage(url) as storage, pytest.MonkeyPatch.context() as patched:
        event.listen(storage.engine, "before_cursor_execute", note)
        patched.setattr(Pipeline, "send", noted)
        everything(storage, tmp_path_factory.mktemp("documents"))
        event.remove(storage.engine, "before_cursor_execute", note)
        with psycopg.connect(postgres.administrator(str(storage.engine.url.database))) as administrator:
            # There are a few pages, and on each of them so many rows.
            big = [*FOUND_BY, "procrastinate_jobs"]
            administrator.execute(
                "UPDATE pg_class SET reltuples = 1e8, relpages = 1 WHERE relname = ANY(%s) OR oid IN ("
                "SELECT i.indexrelid FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid WHERE t.relname = ANY(%s))",
                (big, big),
            )
        yield storage, recorded


def nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def read_through(plan: Mapping[str, Any], *, bounded: bool = False) -> Iterator[str]:
    """Yield the parts of a plan that go through a table, or through all that an organisation has in it."""
    bounded = bounded or plan["Node Type"] == "Limit"
    table = plan.get("Relation Name")
    if table in FOUND_BY and plan["Node Type"] != "ModifyTable":
        condition = plan.get("Index Cond", "")
        if plan["Node Type"] == "Bitmap Heap Scan":
            condition = plan["Recheck Cond"]
        named = set(re.findall(r"\w+", condition))
        patterns = "~~" in plan.get("Filter", "")
        ordered = bounded and "organization_id" in named and plan["Node Type"].startswith("Index") and not patterns
        if not (named & FOUND_BY[table] or ordered):
            yield f"{plan['Node Type']} of {table} by {condition or 'nothing'}"
    # A sort needs everything before the first row can be had.
    bounded = bounded and plan["Node Type"] not in ("Sort", "Aggregate", "HashAggregate", "Hash")
    for part in plan.get("Plans", ()):
        yield from read_through(part, bounded=bounded)


def explained(connection: psycopg.Connection, statement: str, parameters: Any) -> Mapping[str, Any]:
    """Return the plan of a statement; of one that names its parameters by numbers, the one that fits them all."""
    generic = ", GENERIC_PLAN" if parameters is None and "$1" in statement else ""
    found = connection.execute(f"EXPLAIN (FORMAT JSON{generic}) {statement}", parameters or None).fetchone()
    assert found is not None
    plan: Mapping[str, Any] = found[0][0]["Plan"]
    return plan


def test_on_a_server_every_statement_finds_its_rows_by_an_index(server: tuple[Storage, Recorded]) -> None:
    storage, recorded = server
    slow: list[str] = []
    looked_at = 0
    for statement, parameters in recorded.about_big_tables():
        given = parameters[0] if isinstance(parameters, list) else parameters
        with storage.write(ACME) as connection:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            driver: Any = connection.connection.driver_connection
            plan = explained(driver, statement, given)
        looked_at += 1
        slow += [f"{part}: {' '.join(statement.split())}" for part in read_through(plan)]
    assert looked_at > 40
    assert slow == []


def in_functions(connection: psycopg.Connection) -> Iterator[tuple[str, str]]:
    """Yield the statements of the functions that look across organisations, with literals for what they are given."""
    rows = connection.execute(
        "SELECT proname, prosrc FROM pg_proc WHERE proname = ANY(%s)",
        (["lithograph_due", "lithograph_enqueue", "lithograph_key"],),
    )
    values = {
        "at": "now()", "most": "1000", "execution": "'execution_1'::text", "turn_of": "'acme'::text", "first_turn": "0",
        "given": "'hash'::text",
    }  # fmt: skip
    for name, source in rows.fetchall():
        plain = re.sub(r"--.*", "", source)
        for found in re.finditer(r"(?:EXISTS \()?SELECT[^;]*?(?:THEN|;|$)", plain, re.DOTALL):
            statement = re.sub(r"\bINTO \w+", "", found[0].removesuffix("THEN").rstrip().removesuffix(";"))
            if statement.startswith("EXISTS ("):
                statement = statement.removeprefix("EXISTS (").removesuffix(")")
            for variable, value in values.items():
                statement = re.sub(rf"(?<![\w.']){variable}\b(?!')", value, statement)
            if "FROM" in statement:
                yield name, statement


def test_on_a_server_functions_find_their_rows_by_an_index(server: tuple[Storage, Recorded], postgres: Server) -> None:
    storage, _ = server
    url = postgres.administrator(str(storage.engine.url.database))
    looked_at: list[str] = []
    with psycopg.connect(url) as connection:
        connection.execute("SET LOCAL ROLE lithograph_system; SET LOCAL search_path = lithograph_queue, public")
        connection.execute("SET LOCAL enable_seqscan = off")
        for name, statement in in_functions(connection):
            plan = explained(connection, statement, None)
            assert list(read_through(plan)) == [], statement
            jobs = [node for node in nodes(plan) if node.get("Relation Name") == "procrastinate_jobs"]
            assert all("Index" in node["Node Type"] for node in jobs), (statement, plan)
            for wanted in ("queueing_lock", "organization_id", "priority"):
                if name == "lithograph_enqueue" and re.search(rf"{wanted}\W* [=>]", statement):
                    assert all(wanted in node["Index Cond"] for node in jobs), (statement, plan)
            looked_at.append(name)
    assert sorted(set(looked_at)) == ["lithograph_due", "lithograph_enqueue", "lithograph_key"]
    assert looked_at.count("lithograph_enqueue") >= 4
