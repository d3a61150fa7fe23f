"""Embeddings: vectors that are near each other when texts share words, the same everywhere and for ever.

Every word is hashed to a place and a sign, and the sum is brought to length 1 (Weinberger et al., Feature Hashing for
Large Scale Multitask Learning, 2009).
"""

import base64
import re
from array import array
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from math import sqrt
from sys import byteorder
from typing import Final

import msgspec

from lithograph.testing.fake_model.shapes import tokens_in

DIMENSIONS: Final = 256
_MOST_DIMENSIONS: Final = 8_192
_WORD: Final = re.compile(r"[^\W_]+")


class EmbeddingsAsk(msgspec.Struct, frozen=True):
    """A request for vectors. `encoding_format` is `float` or `base64`, as in OpenAI's API."""

    model: str
    input: str | tuple[str, ...]
    dimensions: int | None = None
    encoding_format: str = "float"

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts, in order."""
        return (self.input,) if isinstance(self.input, str) else self.input

    @property
    def tokens(self) -> int:
        """What they are charged as."""
        return sum(tokens_in(len(text)) for text in self.texts)

    @property
    def complaint(self) -> str:
        """What a provider would object to; empty when there is nothing."""
        if not self.texts or not all(self.texts):
            return "Invalid 'input': input cannot be an empty string."
        if self.dimensions is not None and not 1 <= self.dimensions <= _MOST_DIMENSIONS:
            return f"Invalid 'dimensions': expected a value between 1 and {_MOST_DIMENSIONS}, got {self.dimensions}."
        if self.encoding_format not in ("float", "base64"):
            return f"Invalid 'encoding_format': '{self.encoding_format}' is not one of 'float', 'base64'."
        return ""


_DECODER: Final = msgspec.json.Decoder(EmbeddingsAsk)


def embeddings_ask(body: bytes) -> EmbeddingsAsk:
    """Return what a body asks; raises `msgspec.DecodeError` for one that asks nothing."""
    return _DECODER.decode(body)


def embeddings_answer(ask: EmbeddingsAsk) -> bytes:
    """Return the body of the answer."""
    encode = _base64 if ask.encoding_format == "base64" else _floats
    dimensions = ask.dimensions or DIMENSIONS
    return msgspec.json.encode({
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": encode(embedding(text, dimensions))}
            for index, text in enumerate(ask.texts)
        ],
        "model": ask.model,
        "usage": {"prompt_tokens": ask.tokens, "total_tokens": ask.tokens},
    })  # fmt: skip


def embedding(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """Return the vector of a text, of length 1; a text without words is a word itself."""
    vector = [0.0] * dimensions
    _add(vector, _WORD.findall(text.lower()))
    if not any(vector):
        _add(vector, [text])
    length = sqrt(sum(value * value for value in vector))
    return [value / length for value in vector]


def _add(vector: list[float], words: Iterable[str]) -> None:
    for word in words:
        hashed = _hashed(word)
        vector[(hashed >> 1) % len(vector)] += 1.0 if hashed & 1 else -1.0


@lru_cache(maxsize=65_536)
def _hashed(word: str) -> int:
    return int.from_bytes(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def _floats(vector: Sequence[float]) -> Sequence[float]:
    return vector


def _base64(vector: Sequence[float]) -> str:
    """Return a vector as little-endian 32-bit floats in Base64."""
    values = array("f", vector)
    if byteorder == "big":
        values.byteswap()
    return base64.b64encode(values.tobytes()).decode()
