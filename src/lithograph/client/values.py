"""What a server's answers become: the values that a workspace gives, made from JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from lithograph.domain.document import Span
from lithograph.domain.facts import Flag, Literal
from lithograph.domain.ids import EntityId, ExecutionId, Iri, RelationId
from lithograph.domain.usage import Usage
from lithograph.durable.status import Status
from lithograph.graph.page import Page
from lithograph.graph.shown import End, EntitySummary, Neighbour, RelationDetail
from lithograph.workflow.batch.input import BatchState
from lithograph.workflow.overview import Failure

T = TypeVar("T")
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RemoteExecution:
    """How an execution stands at a server; see `Standing`."""

    id: ExecutionId
    workflow_type: str
    status: Status
    source: str
    model: str
    parent_id: ExecutionId | None
    percent: float
    error: str | None
    waiting_for: str | None
    tokens: int
    cost_usd: float
    created_at: str
    started_at: str | None
    updated_at: str
    completed_at: str | None


@dataclass(frozen=True, slots=True)
class RemoteListed:
    """An execution in a list."""

    execution: RemoteExecution
    source: str
    percent: float


@dataclass(frozen=True, slots=True)
class RemoteOverview:
    """How an execution stands, stage by stage."""

    execution: RemoteExecution
    source: str
    model: str
    percent: float
    stages: Mapping[str, Mapping[str, int]]
    usage: Usage
    missing: tuple[Failure, ...]
    rejected: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RemoteBatch:
    """How a batch and its documents stand."""

    execution: RemoteExecution
    state: BatchState
    total: int | None
    listed: int
    counts: Mapping[str, int]
    usage: Usage


@dataclass(frozen=True, slots=True)
class RemoteAnswer:
    """What became of a request."""

    execution: RemoteExecution
    done: bool


@dataclass(frozen=True, slots=True)
class RemoteSent:
    """What became of a signal."""

    execution: RemoteExecution
    new: bool


def made(found: object, kind: type[T]) -> T:
    """Return a value of a type; what the server tells beyond it is left out."""
    return msgspec.convert(found, kind, strict=False)


def execution(found: Json) -> RemoteExecution:
    """Return an execution."""
    return made({**found, "workflow_type": found["type"]}, RemoteExecution)


def listed(found: Json) -> RemoteListed:
    """Return an execution in a list."""
    return RemoteListed(execution(found), str(found["source"]), float(found["percent"]))


def overview(found: Json) -> RemoteOverview:
    """Return how an execution stands."""
    return RemoteOverview(
        execution(found),
        str(found["source"]),
        str(found["model"]),
        float(found["percent"]),
        found["stages"],
        made(found["usage"], Usage),
        tuple(made(found["missing"], list[Failure])),
        found["rejected"],
    )


def batch(found: Json) -> RemoteBatch:
    """Return how a batch stands."""
    return RemoteBatch(
        execution(found["execution"]),
        BatchState(found["state"]),
        found["total"],
        int(found["listed"]),
        found["counts"],
        made(found["usage"], Usage),
    )


def relation(found: Json) -> RelationDetail:
    """Return a relation; its object is an entity or a value."""
    end = found["object"]
    return RelationDetail(
        ExecutionId(found["execution_id"]),
        RelationId(found["id"]),
        made(found["subject"], End),
        Iri(found["predicate"]),
        End(EntityId(end["id"]), str(end["label"])) if "id" in end else made(end, Literal),
        float(found["confidence"]),
        tuple(Flag(flag) for flag in found["flags"]),
        tuple(made(found["evidence"], list[Span])),
    )


def entity_page(found: Json) -> Page[EntitySummary]:
    """Return a page of entities."""
    return Page(made(found["items"], list[EntitySummary]), found["next"])


def neighbour_page(found: Json) -> Page[Neighbour]:
    """Return a page of neighbours."""
    items = [Neighbour(made(one["entity"], EntitySummary), relation(one["relation"])) for one in found["items"]]
    return Page(items, found["next"])
