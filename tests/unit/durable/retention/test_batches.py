"""A batch goes as a whole or not at all."""

import pytest
from sqlalchemy import update
from tests.journals import ORGANIZATION, AtCrashPoints, claimed, finished, new
from tests.retained import ALL, LATER, MONTH, NOW, TODAY, batch, ended, there

from lithograph.durable import executions
from lithograph.durable.clock import timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.retention import Pruned, prunable, prune
from lithograph.durable.status import Status
from lithograph.storage.open import Storage
from lithograph.storage.schema import workflow_execution


@pytest.mark.parametrize("status", [Status.RUNNING, Status.SUSPENDED])
def test_what_a_batch_has_that_has_not_ended_stays(storage: Storage, status: Status) -> None:
    batch(storage, "batch", status, [ended(storage, "part", Status.FAILED)])
    assert prunable(storage, ORGANIZATION, ALL, LATER) == Pruned()
    assert prune(storage, ORGANIZATION, ALL, LATER) == Pruned()
    assert there(storage) == {"batch", "part"}


def test_a_batch_stays_as_a_whole_while_one_of_its_executions_does(storage: Storage) -> None:
    parts = [ended(storage, "failed", Status.FAILED), ended(storage, "good", Status.COMPLETED)]
    batch(storage, "batch", Status.FAILED, parts)
    assert prune(storage, ORGANIZATION, MONTH, LATER) == Pruned()
    assert there(storage) == {"batch", "failed", "good"}

    everything = Pruned({Status.COMPLETED: 1, Status.FAILED: 2})
    assert prunable(storage, ORGANIZATION, ALL, LATER) == everything
    assert prune(storage, ORGANIZATION, ALL, LATER) == everything
    assert there(storage) == set()


def test_what_two_batches_have_stays_for_the_one_that_stays(storage: Storage) -> None:
    shared, own = ended(storage, "shared", Status.FAILED), ended(storage, "own", Status.FAILED)
    batch(storage, "old", Status.FAILED, [shared, own])
    batch(storage, "at work", Status.RUNNING, [shared])
    gone = Pruned({Status.FAILED: 2})
    assert prunable(storage, ORGANIZATION, MONTH, LATER) == gone
    assert prune(storage, ORGANIZATION, MONTH, LATER) == gone
    assert there(storage) == {"shared", "at work"}


def test_children_that_no_list_names_stay_with_their_batch(storage: Storage) -> None:
    parent = claimed(storage, TODAY, new("batch"))
    children = [ended(storage, "failed", Status.FAILED), ended(storage, "good", Status.COMPLETED)]
    with transaction(storage, ORGANIZATION, Transaction.START) as connection:
        of_it = workflow_execution.c.id.in_(children)
        connection.execute(update(workflow_execution).where(of_it).values(parent_id=parent.execution_id))
    for wanted in (MONTH, ALL):
        assert prunable(storage, ORGANIZATION, wanted, LATER) == prune(storage, ORGANIZATION, wanted, LATER) == Pruned()
    finished(storage, parent, Status.FAILED, timestamp(NOW))
    assert prunable(storage, ORGANIZATION, MONTH, LATER) == prune(storage, ORGANIZATION, MONTH, LATER) == Pruned()
    gone = Pruned({Status.COMPLETED: 1, Status.FAILED: 2})
    assert prunable(storage, ORGANIZATION, ALL, LATER) == gone
    assert prune(storage, ORGANIZATION, ALL, LATER) == gone


def test_a_batch_stays_of_which_something_is_retried_just_now(storage: Storage, at_crash_points: AtCrashPoints) -> None:
    part = ended(storage, "part", Status.FAILED)
    batch(storage, "batch", Status.FAILED, [part])

    def retry(point: str) -> None:
        if point == "prune.before":
            at_crash_points(lambda point: None)
            executions.change(storage, ORGANIZATION, part, Status.PENDING, LATER)

    at_crash_points(retry)
    assert prune(storage, ORGANIZATION, MONTH, LATER) == Pruned()
    assert there(storage) == {"batch", "part"}
