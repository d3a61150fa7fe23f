from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from tests.journals import ORGANIZATION, SetClock, count, new, seen, started

from lithograph.domain.ids import ExecutionId
from lithograph.durable import executions
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.executions import NewExecution
from lithograph.durable.starting import start_all
from lithograph.durable.status import Status
from lithograph.storage.open import Storage
from lithograph.storage.schema import workflow_execution

CLOCK = SetClock()


def start(storage: Storage, wanted: Sequence[NewExecution]) -> dict[str, str]:
    with transaction(storage, ORGANIZATION, Transaction.START) as connection:
        return {**start_all(connection, wanted, CLOCK)}


@pytest.fixture
def parent(storage: Storage) -> str:
    return started(storage, CLOCK, new("parent")).id


def child(key: str, parent: str, **given: object) -> NewExecution:
    return NewExecution(ORGANIZATION, "child", 1, key, {"key": key, **given}, parent_id=ExecutionId(parent))


def test_each_is_what_a_start_of_its_own_would_have_made(storage: Storage, parent: str) -> None:
    alone = started(storage, CLOCK, child("a", parent))
    found = start(storage, [child("a", parent), child("b", parent), child("b", parent)])
    assert found["a"] == alone.id
    assert found["b"] == started(storage, CLOCK, child("b", parent)).id
    assert (seen(storage, found["b"]).status, seen(storage, found["b"]).parent_id) == (Status.PENDING, parent)
    assert count(storage, workflow_execution) == 3
    assert start(storage, [child("a", parent), child("b", parent)]) == found
    assert start(storage, []) == {}


def test_one_that_was_cancelled_makes_room_for_another(storage: Storage, parent: str) -> None:
    before = start(storage, [child("a", parent)])["a"]
    executions.change(storage, ORGANIZATION, ExecutionId(before), Status.CANCELLED, CLOCK)
    after = start(storage, [child("a", parent), child("b", parent)])["a"]
    assert after != before
    assert seen(storage, before).status is Status.CANCELLED
    assert seen(storage, after).status is Status.PENDING


def test_two_at_once_who_start_what_was_cancelled_in_another_order_get_the_same(storage: Storage, parent: str) -> None:
    for number in range(10):
        wanted = [child(f"{letter} {number}", parent) for letter in "abc"]
        for execution_id in start(storage, wanted).values():
            executions.change(storage, ORGANIZATION, ExecutionId(execution_id), Status.CANCELLED, CLOCK)
        together = Barrier(2)

        def begin(order: int, wanted: list[NewExecution] = wanted, together: Barrier = together) -> dict[str, str]:
            together.wait()
            return start(storage, wanted[::order])

        with ThreadPoolExecutor() as threads:
            one, other = threads.submit(begin, 1), threads.submit(begin, -1)
            assert one.result() == other.result()


def test_what_has_not_completed_takes_its_input_over(storage: Storage, parent: str) -> None:
    first = start(storage, [child("a", parent)])["a"]
    start(storage, [child("a", parent, budget=5)])
    assert seen(storage, first).input == {"key": "a", "budget": 5}
