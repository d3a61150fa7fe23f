"""JSON comes out of an answer exactly as it went in, or not at all."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lithograph.errors import AnswerError, TruncatedError
from lithograph.models.json_answers import json_in

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.sampled_from(list('abc{}[]",:\\/`<>\n\t é😀\u2028')), max_size=12)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.sampled_from(['{"a": 1}', "```json", "</think>", "<think>", '"{', "true", "[1]"])
)
names = st.text(st.sampled_from(list('ab{}[]",:\\')), max_size=4)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=15
)
objects = st.dictionaries(names, values, max_size=5)


@st.composite
def written(draw: st.DrawFn) -> tuple[dict[str, object], str]:
    """Return an object, and JSON for it in one of the ways to write it."""
    value: dict[str, object] = dict(draw(objects))
    indent = draw(st.sampled_from([None, 0, 2]))
    return value, json.dumps(value, indent=indent, ensure_ascii=draw(st.booleans()))


prose = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="[]{}<"), max_size=40)
modest = settings(max_examples=300, deadline=None)


@modest
@given(written(), prose, prose)
def test_prose_around_an_object_is_undone(case: tuple[dict[str, object], str], before: str, after: str) -> None:
    value, text = case
    assert json_in(f"{before}{text}{after}") == value


@modest
@given(written(), prose, st.sampled_from(["", "json", "JSON", "text"]), prose)
def test_a_fence_around_an_object_is_undone(
    case: tuple[dict[str, object], str], before: str, language: str, after: str
) -> None:
    value, text = case
    assert json_in(f"```{language}\n{text}\n```") == value
    assert json_in(f"{before}\n```{language}\n{text}\n```\n{after}") == value


@modest
@given(written(), st.integers(1, 3), prose)
def test_strings_of_json_and_thoughts_are_undone(case: tuple[dict[str, object], str], times: int, thought: str) -> None:
    value, text = case
    for _ in range(times):
        text = json.dumps(text)
    assert json_in(text) == value
    assert json_in(f"<think>{thought}{{</think>\n{text}") == value


@modest
@given(written(), st.data(), prose, st.sampled_from(["", "```json\n"]), st.sampled_from(["", "\n```"]))
def test_an_object_that_is_cut_is_truncated(
    case: tuple[dict[str, object], str], data: st.DataObject, before: str, opening: str, closing: str
) -> None:
    text = case[1]
    cut = text[: data.draw(st.integers(1, len(text) - 1))]
    with pytest.raises(TruncatedError):
        json_in(f"{before}{opening}{cut}")
    with pytest.raises(TruncatedError):
        json_in(f"{opening}{cut}{closing}")


@modest
@given(written(), st.data())
def test_a_string_of_json_that_is_cut_gives_no_other_object(
    case: tuple[dict[str, object], str], data: st.DataObject
) -> None:
    value, text = case
    text = json.dumps(text)
    _same_or_refused(text[: data.draw(st.integers(0, len(text) - 1))], value)


@modest
@given(
    st.dictionaries(st.text('ab"\\:,', max_size=3), values.filter(lambda v: not _bracketed(v)), max_size=5), st.data()
)
def test_the_end_of_an_object_is_never_taken_for_an_object(value: dict[str, object], data: st.DataObject) -> None:
    text = json.dumps(value)
    start = data.draw(st.integers(1, len(text) - 1))
    with pytest.raises(AnswerError):
        json_in(text[start:])


@modest
@given(written(), st.data(), st.text(st.sampled_from(list('{}[]",:\\ a1')), max_size=2))
def test_a_damaged_object_is_refused_or_what_any_json_reader_reads(
    case: tuple[dict[str, object], str], data: st.DataObject, put: str
) -> None:
    text = case[1]
    place = data.draw(st.integers(1, len(text)))
    damaged = text[:place] + put + text[place + data.draw(st.integers(0, 2)) :]
    try:
        found = json_in(damaged)
    except AnswerError:
        return
    start = damaged.index("{" if isinstance(found, dict) else "[")
    assert json.JSONDecoder(strict=False).raw_decode(damaged, start)[0] == found


@modest
@given(st.lists(st.sampled_from(['{"a": ', *'[]}{"\\,:1x\n', "```", "<think>", "</think>"]), max_size=30).map("".join))
def test_whatever_comes_is_json_or_an_answer_error(text: str) -> None:
    try:
        found = json_in(text)
    except AnswerError:
        return
    assert isinstance(found, (dict, list))


def _same_or_refused(text: str, value: object) -> None:
    try:
        found = json_in(text)
    except AnswerError:
        return
    assert found == value


def _bracketed(value: object) -> bool:
    """Whether a text in a value holds a bracket, which may stand for one that was cut off."""
    if isinstance(value, dict):
        return any(_bracketed(one) for pair in value.items() for one in pair)
    if isinstance(value, list):
        return any(_bracketed(one) for one in value)
    return isinstance(value, str) and not set(value).isdisjoint("[]{}")
