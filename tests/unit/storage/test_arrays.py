"""Arrays arrive at a server as they are."""

from collections.abc import Iterable, Iterator

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.postgres import Server

from lithograph.storage.arrays import documents, floats, integers, texts
from lithograph.storage.pipeline import Pipeline

LIMIT = 1 << 63

few = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
characters = st.characters(exclude_categories=["Cs"]) | st.sampled_from("\0\\\"'{}, \n\u20ac\U0001f600")
words = st.text(characters) | st.just("NULL")


@pytest.fixture(scope="module")
def pipeline(postgres: Server) -> Iterator[Pipeline]:
    with postgres.database() as url, psycopg.connect(url) as connection:
        yield Pipeline(connection)


def read(pipeline: Pipeline, kind: str, array: bytes) -> Iterable[str | None]:
    """Return the elements that the server has, in their order."""
    pipeline.send(f"SELECT element FROM unnest($1::{kind}[]) WITH ORDINALITY AS a (element, at) ORDER BY at", array)
    return [element for (element,) in pipeline.sync()[-1]]


@few
@given(st.lists(st.none() | words))
def test_texts_but_for_a_nul(pipeline: Pipeline, values: list[str | None]) -> None:
    wanted = [None if value is None else value.replace("\0", "\ufffd") for value in values]
    assert read(pipeline, "text", texts(values)) == wanted


@few
@given(st.lists(st.none() | words.map(lambda text: text.replace("\0", ""))))
def test_documents(pipeline: Pipeline, values: list[str | None]) -> None:
    documented = [None if value is None else msgspec.json.encode({value: [value, 1]}).decode() for value in values]
    found = read(pipeline, "jsonb", documents(documented))
    assert [None if one is None else msgspec.json.decode(one) for one in found] == [
        None if value is None else {value: [value, 1]} for value in values
    ]


@few
@given(st.lists(st.none() | st.integers(-LIMIT, LIMIT - 1) | st.sampled_from([-LIMIT, LIMIT - 1])))
def test_integers(pipeline: Pipeline, values: list[int | None]) -> None:
    found = read(pipeline, "bigint", integers(values))
    assert [None if one is None else int(one) for one in found] == values


@few
@given(st.lists(st.none() | st.floats(allow_nan=False)))
def test_floats(pipeline: Pipeline, values: list[float | None]) -> None:
    found = read(pipeline, "double precision", floats(values))
    assert list(map(repr, (None if one is None else float(one) for one in found))) == list(map(repr, values))


def test_the_server_has_an_array_of_nothing(pipeline: Pipeline) -> None:
    pipeline.send("SELECT cardinality($1::text[]), cardinality($2::bigint[])", texts([]), integers([]))
    assert pipeline.sync()[-1] == [["0", "0"]]
