from dataclasses import replace

import anyio
import pytest
from tests.clocks import VirtualClock
from tests.scripted import ScriptedChat, caller_of, said

from lithograph.domain.usage import Usage
from lithograph.errors import (
    AnswerError,
    BudgetError,
    CircuitOpenError,
    ExhaustedError,
    RateLimitedError,
    RejectedError,
    UnavailableError,
    UsageError,
)
from lithograph.models.caller import Asks, Fallback, ModelCaller
from lithograph.models.chat import ChatRequest, Role, Turn
from lithograph.models.prices import Price
from lithograph.models.wire import Finish, WireAnswer
from lithograph.resilience.budget import Budget, Limits
from lithograph.resilience.policy import Scope, Timeouts
from lithograph.resilience.provider import Notice

REQUEST = ChatRequest("mentions", "s" * 100, (Turn(Role.USER, "u" * 200),), {"type": "object"}, 50)
YES = said("{}")
DOWN = UnavailableError("down")


def open_circuit(caller: ModelCaller) -> None:
    for _ in range(5):
        caller.policy.provider.circuit.acquire().failed()


async def test_an_answer_costs_what_its_tokens_do() -> None:
    chat = ScriptedChat([WireAnswer("{}", Finish.STOP, 1_000, 200, cached_tokens=400)])
    reply = await caller_of(chat, price=Price(2.0, 0.5, 10.0)).ask(REQUEST)
    assert (reply.usage.calls, reply.usage.input_tokens, reply.usage.output_tokens) == (1, 1_000, 200)
    assert reply.usage.cost_usd == pytest.approx((600 * 2.0 + 400 * 0.5 + 200 * 10.0) / 1e6)
    assert chat.asked == [REQUEST]


async def test_without_a_known_price_tokens_count_and_money_does_not() -> None:
    assert (await caller_of(ScriptedChat([YES])).ask(REQUEST)).usage == Usage(1, 10, 5, 0.0)


@pytest.mark.parametrize(("tokens", "fits"), [(250, True), (249, False)])
async def test_of_a_budget_the_most_is_held_back_that_the_request_and_its_answer_can_take(
    tokens: int, fits: bool
) -> None:
    """300 characters of which no token has fewer than one and a half, and an answer of 50."""
    chat, budget = ScriptedChat([YES]), Budget("it", Limits(tokens=tokens))
    caller = caller_of(chat).within(Scope((budget,)))
    if fits:
        await caller.ask(REQUEST)
        assert budget.spent == Usage(1, 10, 5)
    else:
        with pytest.raises(BudgetError):
            await caller.ask(REQUEST)
        assert chat.asked == []


async def test_where_money_is_limited_a_model_without_a_price_is_not_asked() -> None:
    chat = ScriptedChat([YES])
    limited = Budget("organisation acme", Limits(cost_usd=5.0))
    for budgets in ((limited,), (Budget("this execution", Limits(tokens=9)), limited)):
        with pytest.raises(BudgetError, match=r"no price is known for .*organisation acme, 5 US dollars"):
            await caller_of(chat).within(Scope(budgets)).ask(REQUEST)
    assert chat.asked == []
    await caller_of(chat).within(Scope((Budget("it", Limits(tokens=10_000)),))).ask(REQUEST)


async def test_money_is_held_back_at_the_price_of_what_is_not_cached() -> None:
    price = Price(1.0, 0.0, 1.0)
    for dollars, fits in ((250e-6, True), (249e-6, False)):
        caller = caller_of(ScriptedChat([YES]), price=price)
        budget = Budget("it", Limits(cost_usd=dollars))
        if fits:
            await caller.within(Scope((budget,))).ask(REQUEST)
            assert budget.spent.cost_usd == pytest.approx(15e-6)
        else:
            with pytest.raises(BudgetError):
                await caller.within(Scope((budget,))).ask(REQUEST)


async def test_the_limiter_learns_from_the_headers_of_every_answer_and_counts_its_tokens() -> None:
    chat = ScriptedChat([AnswerError("refused"), YES])
    chat.headers = {"x-ratelimit-limit-requests": "7"}
    caller = caller_of(chat)
    limiter = caller.policy.provider.limiter
    with pytest.raises(AnswerError):
        await caller.ask(REQUEST)
    assert limiter._requests.limit == 7
    assert limiter._tokens.used == 300 // 4
    await caller.ask(REQUEST)
    assert limiter._tokens.used == 300 // 4 + 15


