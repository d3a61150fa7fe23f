import pytest
from tests.journals import ORGANIZATION, SetClock, claimed, count, finished, new, started

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable import signals
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.signals import Signal, send
from lithograph.durable.status import Status
from lithograph.durable.writes import Owner
from lithograph.errors import StateError, UsageError
from lithograph.storage.open import Storage
from lithograph.storage.schema import workflow_signal

CLOCK = SetClock()


def waiting(storage: Storage, owner: Owner) -> list[Signal]:
    with storage.read(ORGANIZATION) as connection:
        return list(signals.waiting(connection, owner))


def test_a_signal_with_the_same_client_key_arrives_once(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    execution = ExecutionId(owner.execution_id)
    sent = [
        send(storage, ORGANIZATION, execution, "review", CLOCK, payload={"try": number}, client_key="k")
        for number in range(3)
    ]
    assert sent == [True, False, False]
    (found,) = waiting(storage, owner)
    assert (found.name, found.payload) == ("review", {"try": 0})


def test_the_same_client_key_means_something_else_in_another_execution(storage: Storage) -> None:
    for key in ("one", "two"):
        execution = started(storage, CLOCK, new(key)).id
        assert send(storage, ORGANIZATION, execution, "review", CLOCK, client_key="k")
    assert count(storage, workflow_signal) == 2


def test_without_a_key_every_call_is_a_signal_of_its_own(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    for number in range(3):
        assert send(storage, ORGANIZATION, ExecutionId(owner.execution_id), "review", CLOCK, payload=number)
    assert [signal.payload for signal in waiting(storage, owner)] == [0, 1, 2]


@pytest.mark.parametrize("status", [status for status in Status if status.terminal])
def test_an_execution_that_has_ended_takes_no_signals(storage: Storage, status: Status) -> None:
    owner = claimed(storage, CLOCK)
    finished(storage, owner, status, "2027-01-01T00:00:00Z")
    with pytest.raises(StateError, match=f"is {status}: it takes no signals"):
        send(storage, ORGANIZATION, ExecutionId(owner.execution_id), signals.CANCEL, CLOCK)
    assert count(storage, workflow_signal) == 0


def test_a_pending_and_a_suspended_execution_take_signals(storage: Storage) -> None:
    pending, owner = started(storage, CLOCK, new("two")), claimed(storage, CLOCK)
    finished(storage, owner, Status.SUSPENDED, "2027-01-01T00:00:00Z")
    assert send(storage, ORGANIZATION, pending.id, "review", CLOCK)
    assert send(storage, ORGANIZATION, ExecutionId(owner.execution_id), "review", CLOCK)


@pytest.mark.parametrize("name", [signals.BUDGET, signals.PROVIDER])
def test_what_no_signal_can_bring_is_not_sent(storage: Storage, name: str) -> None:
    owner = claimed(storage, CLOCK)
    with pytest.raises(UsageError, match=f"{name} is no signal that can be sent: `litho resume`"):
        send(storage, ORGANIZATION, ExecutionId(owner.execution_id), name, CLOCK)
    assert count(storage, workflow_signal) == 0


def test_another_organisation_cannot_send_to_it(storage: Storage) -> None:
    execution = started(storage, CLOCK)
    with pytest.raises(UsageError, match="there is no execution"):
        send(storage, OrganizationId("else"), execution.id, signals.CANCEL, CLOCK)


def test_what_was_acted_on_waits_no_more_but_is_still_the_first(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    for payload in ("yes", "no"):
        send(storage, ORGANIZATION, ExecutionId(owner.execution_id), "review", CLOCK, payload=payload)
    with transaction(storage, ORGANIZATION, Transaction.FINISH) as connection:
        found = signals.first(connection, owner, "review")
        assert found is not None
        signals.acknowledge(connection, found, "2027-01-01T00:00:00Z")
    assert [signal.payload for signal in waiting(storage, owner)] == ["no"]
    with storage.read(ORGANIZATION) as connection:
        assert signals.first(connection, owner, "review") == found
        assert signals.first(connection, owner, "else") is None
