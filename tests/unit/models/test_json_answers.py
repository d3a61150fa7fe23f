import json
from pathlib import Path

import pytest
from tests.recorded import recorded
from tests.unit.models.expected_answers import (
    ERRORS,
    ODD_VALUES,
    STRUCTURED_EXCEPTIONS,
    Outcome,
    odd_outcomes,
)

from lithograph.errors import (
    AnswerError,
    EmptyAnswerError,
    LithographError,
    MalformedError,
    RefusalError,
    TruncatedError,
)
from lithograph.models.json_answers import Json, json_in, json_of
from lithograph.models.wire import Finish, WireAnswer, read_wire

OBJECT: Json = {"text": 'a } ] ``` " \\ é\n', "list": [1, -2.5e3, True, None, {}], "": {"deep": [[]]}}
WRITTEN = json.dumps(OBJECT)


def test_every_odd_answer_comes_to_what_a_reader_says(shared_data: Path) -> None:
    lines, expected = recorded(shared_data, "odd.jsonl"), odd_outcomes()
    assert [line.index for line in lines] == list(expected)
    wrong = []
    for line in lines:
        outcome = expected[line.index]
        try:
            value: Json | None = json_of(read_wire(line.body))
        except LithographError as error:
            if type(error) is not ERRORS.get(outcome) or outcome.value not in str(error):
                wrong.append((line.index, outcome, repr(error)))
        else:
            if outcome is not Outcome.JSON or (line.index in ODD_VALUES and value != ODD_VALUES[line.index]):
                wrong.append((line.index, outcome, repr(value)))
    assert wrong == []


def test_every_structured_answer_gives_its_json_unless_there_are_several(shared_data: Path) -> None:
    refused = {}
    for line in recorded(shared_data, "structured_ok.jsonl"):
        try:
            value = json_of(read_wire(line.body))
        except MalformedError as error:
            refused[line.index] = str(error)
        else:
            assert isinstance(value, dict), line.index
            assert _stands_in(value, line.body), line.index
    assert set(refused) == set(STRUCTURED_EXCEPTIONS)
    assert set(refused.values()) == {"the answer holds several JSON values that differ"}


def _stands_in(value: Json, body: object) -> bool:
    """Whether a body holds a value, as it is or as the whole of a string."""
    if isinstance(body, str):
        try:
            return bool(json.loads(body) == value)
        except ValueError:
            return False
    if isinstance(body, (dict, list)):
        return body == value or any(
            _stands_in(value, one) for one in (body.values() if isinstance(body, dict) else body)
        )
    return False