async def test_every_task_may_have_timeouts_of_its_own() -> None:
    chat, heard = ScriptedChat([YES]), list[Notice]()
    caller = caller_of(chat, timeouts={"joint": Timeouts(hard=0.0)}).within(Scope(told=heard.append))
    await caller.ask(REQUEST)
    chat.before = anyio.sleep_forever
    with pytest.raises(ExhaustedError, match="did not answer within 0 s"):
        await caller.ask(replace(REQUEST, task="joint"))
    assert {notice.payload["task"] for notice in heard} == {"joint"}


async def test_once_is_one_request_whatever_comes() -> None:
    for error in (DOWN, RateLimitedError("later", 30.0), RateLimitedError("too much")):
        chat = ScriptedChat([error, YES])
        with pytest.raises(ExhaustedError) as caught:
            await caller_of(chat).once().ask(REQUEST)
        assert caught.value.__cause__ is error
        assert len(chat.asked) == 1


def in_order(*says: list[WireAnswer | Exception]) -> tuple[list[ScriptedChat], Fallback]:
    chats = [ScriptedChat(answers, f"test:{number}") for number, answers in enumerate(says)]
    return chats, Fallback([caller_of(chat) for chat in chats])


@pytest.mark.parametrize(
    ("first", "asked"),
    [
        ([YES], 1),
        ([DOWN, YES], 2),
        ([DOWN] * 4, 4),
        ([RejectedError("no such model")], 1),
        ([RateLimitedError("later", 86_400.0)], 1),
    ],
    ids=["answers", "recovers", "is down", "rejects", "is closed for a day"],
)
async def test_the_next_model_is_asked_when_one_cannot_answer(first: list[WireAnswer | Exception], asked: int) -> None:
    chats, fallback = in_order(first, [said("[1]")], [said("[2]")])
    reply = await fallback.ask(REQUEST)
    failed = first[-1] is not YES
    assert reply.answer.text == ("[1]" if failed else "{}")
    assert [len(chat.asked) for chat in chats] == [asked, int(failed), 0]


async def test_the_last_models_error_is_the_one_that_is_raised() -> None:
    _, fallback = in_order([RejectedError("zero")], [RejectedError("one")], [RejectedError("two")])
    with pytest.raises(RejectedError, match="two"):
        await fallback.ask(REQUEST)


async def test_what_is_about_the_text_or_the_budget_goes_to_no_other_model() -> None:
    chats, fallback = in_order([AnswerError("too long")], [YES])
    with pytest.raises(AnswerError):
        await fallback.ask(REQUEST)
    with pytest.raises(BudgetError):
        await fallback.within(Scope((Budget("it", Limits(tokens=1)),))).ask(REQUEST)
    assert chats[1].asked == []


async def test_only_the_last_model_is_waited_for() -> None:
    clock = VirtualClock()
    chats = [ScriptedChat([YES], f"test:{number}") for number in range(3)]
    callers = [caller_of(chat, clock) for chat in chats]
    for caller in callers:
        open_circuit(caller)
    asks: Asks = Fallback(callers).within(Scope(patience=900.0))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(asks.ask, REQUEST)
        await clock.advance(29.0)
        assert [len(chat.asked) for chat in chats] == [0, 0, 0]
        await clock.advance(1.0)
    assert [len(chat.asked) for chat in chats] == [0, 0, 1]


async def test_a_model_that_says_later_for_a_day_is_passed_over_from_then_on() -> None:
    (busy, other), asks = in_order([RateLimitedError("later", 86_400.0)], [YES] * 2)
    patient = asks.within(Scope(patience=900.0))
    with anyio.fail_after(5):
        assert [(await patient.ask(REQUEST)).answer for _ in range(2)] == [YES] * 2
    assert (len(busy.asked), len(other.asked)) == (1, 2)


async def test_without_a_scope_nobody_is_waited_for() -> None:
    _, fallback = in_order([YES], [YES])
    for caller in fallback.callers:
        open_circuit(caller)
    with pytest.raises(CircuitOpenError):
        await fallback.ask(REQUEST)


async def test_a_fallback_has_the_names_and_providers_of_its_models_and_asks_each_once() -> None:
    chats, fallback = in_order([DOWN] * 9, [DOWN] * 9)
    assert fallback.names == ("test:0", "test:1")
    assert fallback.within(Scope()).once().providers == fallback.providers
    with pytest.raises(ExhaustedError):
        await fallback.once().ask(REQUEST)
    assert [len(chat.asked) for chat in chats] == [1, 1]


async def test_a_fallback_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one model"):
        Fallback([])
