"""Embeddings: vectors that are near each other when texts share words, in the words of OpenAI's API."""

import base64
from array import array
from collections.abc import Sequence
from sys import byteorder
from typing import Final

import msgspec

from lithograph.models.hashing import hashed, words
from lithograph.testing.fake_model.shapes import tokens_in

DIMENSIONS: Final = 256
_MOST_DIMENSIONS: Final = 8_192


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
    return hashed(words(text), dimensions, otherwise=text)


def _floats(vector: Sequence[float]) -> Sequence[float]:
    return vector


def _base64(vector: Sequence[float]) -> str:
    """Return a vector as little-endian 32-bit floats in Base64."""
    values = array("f", vector)
    if byteorder == "big":
        values.byteswap()
    return base64.b64encode(values.tobytes()).decode()
