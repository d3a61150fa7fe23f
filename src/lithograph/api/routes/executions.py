"""Executions: how they stand, what is asked of them, and their results."""

import hashlib
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Request, Response

from lithograph.api.etags import NOT_MODIFIED, tagged
from lithograph.api.responses import CONFLICT, CURSOR, LIMIT, MALFORMED, ONCE
from lithograph.api.server import Caller, Reader, Writer
from lithograph.api.wire.base import Id, Listing
from lithograph.api.wire.executions import EXECUTION, BudgetAsked, Execution, ExecutionDetail, Sent, SignalAsked
from lithograph.durable.executions import Execution as StoredExecution
from lithograph.durable.status import Status
from lithograph.graph.export.formats import Format
from lithograph.resilience.budget import Limits
from lithograph.workflow.batch.input import BATCH

router = APIRouter(prefix="/v1/executions", tags=["executions"])

ExecutionPath = Annotated[Id, Path(description="An execution, or the beginning of its id.", examples=[EXECUTION])]

_CONTENT = {
    Format.JSON: "application/json",
    Format.TURTLE: "text/turtle; charset=utf-8",
    Format.JSONLD: "application/ld+json",
    Format.GRAPHML: "application/graphml+xml",
    Format.CSV: "text/csv; charset=utf-8",
}


@router.get("")
def list_executions(
    caller: Reader,
    status: Status | None = None,
    children: Annotated[bool, Query(description="Also those that a batch has started.")] = False,
    parent: Annotated[Id | None, Query(description="Those alone that this batch has started.")] = None,
    limit: LIMIT = 20,
    cursor: CURSOR = None,
) -> Listing[Execution]:
    """List the executions, newest first."""
    found = caller.workspace.executions(limit=limit + 1, status=status, before=cursor, children=children, parent=parent)
    shown = [Execution.of(one.execution, one.percent) for one in found[:limit]]
    return Listing(items=shown, next=shown[-1].id if len(found) > limit else None)


@router.get("/{execution_id}")
def get_execution(caller: Reader, execution_id: ExecutionPath) -> ExecutionDetail:
    """Tell how an execution stands: how far it is, what it cost, what is missing."""
    return ExecutionDetail.whole(caller.workspace.overview(execution_id))


@router.post("/{execution_id}/pause", status_code=HTTPStatus.ACCEPTED, responses=CONFLICT)
def pause(caller: Writer, execution_id: ExecutionPath) -> Execution:
    """Ask for a pause; what is in work is finished."""
    return standing(caller, caller.workspace.pause(execution_id).execution)


@router.post("/{execution_id}/cancel", status_code=HTTPStatus.ACCEPTED, responses=CONFLICT)
def cancel(caller: Writer, execution_id: ExecutionPath) -> Execution:
    """End an execution for good; what it finished stays readable."""
    return standing(caller, caller.workspace.cancel(execution_id).execution)


@router.post("/{execution_id}/resume", status_code=HTTPStatus.ACCEPTED, responses={**CONFLICT, **MALFORMED})
def resume(
    caller: Writer, execution_id: ExecutionPath, budget: Annotated[BudgetAsked | None, Body()] = None
) -> Execution:
    """Let an execution go on that is suspended; with a body, under another budget."""
    limits = None if budget is None else Limits(budget.max_tokens, budget.max_cost_usd)
    return standing(caller, caller.workspace.resume(execution_id, limits=limits))


@router.post("/{execution_id}/retry", status_code=HTTPStatus.ACCEPTED, responses=CONFLICT)
def retry(caller: Writer, execution_id: ExecutionPath) -> Execution:
    """Run what is missing of an execution that failed or completed with errors."""
    return standing(caller, caller.workspace.retry(execution_id))


@router.post("/{execution_id}/signals", status_code=HTTPStatus.ACCEPTED, responses={**CONFLICT, **MALFORMED})
def signal(caller: Writer, execution_id: ExecutionPath, asked: SignalAsked, once: ONCE = None) -> Sent:
    """Send a signal; twice with the same key, it arrives once."""
    sent = caller.workspace.signal(execution_id, asked.name, asked.payload, key=once)
    return Sent(new=sent.new, execution=standing(caller, sent.execution))


@router.get(
    "/{execution_id}/result",
    response_class=Response,
    responses={
        200: {
            "description": "What there is of the result, finished or not; what is not there is listed in `missing`.",
            "content": {media_type.partition(";")[0]: {} for media_type in _CONTENT.values()},
        },
        **NOT_MODIFIED,
    },
)
def get_result(
    caller: Reader,
    execution_id: ExecutionPath,
    request: Request,
    chosen: Annotated[Format, Query(alias="format")] = Format.JSON,
) -> Response:
    """Return the result in one of the formats; as CSV, the table of relations."""
    workspace = caller.workspace
    found = workspace.execution(execution_id)

    def make() -> Response:
        data = workspace.export(found.id, chosen)
        name = f"{found.id}{chosen.extension}"
        said = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(data, headers=said, media_type=_CONTENT[chosen])

    if found.workflow_type == BATCH:  # whose documents may change while nothing happens to itself
        made = make()
        return tagged(request, hashlib.sha256(made.body).hexdigest(), lambda: made)
    return tagged(request, f"{found.id}-{found.epoch}-{found.last_seq}-{chosen}", make)


def standing(caller: Caller, found: StoredExecution) -> Execution:
    """Return what is shown of an execution."""
    return Execution.of(found, caller.workspace.percent(found))
