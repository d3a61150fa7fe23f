"""Embeddings go through the same policy as answers do."""

from dataclasses import replace

import anyio
import pytest
from numpy.testing import assert_array_equal

from lithograph.errors import BudgetError
from lithograph.models.embed import OpenAIEmbedder
from lithograph.models.embedding_caller import BATCH, EmbeddingCaller
from lithograph.models.prices import Price
from lithograph.resilience.budget import Budget, Limits
from lithograph.resilience.policy import Policy, Scope
from lithograph.resilience.provider import Provider, ProviderLimits
from lithograph.resilience.retry import RetryPolicy
from lithograph.testing.fake_model import FakeModel, serve_fake_model

TEXTS = [f"The {number}th letter of Josiah Marwick to his brother." for number in range(2 * BATCH + 3)]


def caller(url: str, scope: Scope) -> EmbeddingCaller:
    embedder = OpenAIEmbedder("fake", key="none", dimensions=256, base_url=url)
    policy = Policy(Provider("openai:fake", ProviderLimits()), RetryPolicy(first=0.01))
    return EmbeddingCaller(embedder, policy, Price(1.0, 1.0, 0.0), scope=scope)


async def test_texts_are_embedded_in_batches_and_in_order_whatever_goes_wrong_on_the_way() -> None:
    async with serve_fake_model(FakeModel()) as running:
        undisturbed = caller(running.url, Scope())
        expected, usage = await undisturbed.embed(TEXTS)
        assert expected.shape == (len(TEXTS), 256)
        assert (usage.calls, usage.input_tokens > 1_000, usage.cost_usd > 0) == (3, True, True)
        await undisturbed.embedder.aclose()
    async with serve_fake_model(FakeModel(fail="429:0.2,500:0.2,drop:0.1,seed=4")) as running:
        disturbed = caller(running.url, Scope(patience=60))
        vectors, _ = await disturbed.embed(TEXTS)
        assert_array_equal(vectors, expected)
        assert running.stats().requests > 3
        await disturbed.embedder.aclose()


async def test_a_budget_stops_before_it_is_crossed() -> None:
    budget = Budget("this test", Limits(tokens=sum(map(len, TEXTS)) // 2))
    async with serve_fake_model(FakeModel()) as running:
        limited = caller(running.url, Scope((budget,)))
        with pytest.raises(BudgetError, match="this test"):
            await limited.embed(TEXTS * 4)
        assert 0 < budget.spent.tokens <= sum(map(len, TEXTS)) // 2
        await limited.embedder.aclose()


async def test_where_money_is_limited_a_model_without_a_price_is_not_asked() -> None:
    limited = caller("http://127.0.0.1:1/v1", Scope((Budget("this test", Limits(cost_usd=1.0)),)))
    with anyio.fail_after(5), pytest.raises(BudgetError, match="no price is known for openai:fake"):
        await replace(limited, price=None).embed(TEXTS)


async def test_nothing_costs_nothing() -> None:
    limited = caller("http://127.0.0.1:1/v1", Scope())
    with anyio.fail_after(5):
        vectors, usage = await limited.embed([])
    assert (vectors.shape, usage.calls) == ((0, 256), 0)
