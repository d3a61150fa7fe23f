from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from tests.journals import ORGANIZATION, SetClock, claimed, count, events, finished, kinds, new, seen, started

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable import executions, lookup
from lithograph.durable.clock import SystemClock, timestamp
from lithograph.durable.commit import committing
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.executions import POISON_LIMIT, Lease, change, claim
from lithograph.durable.retention import DAY, Retention, prune
from lithograph.durable.status import TRANSITIONS, Status
from lithograph.durable.writes import ActivityRow, ActivityStatus, EventRow, Owner, Write
from lithograph.errors import IncompleteError, StateError, UsageError
from lithograph.storage.open import Storage
from lithograph.storage.schema import workflow_execution

NOW = "2027-01-15T08:00:00.000000Z"


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


def released(storage: Storage, owner: Owner) -> bool:
    with transaction(storage, ORGANIZATION, Transaction.FINISH) as connection:
        return executions.release(connection, owner, NOW)


def left_in(storage: Storage, clock: SetClock, status: Status) -> ExecutionId:
    """Return an execution in a status."""
    if status is Status.PENDING:
        return started(storage, clock).id
    owner = claimed(storage, clock)
    if status is not Status.RUNNING:
        assert finished(storage, owner, status, NOW)
    return ExecutionId(owner.execution_id)


def test_a_start_is_idempotent(storage: Storage, clock: SetClock) -> None:
    first = started(storage, clock)
    assert first.status is Status.PENDING
    clock.time += 100
    assert started(storage, clock) == first
    claimed(storage, clock)
    assert started(storage, clock).status is Status.RUNNING
    assert count(storage, workflow_execution) == 1


def test_another_key_type_or_organisation_is_another_execution(storage: Storage, clock: SetClock) -> None:
    other = started(storage, clock, new(organization_id=OrganizationId("else")))
    assert len({started(storage, clock).id, started(storage, clock, new("two")).id, other.id}) == 3
    with storage.read(ORGANIZATION) as connection, pytest.raises(UsageError, match=f"there is no execution {other.id}"):
        executions.get(connection, ORGANIZATION, other.id)


def test_a_cancelled_execution_is_left_as_it_is_and_another_takes_its_key(storage: Storage, clock: SetClock) -> None:
    ids = []
    for _ in range(3):
        ids.append(started(storage, clock).id)
        change(storage, ORGANIZATION, ids[-1], Status.CANCELLED, clock)
    last = started(storage, clock)
    assert len({*ids, last.id}) == 4
    assert [seen(storage, one).status for one in ids] == [Status.CANCELLED] * 3
    assert started(storage, clock) == last


@pytest.mark.parametrize("pruned", [Status.CANCELLED, Status.COMPLETED])
def test_what_is_started_after_a_retention_has_an_id_of_its_own(
    pruned: Status, storage: Storage, clock: SetClock
) -> None:
    """Of two that one key had, only the older or only the newer is left."""
    first = started(storage, clock)
    change(storage, ORGANIZATION, first.id, Status.CANCELLED, clock)
    if pruned is Status.CANCELLED:
        clock.time += 40 * DAY
        second = started(storage, clock)
        change(storage, ORGANIZATION, second.id, Status.CANCELLED, clock)
        assert prune(storage, ORGANIZATION, Retention(30 * DAY), clock).executions == {pruned: 1}
        left = second
    else:
        assert finished(storage, claimed(storage, clock), Status.COMPLETED, timestamp(clock.now()))
        clock.time += 40 * DAY
        assert prune(storage, ORGANIZATION, Retention(30 * DAY, frozenset({pruned})), clock).executions == {pruned: 1}
        left = first
    last = started(storage, clock)
    assert (last.status, last.id != left.id) == (Status.PENDING, True)
    assert seen(storage, left.id).status is Status.CANCELLED


def test_two_at_once_who_start_what_was_cancelled_get_the_same(storage: Storage) -> None:
    clock = SystemClock()
    for number in range(10):
        key = f"key {number}"
        change(storage, ORGANIZATION, started(storage, clock, new(key)).id, Status.CANCELLED, clock)
        together = Barrier(2)

        def start(key: str = key, together: Barrier = together) -> ExecutionId:
            together.wait()
            return started(storage, clock, new(key)).id

        with ThreadPoolExecutor() as threads:
            one, other = threads.submit(start), threads.submit(start)
            assert one.result() == other.result()


