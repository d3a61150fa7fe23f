"""Several pretend workers and people at one execution, in any order, against a model of a few lines."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from tempfile import TemporaryDirectory
from typing import Protocol

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.journals import (
    ORGANIZATION,
    SetClock,
    activities,
    count,
    events,
    finished,
    gapless,
    kinds,
    new,
    seen,
    started,
)

from lithograph.domain.ids import ExecutionId
from lithograph.durable import executions, signals
from lithograph.durable.clock import timestamp
from lithograph.durable.commit import committing
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.executions import POISON_LIMIT, Lease
from lithograph.durable.status import TRANSITIONS, Status
from lithograph.durable.writes import ActivityRow, ActivityStatus, EventRow, Owner, Write
from lithograph.errors import IncompleteError, StateError
from lithograph.storage.open import open_storage
from lithograph.storage.schema import workflow_activity, workflow_event, workflow_signal

LEASE = 45.0


class NewDatabase(Protocol):
    def __call__(self) -> AbstractContextManager[str]: ...


WORKERS = st.sampled_from(["w1", "w2", "w3"])


@dataclass
class Model:
    """What one execution should be like."""

    status: Status = Status.PENDING
    epoch: int = 0
    lease_until: float | None = None
    recoveries: int = 0
    events: list[str] = field(default_factory=list)
    activities: dict[str, str] = field(default_factory=dict)
    signals: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)


class DurableMachine(RuleBasedStateMachine):
    """`owners` are all claims that ever succeeded, so that most of them are stale."""

    def __init__(self, new_database: NewDatabase) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.storage = self.stack.enter_context(open_storage(self.stack.enter_context(new_database())))
        self.clock = SetClock()
        self.commit = self.stack.enter_context(committing(self.storage, self.clock))
        self.owners: list[Owner] = []
        self.past: list[tuple[ExecutionId, Model]] = []

    def teardown(self) -> None:
        self.stack.close()

    @initialize()
    def first(self) -> None:
        self.id, self.model = started(self.storage, self.clock).id, Model()

    @rule()
    def start(self) -> None:
        found = started(self.storage, self.clock, new())
        if self.model.status is Status.CANCELLED:
            assert found.id not in {self.id, *(past for past, _ in self.past)}
            self.past.append((self.id, self.model))
            self.id, self.model = found.id, Model()
            self.owners.clear()
        assert found.id == self.id

    @rule(seconds=st.sampled_from([1.0, 20.0, 50.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.time += seconds

    @rule(worker=WORKERS, sole=st.booleans(), resume=st.booleans())
    def claim(self, worker: str, sole: bool, resume: bool) -> None:
        model, now = self.model, self.clock.now()
        held = model.status is Status.RUNNING and model.lease_until is not None
        expired = held and model.lease_until is not None and model.lease_until < now
        takeable = {
            Status.PENDING: True,
            Status.RUNNING: sole or not held or expired,
            Status.SUSPENDED: resume,
        }.get(model.status, False)
        lease = Lease(worker, LEASE, sole)
        try:
            owner = executions.claim(self.storage, ORGANIZATION, self.id, lease, self.clock, resume=resume)
        except StateError:
            assert not takeable
            return
        except IncompleteError:
            assert takeable
            assert held
            assert model.recoveries == POISON_LIMIT
            model.status = Status.FAILED
            model.events.append("execution.failed")
            return
        assert takeable
        kind = "recovered" if held else "resumed" if model.epoch and self.was_started() else "started"
        model.recoveries += held
        model.status, model.epoch, model.lease_until = Status.RUNNING, model.epoch + 1, now + LEASE
        model.events.append(f"execution.{kind}")
        assert owner == Owner(ORGANIZATION, self.id, model.epoch)
        self.owners.append(owner)

    def was_started(self) -> bool:
        return "execution.started" in self.model.events

    def owns(self, owner: Owner) -> bool:
        return self.model.status is Status.RUNNING and owner.epoch == self.model.epoch

    @precondition(lambda self: self.owners)
    @rule(data=st.data(), name=st.sampled_from("abc"), status=st.sampled_from(["running", "completed", "failed"]))
    def journal(self, data: st.DataObject, name: str, status: str) -> None:
        """A group of two: one of any claim there ever was, one of the newest."""
        model, before = self.model, self.rows()
        chosen = [data.draw(st.sampled_from(self.owners)), self.owners[-1]]
        writes = []
        for place, owner in enumerate(chosen):
            row = ActivityRow(f"{name}/{place}", ActivityStatus(status), "hash", 1, timestamp(self.clock.now()))
            writes.append(Write(owner, (row,), (EventRow(f"activity.{name}", "{}"),)))
        verdicts = self.commit(writes)
        assert [verdict is None for verdict in verdicts] == [self.owns(owner) for owner in chosen]
        for place, owner in enumerate(chosen):
            if self.owns(owner):
                model.activities[f"{name}/{place}"] = status
                model.events.append(f"activity.{name}")
        if not any(self.owns(owner) for owner in chosen):
            assert self.rows() == before

    @precondition(lambda self: self.owners)
    @rule(data=st.data())
    def heartbeat(self, data: st.DataObject) -> None:
        owner = data.draw(st.sampled_from(self.owners))
        until = self.clock.now() + LEASE
        (verdict,) = self.commit([Write(owner, lease_until=timestamp(until))])
        assert (verdict is None) == self.owns(owner)
        if verdict is None and self.model.lease_until is not None:
            self.model.lease_until = until

    @precondition(lambda self: self.owners)
    @rule(data=st.data(), status=st.sampled_from(list(Status)))
    def finish(self, data: st.DataObject, status: Status) -> None:
        owner, before = data.draw(st.sampled_from(self.owners)), self.rows()
        legal = status in TRANSITIONS[Status.RUNNING]
        try:
            done = finished(self.storage, owner, status, timestamp(self.clock.now()))
        except StateError:
            assert self.owns(owner)
            assert not legal
            assert self.rows() == before
            return
        assert done == self.owns(owner)
        if done:
            assert legal
            self.model.status, self.model.lease_until = status, None
            self.model.events.append(f"execution.{status.removesuffix('_with_errors')}")
        else:
            assert self.rows() == before

    @precondition(lambda self: self.owners)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        owner = data.draw(st.sampled_from(self.owners))
        with transaction(self.storage, ORGANIZATION, Transaction.FINISH) as connection:
            freed = executions.release(connection, owner, timestamp(self.clock.now()))
        assert freed == self.owns(owner)
        if freed:
            self.model.lease_until = None

    @rule(wanted=st.sampled_from([Status.CANCELLED, Status.PENDING]))
    def change(self, wanted: Status) -> None:
        model, before = self.model, self.rows()
        legal = wanted in TRANSITIONS[model.status]
        if not legal:
            with pytest.raises(StateError, match=f"{model.status} and cannot become {wanted}"):
                executions.change(self.storage, ORGANIZATION, self.id, wanted, self.clock)
            assert self.rows() == before
            return
        executions.change(self.storage, ORGANIZATION, self.id, wanted, self.clock)
        model.status, model.epoch, model.lease_until = wanted, model.epoch + 1, None
        if wanted is Status.PENDING:
            model.recoveries = 0
        model.events.append("execution.resumed" if wanted is Status.PENDING else "execution.cancelled")

    @rule(key=st.sampled_from(["k1", "k2", "k3"]), name=st.sampled_from(["review", signals.CANCEL]))
    def signal(self, key: str, name: str) -> None:
        model = self.model
        try:
            sent = signals.send(self.storage, ORGANIZATION, self.id, name, self.clock, client_key=key)
        except StateError:
            assert model.status.terminal
            return
        assert not model.status.terminal
        assert sent == (key not in model.keys)
        if sent:
            model.signals.append(name)
            model.keys.add(key)

    def rows(self) -> list[int]:
        return [count(self.storage, table) for table in (workflow_activity, workflow_event, workflow_signal)]

    @invariant()
    def the_database_is_as_the_model(self) -> None:
        for execution_id, model in [*self.past, (self.id, self.model)]:
            found, told = seen(self.storage, execution_id), events(self.storage, execution_id)
            assert (found.status, found.epoch, found.recovery_count) == (model.status, model.epoch, model.recoveries)
            assert all(gapless(told))
            assert found.last_seq == len(told)
            assert kinds(self.storage, execution_id) == model.events
            assert activities(self.storage, execution_id) == model.activities
            with self.storage.read(ORGANIZATION) as connection:
                waiting = signals.waiting(connection, Owner(ORGANIZATION, execution_id, 0))
            assert [signal.name for signal in waiting] == model.signals


@contextmanager
def new_file() -> Iterator[str]:
    with TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/graph.db"


@pytest.mark.parametrize(("dialect", "examples"), [("sqlite", 30), ("postgresql", 10)])
def test_an_execution_is_as_a_few_lines_say(dialect: str, examples: int, request: pytest.FixtureRequest) -> None:
    new_database = new_file if dialect == "sqlite" else request.getfixturevalue("postgres").database
    run_state_machine_as_test(
        partial(DurableMachine, new_database),  # type: ignore[arg-type]  # whatever makes one is taken
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
