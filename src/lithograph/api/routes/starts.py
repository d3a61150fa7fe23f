"""Starting extractions and batches."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from lithograph.api.responses import ONCE, START
from lithograph.api.routes.executions import ExecutionPath, standing
from lithograph.api.server import Caller, Reader, Writer
from lithograph.api.wire.executions import Batch, BatchAsked, Execution, ExtractionAsked
from lithograph.domain.ids import DocumentId
from lithograph.durable.executions import Execution as StoredExecution
from lithograph.errors import UsageError
from lithograph.extraction.settings import ExtractionSettings
from lithograph.resilience.budget import Limits
from lithograph.service.once import Once
from lithograph.workflow.batch.kept import KeptBatch
from lithograph.workflow.extractors import ModelChoice
from lithograph.workflow.runner import Plan

router = APIRouter(prefix="/v1")

Asked = ExtractionAsked | BatchAsked


@router.post("/extractions", status_code=HTTPStatus.ACCEPTED, responses=START, tags=["extractions"])
def start_extraction(caller: Writer, asked: ExtractionAsked, response: Response, once: ONCE = None) -> Execution:
    """Start an extraction, or go on with the one that there is of the same document, ontology, model and settings."""
    document = caller.workspace.document(DocumentId(asked.document))
    named = caller.server.named(asked.max_cost_usd is not None)
    found = caller.workspace.start_extraction(
        document, _plan(caller, asked), named=named, once=Once.of(once, "extraction", asked.model_dump_json())
    )
    return _started(caller, found, response)


@router.post("/batches", status_code=HTTPStatus.ACCEPTED, responses=START, tags=["batches"])
def start_batch(caller: Writer, asked: BatchAsked, response: Response, once: ONCE = None) -> Execution:
    """Start the extraction of many documents as one execution, or go on with the one that there is of the same ones."""
    documents = [DocumentId(one) for one in asked.documents]
    batch = KeptBatch(documents, _plan(caller, asked), asked.name, asked.on_failure, asked.at_once)
    named = caller.server.named(asked.max_cost_usd is not None)
    found = caller.workspace.start_batch(batch, named=named, once=Once.of(once, "batch", asked.model_dump_json()))
    return _started(caller, found, response)


@router.get("/batches/{execution_id}", tags=["batches"])
def get_batch(caller: Reader, execution_id: ExecutionPath) -> Batch:
    """Tell how a batch and its documents stand."""
    return Batch.of(caller.workspace.batch(execution_id))


def _plan(caller: Caller, asked: Asked) -> Plan:
    """Return what is to be done; raises `UsageError` for an address that the server may not be sent to."""
    if asked.base_url and asked.base_url not in caller.server.settings.base_urls:
        raise UsageError(f"the server does not ask models at {asked.base_url}: it was not told that it may")
    ontology = caller.workspace.ontology(asked.ontology)
    settings = ExtractionSettings(strategy=asked.strategy, on_missing=asked.on_missing)
    return Plan(
        ontology, ModelChoice(asked.model, asked.base_url), settings, Limits(asked.max_tokens, asked.max_cost_usd)
    )


def _started(caller: Caller, found: StoredExecution, response: Response) -> Execution:
    response.headers["Location"] = f"/v1/executions/{found.id}"
    return standing(caller, found)
