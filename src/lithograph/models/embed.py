"""Embed: vectors of texts, from a provider of embeddings or made here."""

import time
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from lithograph.errors import MalformedError, UsageError
from lithograph.models.chat import Heard
from lithograph.models.endpoint import TIMEOUT, checked_key, host_of
from lithograph.models.hashing import hashed, trigrams, words
from lithograph.models.openai import BASE_URL, VARIABLE, openai_endpoint
from lithograph.models.refusals import Asked, body_of
from lithograph.models.remote import Remote

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Vectors: TypeAlias = "npt.NDArray[np.float32]"

_EMBEDDINGS: Final = "/embeddings"
_FULL: Final = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}
"""The dimensions of models when they are not asked for fewer."""
_SHORTENED: Final = frozenset({"text-embedding-3-small", "text-embedding-3-large"})


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """The vectors of some texts, one row each and in their order, and the tokens that they were."""

    vectors: Vectors
    input_tokens: int


class Embedder(Protocol):
    """Makes vectors of texts. It asks once; trying again, waiting and limits are the caller's.

    Vectors of different names or dimensions are not to be compared. Safe to use for many requests at once.
    """

    @property
    def name(self) -> str:
        """Return what the model is called everywhere: the provider and its own name."""
        ...

    @property
    def dimensions(self) -> int:
        """Return how many numbers a vector has."""
        ...

    async def embed(self, texts: Sequence[str], heard: Heard) -> Embeddings:
        """Return the vectors of texts; none of them is empty.

        Raises as `ChatModel.send` does, and `MalformedError` when the vectors are not what was asked for.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections that are open."""
        ...


class HashEmbedder:
    """Makes vectors of words and of three characters at a time, offline; see `hashing`. Their length is 1."""

    def __init__(self, dimensions: int = 256) -> None:
        self._dimensions = _some(dimensions)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._dimensions})"

    @property
    def name(self) -> str:
        """Return the name, which changes whenever the vectors do."""
        return "hash:words-trigrams-1"

    @property
    def dimensions(self) -> int:
        """Return how many numbers a vector has."""
        return self._dimensions

    async def embed(self, texts: Sequence[str], heard: Heard) -> Embeddings:  # noqa: ARG002  # nobody says anything
        """Return the vectors of texts, which cost no tokens."""
        import numpy as np

        rows = [hashed((*words(text), *trigrams(text)), self._dimensions, otherwise=text) for text in texts]
        return Embeddings(np.array(rows, dtype=np.float32).reshape(len(texts), self._dimensions), 0)

    async def aclose(self) -> None:
        """Close nothing."""


class OpenAIEmbedder(Remote):
    """An `Embedder` behind OpenAI's embeddings, or those of anybody who speaks as it does.

    `dimensions` is needed for models that are not OpenAI's: it is what they have; of OpenAI's newer ones it may be
    less than what they have. The other arguments are those of `OpenAIChat`, and so is what is raised. At most 2,048
    texts go into one request.
    """

    def __init__(
        self,
        model: str,
        *,
        key: str,
        dimensions: int | None = None,
        base_url: str | None = None,
        name: str | None = None,
        variable: str = VARIABLE,
        timeout: float = TIMEOUT,
        now: Callable[[], float] = time.time,
    ) -> None:
        full = _FULL.get(model)
        if dimensions is None and full is None:
            raise UsageError(f"it is not known how many dimensions the vectors of {model!r} have; give them")
        self._dimensions = _some(full or 0 if dimensions is None else dimensions)
        url, key = base_url or BASE_URL, checked_key(key, variable)
        asked = Asked(host_of(url), model, variable, key)
        super().__init__(asked, openai_endpoint(url, key, timeout), name or f"openai:{model}", now)
        self._wanted = {"dimensions": self._dimensions} if model in _SHORTENED and self._dimensions != full else {}

    @property
    def dimensions(self) -> int:
        """Return how many numbers a vector has."""
        return self._dimensions

    async def embed(self, texts: Sequence[str], heard: Heard) -> Embeddings:
        """Return the vectors of texts, as the provider gives them; raises as `Embedder.embed` does."""
        if not texts:
            return Embeddings(_rows([], self._dimensions, self._asked.host), 0)
        body = {"model": self._asked.model, "input": list(texts), "encoding_format": "base64", **self._wanted}
        reply = await self._endpoint.post(_EMBEDDINGS, body, heard)
        answer = body_of(reply, self._asked, self._now())
        found = _encoded(answer)
        if len(found) != len(texts):
            raise MalformedError(f"{self._asked.host} sent {len(found)} vectors for {len(texts)} texts")
        return Embeddings(_rows(found, self._dimensions, self._asked.host), _tokens(answer))


def _some(dimensions: int) -> int:
    if dimensions < 1:
        raise UsageError(f"a vector has at least one dimension, not {dimensions}")
    return dimensions


def _encoded(answer: object) -> list[object]:
    """Return the vectors of an answer as they were sent, in the order of the texts."""
    data = answer.get("data") if isinstance(answer, Mapping) else None
    found = [one for one in data if isinstance(one, Mapping)] if isinstance(data, list) else []
    ordered = sorted(enumerate(found), key=lambda numbered: _number(numbered[1].get("index"), numbered[0]))
    return [one.get("embedding") for _, one in ordered]


def _rows(encoded: Sequence[object], dimensions: int, host: str) -> Vectors:
    """Return vectors, which come as lists of numbers or as Base64 of little-endian 32-bit floats."""
    import numpy as np

    rows = np.empty((len(encoded), dimensions), dtype=np.float32)
    for row, one in zip(rows, encoded, strict=True):
        try:
            vector = (
                np.frombuffer(b64decode(one, validate=True), "<f4")
                if isinstance(one, str)
                else np.asarray(one, np.float32)
            )
        except (TypeError, ValueError) as error:
            raise MalformedError(f"{host} sent a vector that is none") from error
        if vector.shape != (dimensions,):
            raise MalformedError(f"{host} sent a vector of {vector.size} dimensions instead of {dimensions}")
        row[:] = vector
    if not np.isfinite(rows).all():
        raise MalformedError(f"{host} sent a vector that is not of numbers alone")
    return rows


def _tokens(answer: object) -> int:
    usage = answer.get("usage") if isinstance(answer, Mapping) else None
    return _number(usage.get("prompt_tokens"), 0) if isinstance(usage, Mapping) else 0


def _number(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise
