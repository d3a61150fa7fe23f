import math
from typing import Any

import numpy as np
import pytest
from tests.chats import deaf
from tests.served import Answer, served

from lithograph.errors import MalformedError, RateLimitedError, RejectedError, UsageError
from lithograph.models.embed import Embedder, Embeddings, HashEmbedder, OpenAIEmbedder
from lithograph.models.hashing import hashed, trigrams, words
from lithograph.testing.fake_model import FakeModel, serve_fake_model
from lithograph.testing.fake_model.embeddings import embedding


async def vectors(*texts: str, embedder: Embedder | None = None) -> Any:
    return (await (embedder or HashEmbedder()).embed(texts, deaf)).vectors


async def likeness(one: str, other: str) -> float:
    first, second = await vectors(one, other)
    return float(first @ second)


@pytest.mark.parametrize("dimensions", [1, 3, 256, 1_536])
async def test_every_vector_has_its_dimensions_and_length_1(dimensions: int) -> None:
    texts = ("Josiah Marwick", "a", "...", "日本語", "half \ud83d", "word " * 2_000)
    embedder = HashEmbedder(dimensions)
    found = await embedder.embed(texts, deaf)
    assert found.vectors.dtype == np.float32
    assert found.vectors.shape == (len(texts), dimensions)
    assert np.linalg.norm(found.vectors, axis=1) == pytest.approx(np.ones(len(texts)))
    assert (embedder.dimensions, found.input_tokens) == (dimensions, 0)


async def test_the_vector_of_a_text_is_the_same_for_ever() -> None:
    found = await vectors("Marwick, J.", embedder=HashEmbedder(8))
    assert found[0] == pytest.approx(
        [0.673828, 0.254683, 0.0, -0.254683, -0.419145, 0.0, 0.419145, -0.254683], abs=1e-6
    )


async def test_two_spellings_of_a_name_are_near_and_strangers_are_not() -> None:
    assert await likeness("Josiah Marwick", "Josia Marwick") > 0.6
    assert await likeness("Carrick Press", "the Carrick Press of Leith") > 0.6
    assert await likeness("Dunholm", "Dunholme") > 0.3
    assert abs(await likeness("Dunholm", "wool and herring")) < 0.2
    assert await likeness("Dunholm, by the sea", "dunholm BY the sea!") == pytest.approx(1.0)


async def test_no_text_gives_no_vector() -> None:
    assert (await vectors()).shape == (0, 256)


def test_the_trigrams_of_a_word_weigh_as_much_together_as_the_word() -> None:
    assert [trigram for trigram, _ in trigrams("Ada, a")] == [" ^ad", " ada", " da$", " ^a$"]
    assert list(words("Ada, of_Leith 2")) == [("ada", 1.0), ("of", 1.0), ("leith", 1.0), ("2", 1.0)]
    for word in ("marwick", "a", "日本語"):
        assert math.fsum(weight**2 for _, weight in trigrams(word)) == pytest.approx(1.0)


def test_the_fake_model_makes_its_vectors_of_the_words_alone() -> None:
    assert embedding("Carrick Press", 64) == hashed(words("Carrick Press"), 64, otherwise="")


def asking(url: str, model: str = "text-embedding-3-small", **settings: Any) -> OpenAIEmbedder:
    return OpenAIEmbedder(model, **{"key": "sk-any", "base_url": url, **settings})


async def embedded(url: str, *texts: str, **settings: Any) -> Embeddings:
    embedder = asking(url, **settings)
    try:
        return await embedder.embed(texts, deaf)
    finally:
        await embedder.aclose()


async def test_vectors_of_a_provider_come_in_the_order_of_the_texts() -> None:
    texts = ("Josiah Marwick", "Leith", "the Carrick Press")
    async with serve_fake_model() as running:
        found = await embedded(running.url, *texts, dimensions=64)
    assert found.vectors.dtype == np.float32
    assert found.vectors == pytest.approx(np.array([embedding(text, 64) for text in texts]), abs=1e-6)
    assert found.input_tokens == 11


