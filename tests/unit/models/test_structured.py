import msgspec
import pytest
from tests.scripted import CUT, ScriptedChat, caller_of, said, told

from lithograph.domain.usage import Usage
from lithograph.errors import (
    AnswerError,
    EmptyAnswerError,
    ExhaustedError,
    MalformedError,
    RefusalError,
    RejectedError,
    TruncatedError,
    UnavailableError,
)
from lithograph.models.chat import ChatRequest, Role, Turn
from lithograph.models.structured import CutShortError, Structured, ask_structured, of_type
from lithograph.models.wire import Finish, WireAnswer


class Names(msgspec.Struct, frozen=True):
    names: tuple[str, ...]


DATA = Turn(Role.USER, '{"task":"mentions"}')
REQUEST = ChatRequest("mentions", "Find names.", (DATA,), {"type": "object"}, 100)
GOOD = told({"names": ["Ada"]})
PROSE, WRONG = said("I found Ada."), told({"names": "Ada"})
REFUSED, EMPTY = said("I cannot", Finish.REFUSAL), said("")
CUT_BY_ITSELF = said('{"names": ["Ada')


async def ask(chat: ScriptedChat) -> Structured[Names]:
    return await ask_structured(caller_of(chat), REQUEST, of_type(Names))


def rooms(chat: ScriptedChat) -> list[int]:
    return [request.max_tokens for request in chat.asked]


@pytest.mark.parametrize(
    "answers",
    [[GOOD], [PROSE, GOOD], [WRONG, PROSE, GOOD], [REFUSED, EMPTY, GOOD], [CUT, GOOD], [CUT, WRONG, GOOD]],
    ids=["good", "prose", "wrong, prose", "refused, empty", "cut", "cut, wrong"],
)
async def test_only_a_valid_answer_leaves_and_it_costs_what_all_of_them_did(answers: list[WireAnswer]) -> None:
    chat = ScriptedChat(answers)
    assert await ask(chat) == Structured(Names(("Ada",)), Usage(len(answers), 10 * len(answers), 5 * len(answers)))
    assert len(chat.asked) == len(answers)


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        (PROSE, MalformedError, "no JSON"),
        (WRONG, MalformedError, r"not of the schema: Expected `array`, got `str` - at `\$.names`"),
        (told([1]), MalformedError, "not of the schema"),
        (REFUSED, RefusalError, "I cannot"),
        (EMPTY, EmptyAnswerError, "answered nothing"),
        (CUT_BY_ITSELF, TruncatedError, "in the middle"),
    ],
)
async def test_the_third_that_cannot_be_used_is_the_last(bad: WireAnswer, error: type[AnswerError], words: str) -> None:
    chat = ScriptedChat([PROSE, PROSE, bad, GOOD])
    with pytest.raises(error, match=words):
        await ask(chat)
    assert len(chat.asked) == 3


async def test_a_malformed_answer_is_shown_with_what_is_wrong_and_only_the_last_one() -> None:
    chat = ScriptedChat([PROSE, WRONG, GOOD])
    await ask(chat)
    first, second, third = (request.turns for request in chat.asked)
    assert first == (DATA,)
    assert second[:2] == (DATA, Turn(Role.ASSISTANT, "I found Ada."))
    assert second[2].role is Role.USER
    assert "the answer holds no JSON" in second[2].text
    assert third[:2] == (DATA, Turn(Role.ASSISTANT, '{"names":"Ada"}'))
    assert "Expected `array`, got `str` - at `$.names`" in third[2].text
    assert len(third) == 3
    assert rooms(chat) == [100, 100, 100]


async def test_of_a_long_wrong_answer_the_beginning_is_shown() -> None:
    chat = ScriptedChat([said("x" * 100_000), GOOD])
    await ask(chat)
    assert len(chat.asked[1].turns[1].text) == 4_000


@pytest.mark.parametrize("bad", [REFUSED, EMPTY])
async def test_what_was_refused_or_empty_is_asked_again_as_it_was(bad: WireAnswer) -> None:
    chat = ScriptedChat([bad, GOOD])
    await ask(chat)
    assert chat.asked[1] == REQUEST


async def test_what_reached_its_limit_is_asked_again_once_with_twice_the_room() -> None:
    chat = ScriptedChat([CUT, CUT, GOOD])
    with pytest.raises(TruncatedError):
        await ask(chat)
    assert rooms(chat) == [100, 200]
    assert chat.asked[1].turns == (DATA,)


async def test_where_twice_the_room_is_refused_the_answer_is_cut_short() -> None:
    chat = ScriptedChat([CUT, RejectedError("`max_tokens` must be at most 150")])
    with pytest.raises(CutShortError, match=r"more room is refused: .*at most 150") as caught:
        await ask(chat)
    assert (rooms(chat), caught.value.usage.calls) == ([100, 200], 1)
    with pytest.raises(RejectedError, match="wrong key"):
        await ask(ScriptedChat([PROSE, RejectedError("wrong key")]))


async def test_what_stopped_before_its_limit_needs_no_more_room() -> None:
    chat = ScriptedChat([CUT_BY_ITSELF, GOOD])
    await ask(chat)
    assert rooms(chat) == [100, 100]


async def test_a_wrong_answer_is_not_shown_again_after_one_that_was_cut_short() -> None:
    chat = ScriptedChat([PROSE, CUT, GOOD])
    await ask(chat)
    assert [len(request.turns) for request in chat.asked] == [1, 3, 1]
    assert rooms(chat) == [100, 100, 200]


async def test_a_provider_that_cannot_answer_is_not_asked_for_a_repair() -> None:
    chat = ScriptedChat(lambda _: UnavailableError("down"))
    with pytest.raises(ExhaustedError):
        await ask(chat)
    assert len(chat.asked) == 4
