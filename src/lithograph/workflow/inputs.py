"""Inputs: what an execution works on, whatever its type."""

from dataclasses import replace

from lithograph.durable import executions
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.executions import Execution
from lithograph.resilience.budget import Limits
from lithograph.storage.open import Storage
from lithograph.workflow import extraction_input
from lithograph.workflow.batch.input import BATCH, BatchInput, batch_input_of
from lithograph.workflow.extraction_input import ExtractionInput


def input_of(execution: Execution) -> ExtractionInput | BatchInput:
    """Return what an execution works on; raises `UsageError` for one of another version of Lithograph."""
    return batch_input_of(execution) if execution.workflow_type == BATCH else extraction_input.input_of(execution)


def allow(storage: Storage, execution: Execution, limits: Limits) -> Execution:
    """Give an execution another budget for each document, and return it as it is then."""
    with transaction(storage, execution.organization_id, Transaction.CONTROL) as connection:
        if input_of(execution).limits != limits:
            executions.remember_input(connection, execution, input_within(execution, limits))
        return executions.get(connection, execution.organization_id, execution.id)


def input_within(execution: Execution, limits: Limits) -> dict[str, object]:
    """Return what an execution works on, as it remembers it, with another budget for each document."""
    return replace(input_of(execution), limits=limits).remembered()
