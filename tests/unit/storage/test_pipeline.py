"""Prepared statements sent together."""

from collections.abc import Iterator, Sequence

import psycopg
import pytest
from tests.postgres import Server

from lithograph.storage.pipeline import Message, Pipeline, Rows
from lithograph.storage.steps import finished


@pytest.fixture
def connection(postgres: Server) -> Iterator[psycopg.Connection]:
    with postgres.database() as url, psycopg.connect(url) as made:
        yield made


@pytest.fixture
def pipeline(connection: psycopg.Connection) -> Pipeline:
    made = Pipeline(connection)
    made.send("CREATE TEMPORARY TABLE t (name text PRIMARY KEY, number integer)")
    made.sync()
    return made


def test_what_is_sent_together_is_answered_in_its_order(pipeline: Pipeline) -> None:
    for name, number in (("a", "1"), ("b", None)):
        pipeline.send("INSERT INTO t VALUES ($1, $2)", name, number)
    pipeline.send("SELECT name, number FROM t ORDER BY name")
    assert pipeline.sync()[-1] == [["a", "1"], ["b", None]]
    assert pipeline.sync() == []
    pipeline.send("SELECT name, number FROM t WHERE name = $1", "c")
    assert pipeline.sync()[-1] == []


def test_after_one_that_fails_none_is_done_and_the_next_ones_are(pipeline: Pipeline) -> None:
    pipeline.send("INSERT INTO t VALUES ($1, $2)", "kept", "1")
    pipeline.sync()
    for name in ("first", "kept", "last"):
        pipeline.send("INSERT INTO t VALUES ($1, $2)", name, "1")
    with pytest.raises(psycopg.errors.UniqueViolation, match="already exists") as caught:
        pipeline.sync()
    assert caught.value.diag.constraint_name == "t_pkey"
    pipeline.send("SELECT name FROM t")
    assert pipeline.sync()[-1] == [["kept"]]


def test_what_was_new_after_one_that_fails_can_be_sent_again(pipeline: Pipeline) -> None:
    """The server has not prepared it: of all that is sent together, nothing is done after a failure."""
    pipeline.send("SELECT name FROM t")
    pipeline.send("SELECT 1 / count(*) FROM t")
    pipeline.send("SELECT number FROM t")
    with pytest.raises(psycopg.errors.DivisionByZero):
        pipeline.sync()
    for statement in ("SELECT number FROM t", "SELECT name FROM t", "SELECT count(*) FROM t"):
        pipeline.send(statement)
    assert pipeline.sync()[-1] == [["0"]]


def test_a_transaction_goes_over_several_ways_to_the_server(pipeline: Pipeline) -> None:
    for statement in ("BEGIN", "INSERT INTO t VALUES ('a', 1)", "ROLLBACK", "BEGIN", "INSERT INTO t VALUES ('b', 1)"):
        pipeline.send(statement)
        pipeline.sync()
    pipeline.send("COMMIT")
    pipeline.send("SELECT name FROM t")
    assert pipeline.sync()[-1] == [["b"]]


def test_more_goes_both_ways_than_any_buffer_holds(pipeline: Pipeline) -> None:
    large = "x" * 1_000_000
    for number in range(20):
        pipeline.send("SELECT $1::text || $2", large, str(number))
    assert [rows[0][0] for rows in pipeline.sync() if rows] == [large + str(number) for number in range(20)]


def test_texts_arrive_as_they_are_but_for_a_nul(pipeline: Pipeline) -> None:
    pipeline.send("SELECT $1::text, $2::text", "a\\b'\"\n\u20ac\U0001f600", "a\0b")
    assert pipeline.sync()[-1] == [["a\\b'\"\n\u20ac\U0001f600", "a\ufffdb"]]


def test_a_lost_connection_is_an_error(pipeline: Pipeline, connection: psycopg.Connection, postgres: Server) -> None:
    postgres.execute(f"SELECT pg_terminate_backend({connection.info.backend_pid}, 5000)")
    pipeline.send("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        pipeline.sync()


def put(pipeline: Pipeline, *statements: str) -> Message:
    for statement in statements:
        pipeline.send(statement)
    return finished(pipeline.put())


def got(pipeline: Pipeline, message: Message) -> Sequence[Rows]:
    return finished(pipeline.get(message))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_each_message_has_its_own_answer_in_whatever_order_they_are_asked_for(
    order: tuple[int, ...], pipeline: Pipeline
) -> None:
    messages = [put(pipeline, f"INSERT INTO t VALUES ('{name}')", "SELECT count(*) FROM t") for name in "abc"]
    for place in order:
        assert got(pipeline, messages[place])[-1] == [[str(place + 1)]]


@pytest.mark.parametrize("first_one_first", [True, False])
def test_one_that_fails_costs_the_message_behind_it_nothing(first_one_first: bool, pipeline: Pipeline) -> None:
    first = put(pipeline, "INSERT INTO t VALUES ('lost')", "SELECT 1 / count(*) FROM t WHERE name = 'x'", "SELECT 1")
    second = put(pipeline, "INSERT INTO t VALUES ('kept')", "SELECT name FROM t")
    if not first_one_first:
        assert got(pipeline, second)[-1] == [["kept"]]
    with pytest.raises(psycopg.errors.DivisionByZero):
        got(pipeline, first)
    assert got(pipeline, second)[-1] == [["kept"]]


def test_a_message_prepares_what_the_one_before_it_may_not_have_prepared(pipeline: Pipeline) -> None:
    failing, statements = "SELECT 1 / count(*) FROM t", ["SELECT number FROM t", "SELECT name FROM t"]
    first = put(pipeline, statements[0], failing, statements[1])
    second = put(pipeline, *statements)
    assert got(pipeline, second)[-1] == []
    with pytest.raises(psycopg.errors.DivisionByZero):
        got(pipeline, first)
    for _ in range(2):
        assert got(pipeline, put(pipeline, *statements, "SELECT count(*) FROM t"))[-1] == [["0"]]
