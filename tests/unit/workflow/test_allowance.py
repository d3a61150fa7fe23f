"""What the server grants of a minute, and what the processes that share it make of that."""

import random
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import ProgrammingError
from tests.clocks import VirtualClock
from tests.postgres import Server
from tests.shared_minute import Minute, connected, demand

from lithograph.resilience.allowance import Demand, Spent
from lithograph.storage.tenancy import APP, QUEUE
from lithograph.workflow.allowance import Terms


@pytest.fixture(scope="module")
def connection(postgres: Server) -> Iterator[Connection]:
    with connected(postgres) as opened:
        yield opened


@pytest.fixture
def administrator(postgres: Server, connection: Connection) -> Iterator[Connection]:
    url = postgres.administrator(connection.engine.url.database or "")
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as opened:
        yield opened
    engine.dispose()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(0.0)


class Processes:
    """Processes that share a minute; each example has a key of its own."""

    def __init__(self, connection: Connection, clock: VirtualClock) -> None:
        self._connection, self._clock = connection, clock
        self._key = f"key {random.random()}"

    def named(self, name: str, requests: float | None = None, tokens: float | None = None) -> Minute:
        return Minute(self._connection, self._clock, Terms(requests, tokens), name, self._key)


@pytest.fixture
def processes(connection: Connection, clock: VirtualClock) -> Processes:
    return Processes(connection, clock)


def test_the_whole_minute_is_there_for_a_process_that_is_alone(processes: Processes) -> None:
    one = processes.named("one", 100)
    assert one.ask(demand(60)).requests == 60
    assert one.ask(demand(60)).requests == 40
    assert one.ask(demand(60)).requests == 0


def test_what_is_granted_counts_until_its_last_call_has_left_the_last_minute(
    processes: Processes, clock: VirtualClock
) -> None:
    """2 seconds in which it may be begun, 2 in which it may be on its way, and the minute."""
    one, other = processes.named("one", 10), processes.named("other", 10)
    assert one.ask(demand(10)).requests == 10
    clock.time = 63.9
    assert other.ask(demand(10)).requests == 0
    clock.time = 64.0
    assert other.ask(demand(10)).requests == 10


def test_what_reached_the_provider_early_leaves_early(processes: Processes, clock: VirtualClock) -> None:
    one = processes.named("one", 10)
    granted = one.ask(demand(10))
    clock.time = 1.5
    assert one.ask(Demand(5, 0, 0, granted.number, (Spent(granted.number, 10, 0, ago=1.25),))).requests == 0
    clock.time = 60.2
    assert one.ask(demand(5)).requests == 0
    clock.time = 60.3
    assert one.ask(demand(5)).requests == 5


def test_what_was_not_used_is_given_back_with_the_next_question(processes: Processes) -> None:
    one = processes.named("one", 10, 1000)
    granted = one.ask(demand(10, 1000))
    again = Demand(10, 900, 90, granted.number, (Spent(granted.number, 1, 100, ago=0.0),))
    assert one.ask(again).requests == 9


@pytest.mark.parametrize(("used", "left"), [(100, 900), (1000, 0), (2000, 0)])
def test_tokens_that_were_used_in_truth_count(processes: Processes, used: int, left: int) -> None:
    one = processes.named("one", None, 1000)
    granted = one.ask(demand(1, 500))
    spent = (Spent(granted.number, 1, used, ago=0.0),)
    assert one.ask(Demand(1, 1000, 10, granted.number, spent)).tokens == left


def test_a_grant_that_was_lost_on_its_way_is_taken_back(processes: Processes) -> None:
    one = processes.named("one", 10)
    assert one.ask(demand(10)).requests == 10
    assert one.ask(demand(10, known=0)).requests == 10


def test_nobody_tells_what_became_of_the_grants_of_others(processes: Processes) -> None:
    one, other = processes.named("one", 10), processes.named("other", 10)
    granted = one.ask(demand(10))
    assert other.ask(Demand(10, 0, 0, 0, (Spent(granted.number, 0, 0, ago=60.0),))).requests == 0


def test_each_key_has_a_minute_of_its_own(connection: Connection, clock: VirtualClock) -> None:
    for key in ("a key of one provider", "a key of another"):
        assert Minute(connection, clock, Terms(10, None), key=key).ask(demand(10)).requests == 10


def test_of_several_that_ask_none_takes_the_whole_minute(processes: Processes, clock: VirtualClock) -> None:
    """A third of it in a quarter of its time, and those who wait share it."""
    one, two, three = (processes.named(name, 600) for name in ("one", "two", "three"))
    assert one.ask(demand(1)).requests == 1
    assert two.ask(demand(600)).requests == 199
    for second in range(15):
        clock.time = float(second)
        assert [process.ask(demand(600)).requests for process in (two, three)] == [0, 0]
    clock.time = 15.0
    assert [process.ask(demand(600)).requests for process in (two, three)] == [99, 101]


def test_a_large_call_is_not_starved_by_small_ones_of_others(processes: Processes, clock: VirtualClock) -> None:
    large, small = processes.named("large", None, 1000), processes.named("small", None, 1000)
    assert small.ask(demand(1, 300)).tokens == 300
    assert large.ask(demand(1, 900)).requests == 0
    for second in range(1, 64):
        clock.time = float(second)
        assert large.ask(demand(1, 900)).requests == 0
        assert small.ask(demand(1, 100)).requests == 0
    clock.time = 64.0
    assert large.ask(demand(1, 900)).tokens == 900


def test_who_has_gone_keeps_nobody_waiting_for_long(processes: Processes, clock: VirtualClock) -> None:
    gone, small = processes.named("gone", None, 1000), processes.named("small", None, 1000)
    assert small.ask(demand(1, 300)).tokens == 300
    assert gone.ask(demand(1, 900)).requests == 0
    assert small.ask(demand(1, 100)).requests == 0
    clock.time = 5.1
    assert small.ask(demand(1, 100)).tokens == 100


def test_a_call_above_the_limit_has_a_minute_for_itself(processes: Processes) -> None:
    assert processes.named("one", None, 1000).ask(demand(1, 50_000)).tokens == 1000


def test_old_rows_go(processes: Processes, clock: VirtualClock, administrator: Connection) -> None:
    """Of keys that nobody uses any more, too."""
    rows = text(f"SELECT count(*) FROM {QUEUE}.provider_grant")
    processes.named("one", 10).ask(demand(1))
    assert administrator.execute(rows).scalar_one() >= 1
    clock.time = 1_000.0
    processes.named("another", 10).ask(demand(1))
    assert administrator.execute(rows).scalar_one() == 1


@pytest.mark.parametrize("table", ["provider_grant", "provider_demand"])
def test_nobody_sees_the_tables(connection: Connection, table: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"):
        connection.exec_driver_sql(f"SELECT * FROM {QUEUE}.{table}")


def test_organisations_may_not_ask(processes: Processes, connection: Connection) -> None:
    connection.exec_driver_sql(f"SET ROLE {APP}")
    try:
        with pytest.raises(ProgrammingError, match="permission denied"):
            processes.named("one", 10).ask(demand(1))
    finally:
        connection.exec_driver_sql("RESET ROLE")