@pytest.mark.parametrize(
    "text",
    [
        WRITTEN,
        f"  {WRITTEN}\n",
        json.dumps(OBJECT, indent=2),
        f"```json\n{WRITTEN}\n```",
        f"```\n{WRITTEN}\n```\n",
        f"```{WRITTEN}\n```",
        f"```{WRITTEN}```",
        f"Here you are:\n\n```json\n{WRITTEN}\n```\n\nTell me if you want more!",
        f"Here you are: {WRITTEN} Tell me if you want more!",
        f"<think>\nIs it {{}}, or [1, 2? Yes: {{'a': 1}}.\n</think>\n\n{WRITTEN}",
        f"<Thinking>a</thinking><think>b</think>\n```json\n{WRITTEN}\n```",
        f"It may be {{1, 2. Or so.\n</think>\n\n{WRITTEN}",
        json.dumps(WRITTEN),
        json.dumps(json.dumps(WRITTEN)),
        f"```json\n{json.dumps(WRITTEN)}\n```",
        json.dumps(f"```json\n{WRITTEN}\n```"),
        f"{WRITTEN}\n{WRITTEN}",
        f"As said in [1] and [2, 3]: {WRITTEN} [4]",
        f"[[ ## answer ## ]]\n{WRITTEN}\n[[ ## completed ## ]]",
        f"The set {{a, b}} and the list[int]: {WRITTEN}",
    ],
)
def test_what_an_answer_is_wrapped_in_is_taken_off(text: str) -> None:
    assert json_in(text) == OBJECT


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[]", []),
        ("{}", {}),
        ('[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
        ("it is [1, 2, 3].", [1, 2, 3]),
        ('{"quote": "over\ntwo lines\t"}', {"quote": "over\ntwo lines\t"}),
        ('{"tag": "<think>no</think>"}', {"tag": "<think>no</think>"}),
        ('{"a": "x", "a": "x"}', {"a": "x"}),
        ('{"a": "\\ud83d\\ude00 😀"}', {"a": "😀 😀"}),
        ('"[\\"{}\\"]"', ["{}"]),
        ("\ufeff{}", {}),
    ],
)
def test_json_is_read_as_it_is_meant(text: str, value: Json) -> None:
    assert json_in(text) == value


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1',
        '{"a": "half a word',
        '{"a": "half an escape\\',
        '{"a": "half an escape\\u00',
        '{"a": tru',
        '{"a": -',
        '{"a": [1, 2.',
        "{",
        "[",
        'Here you are: {"a": [1, 2',
        '```json\n{"a": {"b": 1}',
        '```json\n{"a": {"b": 1}\n```',
        '```json\n{"a": {"b": 1},\n```\nTell me if you want more!',
        '{"a": "{\\"b\\": 1}", "c": ',
        '"{\\"a\\": {}, \\"b',
        '"[{}, \\"b',
        "<think>\nIs it {} or",
        '{"a": 1} {"b": ',
    ],
)
def test_json_that_stops_in_the_middle_is_truncated_whatever_the_model_says(text: str) -> None:
    with pytest.raises(TruncatedError):
        json_of(WireAnswer(text, Finish.STOP))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("The capital is Paris.", "holds no JSON: 'The capital is Paris.'"),
        ("4", "holds no JSON"),
        ("null", "holds no JSON"),
        ('"yes"', "holds no JSON: 'yes'"),
        ("{'a': 1}", "broken JSON"),
        ('{a: {"b": 1}}', "broken JSON"),
        ('```json\n{a: {"b": 1}}\n```', "broken JSON"),
        ('It is {a: {"b": 1}}.', "holds no JSON"),
        ('From [2 pages]: {"b": 1}', "broken JSON"),
        ('{"a": 1,}', "broken JSON"),
        ('{"a": [1}}', "broken JSON"),
        ('{"a": [}}', "broken JSON"),
        ('{"a": None', "broken JSON"),
        ('{"a": 1 "b": 2}', "broken JSON"),
        ('{"a": [{"b": 1,}, {"b": 2}]}', "broken JSON"),
        ('{"a": "he said "hi" {"x": 1}"}', "broken JSON"),
        ('{"a": "bad \\x escape", "b": {"c": 1}}', "broken JSON"),
        ('{"a": NaN}', "broken JSON"),
        ('{"a": 01}', "broken JSON"),
        ('{"a": 1 // one\n}', "broken JSON"),
        ('{"a": 1}}', "never opened"),
        ('{"a": {"b": 1}}, "c": 2}', "never opened"),
        ('"a": {"b": 1}}', "never opened"),
        ('{"a": 1} {"a": 2}', "several JSON values"),
        ('[{"a": 1}] [{"a": 2}]', "several JSON values"),
        ("[1] or [2]", "several JSON values"),
        ('{"a": 1, "a": 2}', "two values for 'a'"),
        ('{"a": "\\ud83d"}', "half a character"),
        ('{"a": "\ud83d"}', "half a character"),
        ('{"a": 1e999}', "a number that is too large"),
        (f'{{"a": {"1" * 5000}}}', "cannot be read"),
        ("[" * 101 + "]" * 101, "nested more than 100"),
        ('{"a":' * 101 + "1" + "}" * 101, "nested more than 100"),
        ("a " + "{" * 100 + '{"a": 1}' + "}" * 100, "holds no JSON"),
        ('[a} {"b": 1}', "never opened"),
    ],
)
def test_an_answer_that_could_be_read_in_two_ways_is_not_read(text: str, reason: str) -> None:
    with pytest.raises(MalformedError, match=reason):
        json_in(text)