def test_a_claim_takes_a_pending_execution_and_says_so(storage: Storage, clock: SetClock) -> None:
    execution = started(storage, clock)
    owner = claim(storage, ORGANIZATION, execution.id, Lease("w1", seconds=30), clock)
    found = seen(storage, execution.id)
    assert (found.status, found.epoch, found.lease_owner) == (Status.RUNNING, 1, "w1")
    assert (owner.epoch, found.recovery_count) == (1, 0)
    assert found.lease_expires_at == timestamp(clock.now() + 30)
    assert found.started_at == timestamp(clock.now())
    assert [(event.type, event.payload) for event in events(storage, execution.id)] == [
        ("execution.started", {"epoch": 1})
    ]


def test_a_running_execution_is_taken_only_when_its_lease_has_run_out(storage: Storage, clock: SetClock) -> None:
    execution = ExecutionId(claimed(storage, clock).execution_id)
    clock.time += 45
    with pytest.raises(StateError, match="is running, owned by w1"):
        claim(storage, ORGANIZATION, execution, Lease("w2"), clock)
    clock.time += 0.001
    assert claim(storage, ORGANIZATION, execution, Lease("w2"), clock).epoch == 2
    found = seen(storage, execution)
    assert (found.lease_owner, found.recovery_count) == ("w2", 1)
    assert kinds(storage, execution) == ["execution.started", "execution.recovered"]


def test_a_heartbeat_prolongs_the_lease(storage: Storage, clock: SetClock) -> None:
    owner = claimed(storage, clock)
    with committing(storage, clock) as commit:
        assert commit([Write(owner, lease_until=timestamp(clock.now() + 60))]) == [None]
    clock.time += 50
    with pytest.raises(StateError):
        claim(storage, ORGANIZATION, ExecutionId(owner.execution_id), Lease("w2"), clock)


def test_a_sole_worker_need_not_wait_for_the_lease(storage: Storage, clock: SetClock) -> None:
    execution = ExecutionId(claimed(storage, clock).execution_id)
    assert claim(storage, ORGANIZATION, execution, Lease("w2", sole=True), clock).epoch == 2
    assert seen(storage, execution).recovery_count == 1


def test_a_released_execution_is_taken_at_once_and_that_is_no_recovery(storage: Storage, clock: SetClock) -> None:
    owner = claimed(storage, clock)
    execution = ExecutionId(owner.execution_id)
    assert released(storage, owner)
    assert claim(storage, ORGANIZATION, execution, Lease("w2"), clock).epoch == 2
    assert seen(storage, execution).recovery_count == 0
    assert kinds(storage, execution) == ["execution.started", "execution.resumed"]
    assert not released(storage, owner)
    assert seen(storage, execution).lease_owner == "w2"


def test_a_suspended_execution_is_taken_only_to_resume_it(storage: Storage, clock: SetClock) -> None:
    execution = left_in(storage, clock, Status.SUSPENDED)
    with pytest.raises(StateError, match=f"suspended: `litho resume {execution}`"):
        claim(storage, ORGANIZATION, execution, Lease("w2", sole=True), clock)
    assert claim(storage, ORGANIZATION, execution, Lease("w2"), clock, resume=True).epoch == 2
    assert kinds(storage, execution)[-1] == "execution.resumed"


@pytest.mark.parametrize("status", [status for status in Status if status.terminal])
def test_an_execution_that_has_ended_cannot_be_taken(storage: Storage, clock: SetClock, status: Status) -> None:
    execution = left_in(storage, clock, status)
    with pytest.raises(StateError, match=f"is {status} and cannot become running"):
        claim(storage, ORGANIZATION, execution, Lease("w2", sole=True), clock, resume=True)


def test_an_execution_that_kills_its_workers_is_failed(storage: Storage, clock: SetClock) -> None:
    owner = claimed(storage, clock)
    execution = ExecutionId(owner.execution_id)
    with committing(storage, clock) as commit:
        commit([Write(owner, activities=(ActivityRow("mentions/c7", ActivityStatus.RUNNING, "hash", 1, NOW),))])
    for _ in range(POISON_LIMIT):
        owner = claim(storage, ORGANIZATION, execution, Lease("w", sole=True), clock)
    assert seen(storage, execution).recovery_count == POISON_LIMIT == 10

    with pytest.raises(IncompleteError, match=f"recovered 10 times.*mentions/c7.*litho retry {execution}"):
        claim(storage, ORGANIZATION, execution, Lease("w", sole=True), clock)
    found = seen(storage, execution)
    assert found.status is Status.FAILED
    assert found.error is not None
    assert kinds(storage, execution)[-1] == "execution.failed"
    with committing(storage, clock) as commit:
        assert commit([Write(owner, events=(EventRow("late", "{}"),))]) != [None]

    change(storage, ORGANIZATION, execution, Status.PENDING, clock)
    assert seen(storage, execution).recovery_count == 0
    assert claim(storage, ORGANIZATION, execution, Lease("w"), clock).epoch == found.epoch + 2


