"""Embedding caller: vectors of any number of texts, in batches, each through the policy of its provider."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from lithograph.domain.usage import NOTHING, Usage
from lithograph.models.caller import CHARACTERS_A_TOKEN
from lithograph.models.embed import Embedder, Embeddings, Vectors
from lithograph.models.prices import Price, charged
from lithograph.resilience.policy import Call, Policy, Scope, Timeouts

BATCH = 128
"""Texts in one request, at most."""
_TASK = "embed"


@dataclass(frozen=True, slots=True)
class EmbeddingCaller:
    """Asks one embedder. `price` is None where it is not known: then nothing is asked where money is limited, and what
    is asked elsewhere counts as costing nothing.
    """

    embedder: Embedder
    policy: Policy
    price: Price | None = None
    timeouts: Timeouts = Timeouts()  # noqa: RUF009  # a frozen value
    scope: Scope = field(default_factory=Scope)

    def within(self, scope: Scope) -> "EmbeddingCaller":
        """Return the same, asking on behalf of `scope`."""
        return replace(self, scope=scope)

    async def embed(self, texts: Sequence[str]) -> tuple[Vectors, Usage]:
        """Return the vectors of texts, one row each (n x dimensions, float32), and what they cost.

        Raises as `Policy.call` does.
        """
        import numpy as np

        rows, usage = [np.zeros((0, self.embedder.dimensions), np.float32)], NOTHING
        for first in range(0, len(texts), BATCH):
            batch = texts[first : first + BATCH]
            found = await self.policy.call(self._call(batch), self.scope)
            rows.append(found.vectors)
            usage += charged(self.price, found.input_tokens)
        return np.concatenate(rows), usage

    def _call(self, texts: Sequence[str]) -> Call[Embeddings]:
        characters = sum(map(len, texts))
        return Call(
            _TASK,
            lambda: self.embedder.embed(texts, self.policy.provider.limiter.learn),
            characters // CHARACTERS_A_TOKEN,
            charged(self.price, characters),
            lambda found: charged(self.price, found.input_tokens),
            self.timeouts,
            priced=self.price is not None,
        )