def test_a_hundred_brackets_are_not_too_many() -> None:
    assert json.dumps(json_in("[" * 100 + "]" * 100)) == "[" * 100 + "]" * 100


@pytest.mark.parametrize("text", ["", " \n\t", "<think>hm</think>\n", '""', '"  "'])
def test_an_answer_without_anything_is_empty(text: str) -> None:
    with pytest.raises(EmptyAnswerError):
        json_in(text)


@pytest.mark.parametrize("text", ["", "{}", '{"a": 1}', "Paris"])
def test_an_answer_that_reached_its_limit_is_truncated_even_where_it_looks_whole(text: str) -> None:
    with pytest.raises(TruncatedError, match="limit of tokens"):
        json_of(WireAnswer(text, Finish.LENGTH))


@pytest.mark.parametrize(
    ("text", "message"), [("", "declined$"), ("I can't.", 'declined: "I can\'t."$'), ("{}", "d: ")]
)
def test_a_refusal_is_one_whatever_was_written(text: str, message: str) -> None:
    with pytest.raises(RefusalError, match=message):
        json_of(WireAnswer(text, Finish.REFUSAL))


@pytest.mark.parametrize("finish", [Finish.STOP, Finish.TOOL, Finish.OTHER])
def test_every_other_reason_to_end_leaves_the_answer_to_speak(finish: Finish) -> None:
    assert json_of(WireAnswer(WRITTEN, finish)) == OBJECT


def test_a_message_shows_no_more_than_a_little_of_the_answer() -> None:
    with pytest.raises(MalformedError) as caught:
        json_in("prose " * 1000)
    assert len(str(caught.value)) < 120


HALF_A_MILLION = 500_000
HOSTILE = {
    "opening braces": "{" * HALF_A_MILLION,
    "opening brackets": "[" * HALF_A_MILLION,
    "nested arrays": "[" * HALF_A_MILLION + "]" * HALF_A_MILLION,
    "nested objects": '{"a":' * HALF_A_MILLION,
    "closing braces": "}" * HALF_A_MILLION,
    "broken pairs": "{]" * HALF_A_MILLION,
    "words in brackets": "a [b] {c}" * 100_000,
    "several lists": "[1]" * 200_000 + "[2]",
    "quotes": '"' * HALF_A_MILLION,
    "braces and quotes": '{"' * HALF_A_MILLION,
    "a string of escapes": '{"a": "' + '\\"' * HALF_A_MILLION,
    "a string of backslashes": '"' + "\\" * (2 * HALF_A_MILLION + 1),
    "half escapes": '{"a": "' + "\\u12" * HALF_A_MILLION,
    "white space": '{"a":' + " " * 2 * HALF_A_MILLION,
    "white space and a word": " " * 2 * HALF_A_MILLION + "x",
    "lines of blanks": (" " * 999 + "\n") * 1000 + "x",
    "digits": '{"a": ' + "1" * 2 * HALF_A_MILLION,
    "numbers": "[" + "1," * HALF_A_MILLION,
    "words": '{"a": ' + "tru" * HALF_A_MILLION,
    "fences": "```" * HALF_A_MILLION,
    "fences and braces": "```\n{" * HALF_A_MILLION,
    "thoughts": "<think></think>" * 60_000,
    "opened thoughts": "<think>" * 150_000,
    "almost thoughts": "</think" * 150_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_megabyte_is_refused_in_one_pass(text: str) -> None:
    with pytest.raises(AnswerError):
        json_in(text)


def test_a_megabyte_of_json_is_read() -> None:
    value = {"text": "x" * HALF_A_MILLION, "numbers": list(range(60_000))}
    assert json_in(json.dumps(json.dumps(value))) == value