@pytest.mark.parametrize("status", [Status.FAILED, Status.COMPLETED_WITH_ERRORS])
def test_a_retry_from_outside_raises_the_epoch(storage: Storage, clock: SetClock, status: Status) -> None:
    execution = left_in(storage, clock, status)
    found = change(storage, ORGANIZATION, execution, Status.PENDING, clock)
    assert (found.status, found.epoch) == (Status.PENDING, 2)
    assert (found.error, found.completed_at, found.lease_owner) == (None, None, None)
    assert kinds(storage, execution)[-1] == "execution.resumed"


@pytest.mark.parametrize("status", [Status.PENDING, Status.RUNNING, Status.SUSPENDED])
def test_a_cancellation_from_outside_raises_the_epoch_and_is_never_overwritten(
    storage: Storage, clock: SetClock, status: Status
) -> None:
    execution = left_in(storage, clock, status)
    before = seen(storage, execution).epoch
    assert change(storage, ORGANIZATION, execution, Status.CANCELLED, clock).epoch == before + 1
    for epoch in (before, before + 1):
        late = Owner(ORGANIZATION, execution, epoch)
        assert not finished(storage, late, Status.COMPLETED, NOW)
        assert not released(storage, late)
    found = seen(storage, execution)
    assert (found.status, found.lease_owner) == (Status.CANCELLED, None)
    assert kinds(storage, execution)[-1] == "execution.cancelled"


@pytest.mark.parametrize("current", list(Status))
@pytest.mark.parametrize("wanted", [Status.CANCELLED, Status.PENDING])
def test_a_change_that_is_not_allowed_names_both_states_and_changes_nothing(
    storage: Storage, clock: SetClock, current: Status, wanted: Status
) -> None:
    execution = left_in(storage, clock, current)
    before, told = seen(storage, execution), kinds(storage, execution)
    if wanted in TRANSITIONS[current]:
        assert change(storage, ORGANIZATION, execution, wanted, clock).status is wanted
        return
    with pytest.raises(StateError, match=f"is {current} and cannot become {wanted}"):
        change(storage, ORGANIZATION, execution, wanted, clock)
    assert (seen(storage, execution), kinds(storage, execution)) == (before, told)


@pytest.mark.parametrize("wanted", [Status.PENDING, Status.RUNNING])
def test_a_worker_cannot_finish_into_a_status_that_is_no_end(storage: Storage, clock: SetClock, wanted: Status) -> None:
    owner = claimed(storage, clock)
    with pytest.raises(StateError, match=f"is running and cannot become {wanted}"):
        finished(storage, owner, wanted, NOW)


def test_unfinished_are_the_running_ones_that_no_live_worker_has(storage: Storage, clock: SetClock) -> None:
    dead, freed = claimed(storage, clock, new("dead")), claimed(storage, clock, new("freed"))
    started(storage, clock, new("pending"))
    assert released(storage, freed)
    clock.time += 46
    claimed(storage, clock, new("alive"))
    with storage.read(ORGANIZATION) as connection:
        found = executions.unfinished(connection, ORGANIZATION, timestamp(clock.now()))
    assert set(found) == {dead.execution_id, freed.execution_id}


def test_the_newest_are_listed_first_and_can_be_chosen_by_status(storage: Storage, clock: SetClock) -> None:
    for key in ("a", "b", "c"):
        clock.time += 1
        started(storage, clock, new(key))
    claimed(storage, clock, new("b"))
    with storage.read(ORGANIZATION) as connection:
        newest = lookup.listed(connection, ORGANIZATION, limit=2)
        running = lookup.listed(connection, ORGANIZATION, limit=9, status=Status.RUNNING)
    assert [one.input["key"] for one in newest] == ["c", "b"]
    assert [one.input["key"] for one in running] == ["b"]
