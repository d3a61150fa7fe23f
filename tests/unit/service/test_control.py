"""What is asked of an execution from outside, and what becomes of it."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable import executions, signals
from lithograph.durable.clock import timestamp
from lithograph.durable.crashpoints import Transaction, set_hook, transaction
from lithograph.durable.events import events_after
from lithograph.durable.executions import Execution, Lease, NewExecution
from lithograph.durable.signals import BUDGET, CANCEL, PAUSE, PROVIDER, RESUME
from lithograph.durable.status import Status
from lithograph.durable.writes import Owner
from lithograph.errors import StateError, UsageError
from lithograph.resilience.budget import Limits
from lithograph.service.alone import lock_of
from lithograph.service.workspace import Workspace
from lithograph.storage.open import Storage
from lithograph.workflow.extraction_input import EXTRACTION, VERSION

if TYPE_CHECKING:
    from sqlalchemy import Connection

UNENDED = [status for status in Status if not status.terminal]


class Calls(list[tuple[ExecutionId, Status]]):
    """A wake that remembers whom it was called for, and how each stood in the transaction that it was called in."""

    def __call__(self, connection: "Connection", execution: Execution) -> None:
        seen = executions.get(connection, execution.organization_id, execution.id)
        assert seen == execution
        self.append((seen.id, seen.status))


@pytest.fixture
def woken() -> Calls:
    return Calls()


@pytest.fixture
def workspace(module_storage: Storage, organization_id: OrganizationId, woken: Calls) -> Workspace:
    return Workspace(module_storage, organization_id, wake=woken)


@pytest.fixture
def somebody_works(module_storage: Storage) -> Iterator[None]:
    """Another process works on the file; on a server nobody knows."""
    if module_storage.path is None:
        yield
        return
    with lock_of(module_storage.path, 45.0):
        yield


def execution(
    workspace: Workspace,
    status: Status,
    *,
    waiting_for: str | None = None,
    given: Mapping[str, Any] | None = None,
) -> ExecutionId:
    """An execution of this status; a running one is leased to a worker that is alive."""
    storage, organization_id = workspace.storage, workspace.organization_id
    new = NewExecution(organization_id, EXTRACTION, VERSION, f"{status}/{waiting_for}", given or {})
    with transaction(storage, organization_id, Transaction.START) as connection:
        found = executions.start(connection, new, workspace.clock)
    if status is Status.PENDING:
        return found.id
    owner = executions.claim(storage, organization_id, found.id, Lease("w1"), workspace.clock)
    if status is not Status.RUNNING:
        now = timestamp(workspace.clock.now())
        with transaction(storage, organization_id, Transaction.FINISH) as connection:
            values = {"waiting_for": waiting_for, "error": "why"}
            assert executions.finish(connection, owner, status, now, values=values, payload={})
    return found.id


def asked(workspace: Workspace, execution_id: ExecutionId) -> list[str]:
    """The signals that nobody has acted on."""
    with workspace.storage.read(workspace.organization_id) as connection:
        owner = Owner(workspace.organization_id, execution_id, 0)
        return [signal.name for signal in signals.waiting(connection, owner)]


def last(workspace: Workspace, execution_id: ExecutionId) -> str:
    with workspace.storage.read(workspace.organization_id) as connection:
        return events_after(connection, workspace.organization_id, execution_id, 0)[-1].type


def send(workspace: Workspace, execution_id: ExecutionId, name: str) -> None:
    signals.send(workspace.storage, workspace.organization_id, execution_id, name, workspace.clock)


@pytest.mark.usefixtures("somebody_works")
def test_whoever_runs_it_is_asked_to_pause_or_to_end_it(workspace: Workspace) -> None:
    one = execution(workspace, Status.RUNNING)
    paused, cancelled = workspace.pause(one), workspace.cancel(one[:20])
    assert (paused.done, cancelled.done) == (False, False)
    assert paused.execution.id == cancelled.execution.id == one
    assert asked(workspace, one) == [PAUSE, CANCEL]
    assert workspace.execution(one).status is Status.RUNNING


def test_a_dead_worker_is_not_asked(workspace: Workspace) -> None:
    """On a file its lock tells at once, on a server its lease does when it has run out."""
    one = execution(workspace, Status.RUNNING)
    if workspace.storage.path is None:
        later = workspace.clock.now() + 46
        workspace = Workspace(workspace.storage, workspace.organization_id, clock=Still(later))
    with pytest.raises(StateError, match="nobody runs it: there is nothing to pause"):
        workspace.pause(one)
    answer = workspace.cancel(one)
    assert answer.done
    assert answer.execution.status is Status.CANCELLED
    assert asked(workspace, one) == []


class Still:
    """A clock that stands still."""

    def __init__(self, at: float) -> None:
        self._at = at

    def now(self) -> float:
        return self._at

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


@pytest.mark.parametrize("status", [Status.PENDING, Status.SUSPENDED])
def test_what_nobody_runs_is_cancelled_at_once(workspace: Workspace, status: Status) -> None:
    one = execution(workspace, status)
    answer = workspace.cancel(one)
    assert (answer.done, answer.execution.status) == (True, Status.CANCELLED)
    assert last(workspace, one) == "execution.cancelled"


def test_what_is_suspended_is_paused_already(workspace: Workspace) -> None:
    one = execution(workspace, Status.SUSPENDED, waiting_for=BUDGET)
    assert workspace.pause(one).done
    assert asked(workspace, one) == []


@pytest.mark.usefixtures("somebody_works")
def test_what_would_go_on_when_its_provider_is_back_can_be_paused(workspace: Workspace) -> None:
    one = execution(workspace, Status.SUSPENDED, waiting_for=PROVIDER)
    assert not workspace.pause(one).done
    assert asked(workspace, one) == [PAUSE]


@pytest.mark.parametrize("status", [status for status in Status if status.terminal])
def test_what_has_ended_is_neither_paused_nor_cancelled_nor_told(workspace: Workspace, status: Status) -> None:
    one = execution(workspace, status)
    with pytest.raises(StateError, match=f"is {status}: it takes no signals any more"):
        workspace.pause(one)
    with pytest.raises(StateError, match=f"is {status} and cannot become cancelled"):
        workspace.cancel(one)
    with pytest.raises(StateError, match=f"is {status}: it takes no signals any more"):
        workspace.signal(one, "review")


def test_the_signal_that_it_waits_for_lets_it_go_on(workspace: Workspace, woken: Calls) -> None:
    one = execution(workspace, Status.SUSPENDED, waiting_for="review")
    assert workspace.signal(one, "other").execution.status is Status.SUSPENDED
    assert woken == []

    sent = workspace.signal(one, "review", {"accept": True}, key="monday")

    assert (sent.new, sent.execution.status, sent.execution.waiting_for) == (True, Status.RUNNING, None)
    assert woken == [(one, Status.RUNNING)]
    assert last(workspace, one) == "execution.resumed"
    claimed = executions.claim(workspace.storage, workspace.organization_id, one, Lease("w2"), workspace.clock)
    found = workspace.execution(one)
    assert (found.lease_owner, found.recovery_count, found.epoch) == ("w2", 0, claimed.epoch)
    again = workspace.signal(one, "review", {"accept": False}, key="monday")
    assert not again.new
    assert len(woken) == 1


def test_a_signal_called_resume_is_a_resumption(workspace: Workspace, woken: Calls) -> None:
    one = execution(workspace, Status.SUSPENDED)
    assert workspace.signal(one, RESUME).execution.status is Status.RUNNING
    assert woken == [(one, Status.RUNNING)]
    assert asked(workspace, one) == []


def test_nothing_is_sent_when_whoever_should_be_woken_cannot_be(workspace: Workspace) -> None:
    one = execution(workspace, Status.SUSPENDED, waiting_for="review")

    def fail(connection: "Connection", found: Execution) -> None:
        raise ConnectionError(found.id)

    failing = Workspace(workspace.storage, workspace.organization_id, wake=fail)
    with pytest.raises(ConnectionError):
        failing.signal(one, "review")
    with pytest.raises(ConnectionError):
        failing.resume(one)
    assert workspace.execution(one).waiting_for == "review"
    assert asked(workspace, one) == []


@pytest.mark.parametrize("name", ["", " ", BUDGET, PROVIDER])
def test_some_signals_cannot_be_sent(workspace: Workspace, name: str) -> None:
    one = execution(workspace, Status.SUSPENDED, waiting_for=PROVIDER)
    with pytest.raises(UsageError, match=r"no name|no signal that can be sent"):
        workspace.signal(one, name)


def test_what_is_suspended_goes_on_with_another_budget(workspace: Workspace, woken: Calls) -> None:
    given = {"document": "d", "source": "s", "ontology": "o", "model": "rules", "settings": {}, "limits": {"tokens": 5}}
    one = execution(workspace, Status.SUSPENDED, waiting_for=BUDGET, given=given)
    send(workspace, one, PAUSE)

    resumed = workspace.resume(one, limits=Limits(tokens=50))

    assert (resumed.status, resumed.waiting_for, resumed.error) == (Status.RUNNING, None, None)
    assert resumed.input["limits"] == {"tokens": 50, "cost_usd": None}
    assert asked(workspace, one) == []
    assert woken == [(one, Status.RUNNING)]


@pytest.mark.parametrize("status", [Status.PENDING, Status.RUNNING, Status.COMPLETED])
def test_what_goes_on_anyway_stays_as_it_is(workspace: Workspace, woken: Calls, status: Status) -> None:
    one = execution(workspace, status)
    before = workspace.execution(one)
    if not status.terminal:
        send(workspace, one, PAUSE)
    assert workspace.resume(one) == before
    assert asked(workspace, one) == []
    assert woken == ([(one, status)] if status is Status.PENDING else [])


def test_what_waits_for_the_rest_of_its_input_is_left_to_whoever_brings_it(workspace: Workspace, woken: Calls) -> None:
    new = NewExecution(workspace.organization_id, "batch", 1, "key", {}, waiting_for="documents")
    with transaction(workspace.storage, workspace.organization_id, Transaction.START) as connection:
        one = executions.start(connection, new, workspace.clock).id
    assert workspace.resume(one).waiting_for == "documents"
    assert woken == []


@pytest.mark.parametrize(
    ("status", "instead"),
    [
        (Status.FAILED, "`litho retry` runs what is missing"),
        (Status.COMPLETED_WITH_ERRORS, "`litho retry` runs what is missing"),
        (Status.CANCELLED, "that is for good"),
    ],
)
def test_what_ended_and_left_something_out_is_not_resumed(workspace: Workspace, status: Status, instead: str) -> None:
    with pytest.raises(StateError, match=f"is {status}: {instead}"):
        workspace.resume(execution(workspace, status))


@pytest.mark.parametrize("status", [Status.FAILED, Status.COMPLETED_WITH_ERRORS])
def test_what_is_missing_runs_again(workspace: Workspace, woken: Calls, status: Status) -> None:
    one = execution(workspace, status)
    retried = workspace.retry(one)
    assert (retried.status, retried.error, retried.completed_at) == (Status.PENDING, None, None)
    assert woken == [(one, Status.PENDING)]


def test_a_cancellation_that_came_too_late_does_not_end_the_retry(workspace: Workspace) -> None:
    one = execution(workspace, Status.RUNNING)
    send(workspace, one, CANCEL)
    owner = Owner(workspace.organization_id, one, workspace.execution(one).epoch)
    with transaction(workspace.storage, workspace.organization_id, Transaction.FINISH) as connection:
        now = timestamp(workspace.clock.now())
        executions.finish(connection, owner, Status.FAILED, now, values={}, payload={})
    workspace.retry(one)
    assert asked(workspace, one) == []


@pytest.mark.parametrize("status", [*UNENDED, Status.COMPLETED, Status.CANCELLED])
def test_nothing_else_can_be_retried(workspace: Workspace, status: Status) -> None:
    one = execution(workspace, status)
    before = workspace.execution(one)
    with pytest.raises(StateError, match=f"is {status}: "):
        workspace.retry(one)
    assert workspace.execution(one) == before


def test_two_who_decide_at_the_same_time_decide_one_after_the_other(workspace: Workspace) -> None:
    """A cancellation comes in between a look at the execution and the retry: then there is nothing left to retry."""
    one = execution(workspace, Status.SUSPENDED)

    def cancel_first(point: str) -> None:
        if point == "control.before":
            set_hook(None)
            workspace.cancel(one)

    set_hook(cancel_first)
    with pytest.raises(StateError, match="is cancelled: that is for good"):
        workspace.resume(one)


def test_nobody_reaches_an_execution_of_another_organisation(workspace: Workspace) -> None:
    one = execution(workspace, Status.SUSPENDED, waiting_for="review")
    other = Workspace(workspace.storage, OrganizationId("somebody-else"))
    for attempt in (
        lambda: other.pause(one),
        lambda: other.cancel(one),
        lambda: other.signal(one, "review"),
        lambda: other.resume(one),
        lambda: other.retry(one),
    ):
        with pytest.raises(UsageError, match="there is no execution"):
            attempt()
    assert workspace.execution(one).status is Status.SUSPENDED
