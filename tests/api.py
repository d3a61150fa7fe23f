"""The API on a socket of its own, over a real database, for tests that ask it as clients do."""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
import httpx2
import pytest
from anyio.from_thread import start_blocking_portal
from sqlalchemy import select
from tests.journals import worker
from tests.queued import ONTOLOGY

from lithograph.api.app import create_app
from lithograph.api.server import Server
from lithograph.api.serving import bound, serve
from lithograph.api.settings import ApiSettings
from lithograph.domain.document import Document
from lithograph.domain.graph import KnowledgeGraph
from lithograph.domain.ids import OrganizationId
from lithograph.durable.database_clock import clock_of
from lithograph.durable.executions import Execution
from lithograph.durable.status import Status
from lithograph.ontology.model import Ontology
from lithograph.resilience.budget import Limits
from lithograph.service.administration import create_organization
from lithograph.service.keys import KeyScope, create_key
from lithograph.service.workspace import Workspace
from lithograph.storage.open import Storage
from lithograph.storage.schema import metadata, organization
from lithograph.testing.corpus import generated_text
from lithograph.workflow.batch.kept import KeptBatch
from lithograph.workflow.extractors import ExtractorNamed, rules_only
from lithograph.workflow.runner import Plan, run_one

DEADLINE = 20.0
"""Seconds after which an answer that was waited for will not come any more."""
PLENTY = 1e6
"""Requests a second that no test makes."""


@dataclass
class Api:
    """A server that answers at `url`, and its database."""

    url: str
    storage: Storage
    settings: ApiSettings
    host: str = "127.0.0.1"
    port: int = 0

    def client(self, key: str | None = None, **headers: str) -> httpx2.Client:
        """Return a client that sends this key."""
        said = {**({} if key is None else {"Authorization": f"Bearer {key}"}), **headers}
        return httpx2.Client(base_url=self.url, headers=said, timeout=DEADLINE)

    def key(self, organization_id: OrganizationId, *scopes: KeyScope, lasts: float | None = None) -> str:
        """Return a new key."""
        made = create_key(self.storage, organization_id, clock_of(self.storage), scopes=scopes, lasts=lasts)
        return made[1]

    def alive(self) -> bool:
        """Whether it answers others."""
        with self.client() as client:
            return client.get("/v1/health/ready").status_code == 200


def _named(_: bool) -> ExtractorNamed:
    return rules_only


@contextmanager
def served(storage: Storage, **settings: Any) -> Iterator[Api]:
    """Serve a database on a free port, in a thread of its own."""
    given = ApiSettings(**{"requests_per_second": PLENTY, "burst": int(PLENTY), **settings})
    app = create_app(Server(storage, clock_of(storage), given, _named))
    listening = bound("127.0.0.1", 0)
    host, port = listening.getsockname()[:2]
    ready = threading.Event()
    with start_blocking_portal() as portal:
        serving = portal.start_task_soon(partial(serve, app, listening, ready.set))
        try:
            assert ready.wait(DEADLINE), "the server did not start"
            yield Api(f"http://{host}:{port}", storage, given, host, port)
        finally:
            serving.cancel()


@dataclass(frozen=True)
class Tenant:
    """An organisation with one of everything: an extraction and a batch that are done, and one that nobody runs."""

    organization_id: OrganizationId
    workspace: Workspace
    admin: str
    document: Document
    done: Execution
    pending: Execution
    batch: Execution
    graph: KnowledgeGraph
    ontology: Ontology

    @property
    def ids(self) -> Mapping[str, str]:
        """Something of it for each parameter of a path or query that names something."""
        return {
            "document_id": self.document.id,
            "content_hash": self.ontology.content_hash,
            "execution_id": self.done.id,
            "execution": self.done.id,
            "entity_id": self.graph.entities[0].id,
            "entity": self.graph.entities[0].id,
            "relation_id": self.graph.relations[0].id,
            "key_id": "key_" + self.admin.split("_")[1],
        }


def tenant(api: Api, name: str, ontology: Ontology = ONTOLOGY) -> Tenant:
    """Make an organisation, with an extraction and a batch that are done."""
    organization_id = OrganizationId(name)
    create_organization(api.storage, name, Limits(), clock_of(api.storage))
    workspace = Workspace(api.storage, organization_id)
    documents = [
        Document.from_text(f"{text} of {name}.", source=f"{name}-{n}.txt", organization_id=organization_id)
        for n, text in enumerate([generated_text(2), generated_text(1, seed=7), "Ada Byron works for Blue Harbour"])
    ]
    for document in documents:
        workspace.keep_document(document)
    workspace.keep_ontology(ontology)
    done = workspace.start_extraction(documents[0], Plan(ontology))
    anyio.run(run_one, worker(api.storage), done.id, organization_id)
    batch = workspace.start_batch(KeptBatch([documents[0].id, documents[1].id], Plan(ontology), name))
    anyio.run(run_one, worker(api.storage), batch.id, organization_id)
    pending = workspace.start_extraction(documents[2], Plan(ontology))
    done, pending, batch = (workspace.execution(one.id) for one in (done, pending, batch))
    assert [one.status for one in (done, pending, batch)] == [Status.COMPLETED, Status.PENDING, Status.COMPLETED]
    admin, graph = api.key(organization_id, KeyScope.ADMIN), workspace.result(done.id).graph
    return Tenant(organization_id, workspace, admin, documents[0], done, pending, batch, graph, ontology)


def rows(storage: Storage, organization_id: OrganizationId) -> dict[str, list[tuple[object, ...]]]:
    """Return everything that an organisation has in the database."""
    found = {}
    with storage.read(organization_id) as connection:
        for table in metadata.sorted_tables:
            owner = table.c.id if table is organization else table.c.organization_id
            query = select(table).where(owner == organization_id).order_by(*table.primary_key)
            found[table.name] = [tuple(row) for row in connection.execute(query)]
    return found


def defects(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what the server has noted of its own defects."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