@pytest.mark.parametrize(
    ("model", "dimensions", "sent"),
    [
        ("text-embedding-3-small", None, None),
        ("text-embedding-3-small", 1_536, None),
        ("text-embedding-3-large", 256, 256),
        ("nomic-embed-text", 768, None),
    ],
)
async def test_dimensions_are_asked_for_only_where_a_model_can_be_asked(
    model: str, dimensions: int | None, sent: int | None
) -> None:
    size = dimensions or 1_536
    async with served(Answer({"data": [{"index": 0, "embedding": [0.5] * size}]})) as server:
        found = await embedded(server.url, "a", model=model, dimensions=dimensions)
    assert found.vectors.shape == (1, size)
    assert server.asked[0].path == "/v1/embeddings"
    assert server.asked[0].body.get("dimensions") == sent
    assert (server.asked[0].body["input"], server.asked[0].body["model"]) == (["a"], model)


async def test_vectors_that_come_in_another_order_are_put_in_theirs() -> None:
    data = [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]
    async with served(Answer({"data": data, "usage": {"prompt_tokens": 9, "total_tokens": 9}})) as server:
        found = await embedded(server.url, "a", "b", model="other", dimensions=1)
    assert found.vectors.tolist() == [[1.0], [2.0]]
    assert found.input_tokens == 9


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"data": [{"embedding": [1.0, 2.0]}]}, "sent 1 vectors for 2 texts"),
        ({"data": []}, "sent 0 vectors for 2 texts"),
        ({"object": "chat.completion"}, "sent 0 vectors for 2 texts"),
        ("hello", "sent 0 vectors for 2 texts"),
        ({"data": [{"embedding": [1.0]}, {"embedding": [1.0, 2.0]}]}, "sent a vector of 1 dimensions instead of 2"),
        (
            {"data": [{"embedding": "AAAAAA=="}, {"embedding": [1.0, 2.0]}]},
            "sent a vector of 1 dimensions instead of 2",
        ),
        ({"data": [{"embedding": "!"}, {"embedding": [1.0, 2.0]}]}, "sent a vector that is none"),
        ({"data": [{"embedding": ["a", "b"]}, {}]}, "sent a vector that is none"),
        ({"data": [{}, {}]}, "sent a vector"),
        ({"data": [{"embedding": "AADAfwAAwH8="}, {"embedding": [1.0, 2.0]}]}, "that is not of numbers alone"),
    ],
)
async def test_vectors_that_are_not_what_was_asked_for_are_told(body: object, said: str) -> None:
    async with served(Answer(body)) as server:
        with pytest.raises(MalformedError) as raised:
            await embedded(server.url, "a", "b", model="other", dimensions=2)
    assert said in str(raised.value)
    assert str(raised.value).startswith("127.0.0.1:")


async def test_errors_of_a_provider_are_those_of_a_chat_model() -> None:
    async with serve_fake_model(FakeModel(key="sk-any", fail="429-after=7:1")) as running:
        with pytest.raises(RateLimitedError) as limited:
            await embedded(running.url, "a")
        with pytest.raises(RejectedError, match="does not accept the key; set MY_KEY"):
            await embedded(running.url, "a", key="sk-other", variable="MY_KEY")
        with pytest.raises(RejectedError, match="has no model 'unknown' for this key"):
            await embedded(running.url, "a", model="unknown", dimensions=2)
    assert limited.value.retry_after == 7.0


async def test_no_text_asks_nobody() -> None:
    embedder = asking("http://127.0.0.1:9/v1")
    assert (await embedder.embed((), deaf)).vectors.shape == (0, 1_536)
    await embedder.aclose()


def test_an_embedder_is_known_by_its_name_and_its_dimensions() -> None:
    embedders: list[Embedder] = [HashEmbedder(), asking("", "text-embedding-3-large"), asking("", "m", dimensions=5)]
    names = ["hash:words-trigrams-1", "openai:text-embedding-3-large", "openai:m"]
    assert [(one.name, one.dimensions) for one in embedders] == list(zip(names, (256, 3_072, 5), strict=True))


def test_dimensions_that_are_none_or_not_known_are_wrong_use() -> None:
    with pytest.raises(UsageError, match="it is not known how many dimensions the vectors of 'm' have"):
        OpenAIEmbedder("m", key="sk-any")
    with pytest.raises(UsageError, match="a vector has at least one dimension, not 0"):
        HashEmbedder(0)
    with pytest.raises(UsageError, match="a vector has at least one dimension, not -1"):
        OpenAIEmbedder("m", key="sk-any", dimensions=-1)
