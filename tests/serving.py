"""`litho serve` in a process of its own, for tests over HTTP, and what is usually asked of it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from tests.queued import until

from lithograph.demo import demo_document, demo_ontology
from lithograph.domain.ids import DEFAULT_ORGANIZATION, OrganizationId
from lithograph.durable.clock import SystemClock
from lithograph.resilience.budget import Limits
from lithograph.service.administration import create_organization, organizations
from lithograph.service.keys import KeyScope, create_key
from lithograph.storage.open import open_storage
from lithograph.testing.serving import ServeProcess

ENDED = {"completed", "completed_with_errors", "failed", "cancelled"}


@dataclass(frozen=True)
class Served:
    """A server and a client of it that acts for one organisation."""

    process: ServeProcess
    client: httpx2.Client
    organization_id: OrganizationId

    def json(self, path: str, **query: Any) -> Any:
        """Return what is at an address; fails unless it is there."""
        response = self.client.get(path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, json: object = None, status: int = 202, headers: Mapping[str, str] | None = None) -> Any:
        """Return what comes of a request that is done."""
        response = self.client.post(path, json=json, headers=headers)
        assert response.status_code == status, response.text
        return response.json()

    def upload(self, kind: str, name: str, data: bytes) -> Any:
        """Return what was kept."""
        response = self.client.post(f"/v1/{kind}", files={"file": (name, data)})
        assert response.status_code == 201, response.text
        return response.json()

    def document(self, text: str | None = None, name: str = "document.md") -> str:
        """Return the id of a document that is kept now: the demo's, unless a text is given."""
        return str(self.upload("documents", name, demo_document() if text is None else text.encode())["id"])

    def ontology(self) -> str:
        """Return the hash of the demo's ontology, which is kept now."""
        return str(self.upload("ontologies", "ontology.ttl", demo_ontology())["content_hash"])

    def extraction(self, text: str | None = None, **options: Any) -> str:
        """Start an extraction and return its id."""
        asked = {"document": self.document(text), "ontology": self.ontology(), **options}
        return str(self.post("/v1/extractions", asked)["id"])

    def ended(self, execution_id: str) -> Any:
        """Return how an execution has ended, when it has."""
        until(lambda: self.json(f"/v1/executions/{execution_id}")["status"] in ENDED)
        return self.json(f"/v1/executions/{execution_id}")

    def with_key(self, key: str | None) -> httpx2.Client:
        """Return a client with another key, or with none."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return httpx2.Client(base_url=self.process.address, headers=headers, timeout=30)


def key_for(url: str, organization: str, *scopes: KeyScope) -> str:
    """Return a key for an organisation, which is made where it is not there yet."""
    with open_storage(url) as storage:
        if organization not in {one.id for one in organizations(storage)} | {DEFAULT_ORGANIZATION}:
            create_organization(storage, organization, Limits(), SystemClock())
        wanted = scopes or (KeyScope.ADMIN,)
        return create_key(storage, OrganizationId(organization), SystemClock(), scopes=wanted)[1]


@contextmanager
def served(
    url: str, *options: str, organization: str = "acme", environment: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """Serve a database while this lasts: with a key where one is needed, of an organisation that is made."""
    key = None if url.startswith("sqlite") else key_for(url, organization)
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    process = ServeProcess(url, options=("--rate=10000", *options), environment=environment or {})
    with process, httpx2.Client(base_url=process.address, headers=headers, timeout=30) as client:
        yield Served(process, client, OrganizationId(DEFAULT_ORGANIZATION if key is None else organization))
