"""A workspace behind a server's HTTP API."""

import uuid
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

from lithograph.client import values
from lithograph.client.interface import USUAL, Options
from lithograph.client.transport import RepeatedError, Transport
from lithograph.client.values import (
    RemoteAnswer,
    RemoteBatch,
    RemoteExecution,
    RemoteListed,
    RemoteOverview,
    RemoteSent,
)
from lithograph.domain.ids import DocumentId, EntityId, RelationId
from lithograph.domain.usage import Usage
from lithograph.durable.events import Event
from lithograph.durable.status import Status
from lithograph.graph.export.formats import Format
from lithograph.graph.page import Page
from lithograph.graph.shown import EntityDetail, EntitySummary, GraphView, Neighbour, RelationDetail
from lithograph.resilience.budget import Limits
from lithograph.service.kept import KeptDocument, KeptOntology
from lithograph.workflow.batch.input import OnFailure
from lithograph.workflow.spending import Account

PATIENCE: Final = 60.0
"""Seconds for which a server that is away or busy is asked again."""


class RemoteWorkspace:
    """The workspace that a key is for; see `AnyWorkspace`, and `Transport` for what it raises besides."""

    def __init__(self, url: str, key: str | None = None, *, patience: float = PATIENCE) -> None:
        self._to = Transport(url, key, patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._to.close()

    def add_document(self, data: bytes, source: str) -> KeptDocument:
        """Read a document and keep it."""
        answer = self._to.request("POST", "/v1/documents", files={"file": (source, data)})
        return values.made(answer.json(), KeptDocument)

    def documents(self, *, limit: int = 100, before: KeptDocument | None = None) -> Sequence[KeptDocument]:
        """Return the documents, newest first."""
        page = self._to.get("/v1/documents", limit=limit, cursor=before and before.id)
        return values.made(page["items"], list[KeptDocument])

    def text(self, document_id: DocumentId) -> str:
        """Return the text of a document, which all offsets refer to."""
        return self._to.request("GET", f"/v1/documents/{_part(document_id)}/text").content.decode()

    def add_ontology_file(self, data: bytes, source: str) -> str:
        """Keep an ontology and return its content hash."""
        answer = self._to.request("POST", "/v1/ontologies", files={"file": (source, data)})
        return str(answer.json()["content_hash"])

    def ontologies(self) -> Sequence[KeptOntology]:
        """Return the ontologies, newest first."""
        return values.made(self._to.get("/v1/ontologies")["items"], list[KeptOntology])

    def extract(
        self, document_id: DocumentId, ontology: str, options: Options = USUAL, *, key: str | None = None
    ) -> RemoteExecution:
        """Start an extraction."""
        asked = {"document": document_id, **_asked(ontology, options)}
        return values.execution(self._to.post("/v1/extractions", asked, key))

    def extract_all(
        self,
        documents: Sequence[DocumentId],
        ontology: str,
        options: Options = USUAL,
        *,
        name: str = "",
        on_failure: OnFailure = OnFailure.CONTINUE,
        at_once: int = 3,
        key: str | None = None,
    ) -> RemoteExecution:
        """Start a batch."""
        how = {"name": name, "on_failure": on_failure, "at_once": at_once}
        asked = {"documents": list(documents), **_asked(ontology, options), **how}
        return values.execution(self._to.post("/v1/batches", asked, key))

    def execution(self, given: str) -> RemoteExecution:
        """Return how an execution stands."""
        return values.execution(self._to.get(_at(given)))

    def executions(
        self, *, limit: int = 20, status: Status | None = None, before: str | None = None, children: bool = False
    ) -> Sequence[RemoteListed]:
        """Return the newest executions, newest first."""
        page = self._to.get("/v1/executions", limit=limit, status=status, cursor=before, children=children)
        return [values.listed(one) for one in page["items"]]

    def overview(self, given: str) -> RemoteOverview:
        """Return how an execution stands, stage by stage."""
        return values.overview(self._to.get(_at(given)))

    def batch(self, given: str) -> RemoteBatch:
        """Return how a batch and its documents stand."""
        return values.batch(self._to.get(f"/v1/batches/{_part(given)}"))

    def events(self, given: str, *, after: int = 0, limit: int = 1_000) -> Sequence[Event]:
        """Return what happened to an execution."""
        page = self._to.request(
            "GET",
            f"{_at(given)}/events",
            params={"after": after, "limit": limit},
            headers={"Accept": "application/json"},
        )
        return values.made(page.json()["items"], list[Event])

    def watch(self, given: str, *, after: int = 0) -> Iterator[Event]:
        """Yield the events, and those that come, also from the server that follows this one."""
        return self._to.events(f"{_at(given)}/events", after)

    def export(self, given: str, wanted: Format = Format.JSON) -> bytes:
        """Return what there is of a result, in a format."""
        return self._to.request("GET", f"{_at(given)}/result", params={"format": wanted}).content

    def pause(self, given: str) -> RemoteAnswer:
        """Ask for a pause."""
        found = values.execution(self._to.post(f"{_at(given)}/pause"))
        return RemoteAnswer(found, found.status is Status.SUSPENDED)

    def cancel(self, given: str) -> RemoteAnswer:
        """End an execution for good."""
        try:
            found = values.execution(self._to.post(f"{_at(given)}/cancel"))
        except RepeatedError:
            found = self.execution(given)
            if found.status is not Status.CANCELLED:
                raise
        return RemoteAnswer(found, found.status is Status.CANCELLED)

    def resume(self, given: str, *, limits: Limits | None = None) -> RemoteExecution:
        """Let an execution go on."""
        return values.execution(self._to.post(f"{_at(given)}/resume", None if limits is None else _budget(limits)))

    def retry(self, given: str) -> RemoteExecution:
        """Let what is missing run again."""
        try:
            return values.execution(self._to.post(f"{_at(given)}/retry"))
        except RepeatedError:
            found = self.execution(given)
            if found.status.retriable or found.status is Status.CANCELLED:
                raise
            return found

    def signal(self, given: str, name: str, payload: object = None, *, key: str | None = None) -> RemoteSent:
        """Send a signal."""
        asked = {"name": name, "payload": payload}
        sent = self._to.post(f"{_at(given)}/signals", asked, key or uuid.uuid4().hex)
        return RemoteSent(values.execution(sent["execution"]), bool(sent["new"]))

    def account(self) -> Account:
        """Return what the organisation may spend and has spent."""
        found = self._to.get("/v1/account")
        spent = Usage(input_tokens=found["spent_tokens"], cost_usd=found["spent_cost_usd"])
        return Account(Limits(found["max_tokens"], found["max_cost_usd"]), spent)

    def limit(self, limits: Limits) -> None:
        """Set what the organisation may spend."""
        self._to.request("PUT", "/v1/account", json=_budget(limits))

    def entities(
        self,
        execution: str | None = None,
        *,
        search: str = "",
        type: str = "",  # noqa: A002  # what it is called everywhere
        min_confidence: float = 0.0,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[EntitySummary]:
        """Return entities."""
        asked = {"search": search, "type": type, "min_confidence": min_confidence, "limit": limit}
        return values.entity_page(self._to.get("/v1/graph/entities", execution=execution, cursor=cursor, **asked))

    def entity(self, entity_id: EntityId, execution: str | None = None) -> EntityDetail:
        """Return an entity with the places that name it."""
        return values.made(self._to.get(f"/v1/graph/entities/{_part(entity_id)}", execution=execution), EntityDetail)

    def neighbours(
        self, entity_id: EntityId, execution: str | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> Page[Neighbour]:
        """Return what an entity is related to."""
        path = f"/v1/graph/entities/{_part(entity_id)}/neighbours"
        return values.neighbour_page(self._to.get(path, execution=execution, limit=limit, cursor=cursor))

    def relation(self, relation_id: RelationId, execution: str | None = None) -> RelationDetail:
        """Return a relation with the places that state it."""
        return values.relation(self._to.get(f"/v1/graph/relations/{_part(relation_id)}", execution=execution))

    def graph(
        self,
        execution: str,
        *,
        type: str = "",  # noqa: A002  # what it is called everywhere
        min_confidence: float = 0.0,
        limit: int = 10_000,
    ) -> GraphView:
        """Return a graph to be drawn."""
        found = self._to.get("/v1/graph", execution=execution, type=type, min_confidence=min_confidence, limit=limit)
        return values.made(found, GraphView)


def _at(given: str) -> str:
    return f"/v1/executions/{_part(given)}"


def _part(given: str) -> str:
    """Return a name as a part of a path, whatever it holds."""
    return quote(given, safe="") or "-"


def _budget(limits: Limits) -> dict[str, Any]:
    return {"max_tokens": limits.tokens, "max_cost_usd": limits.cost_usd}


def _asked(ontology: str, options: Options) -> dict[str, Any]:
    return {
        "ontology": ontology,
        "model": options.model,
        "base_url": options.base_url,
        "strategy": options.strategy,
        "on_missing": options.on_missing,
        **_budget(options.limits),
    }
