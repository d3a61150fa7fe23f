"""Models: the extractors of this process, and what all its tasks share of each provider."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from lithograph.errors import UsageError
from lithograph.extraction.extractor import Extractor
from lithograph.extraction.llm import LlmExtractor
from lithograph.extraction.rules import RulesExtractor
from lithograph.models.caller import Asks, Fallback, ModelCaller
from lithograph.models.chat import ChatModel
from lithograph.models.directory import chat_model, fingerprint
from lithograph.models.prices import PriceTable
from lithograph.ontology.model import Ontology
from lithograph.resilience.allowance import Allowance
from lithograph.resilience.policy import Policy, Timeouts
from lithograph.resilience.provider import Provider, ProviderLimits
from lithograph.resilience.retry import RetryPolicy
from lithograph.storage.open import Storage
from lithograph.workflow.allowance import ServerAllowance, Terms
from lithograph.workflow.extractors import RULES, ModelChoice


@dataclass(slots=True)
class Models:
    """An `ExtractorNamed` for every model. To be closed on the loop that it was used on.

    `environment` has the keys. With `priced`, a model whose price is not known raises `UsageError`.
    """

    limits: ProviderLimits = field(default_factory=ProviderLimits)
    prices: PriceTable = field(default_factory=PriceTable.load)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    timeouts: Mapping[str, Timeouts] = field(default_factory=dict)
    priced: bool = False
    _storage: Storage | None = field(default=None, repr=False)
    _callers: dict[tuple[str, str], ModelCaller] = field(default_factory=dict, repr=False)
    _open: list[ChatModel] = field(default_factory=list, repr=False)

    def __call__(self, choice: ModelChoice, ontology: Ontology) -> Extractor:
        """Return the extractor of a choice; raises `UsageError` for one that cannot be had."""
        if choice.model == RULES:
            if choice != ModelChoice():
                raise UsageError("the rules ask nobody: a base URL and fallbacks go with a model")
            return RulesExtractor(ontology)
        provider = _provider(choice.model)
        callers = [
            # Another provider's key is for another provider's address.
            self._caller(name, choice.base_url if _provider(name) == provider else "")
            for name in (choice.model, *choice.fallback)
        ]
        asks: Asks = callers[0] if len(callers) == 1 else Fallback(callers)
        return LlmExtractor(ontology, asks)

    def share(self, storage: Storage) -> None:
        """Let the limits of a minute be those of all processes that share them through the same server.

        In a file, which one process works on, they are its own. Extractors that were given out before keep theirs.
        """
        if storage.dialect == "postgresql":
            self._storage = storage
            self._callers.clear()

    def _caller(self, name: str, base_url: str) -> ModelCaller:
        _check_base_url(base_url)
        known = self._callers.get((name, base_url))
        if known is None:
            model = chat_model(name, base_url=base_url or None, environment=self.environment)
            price = self.prices.price(model.name)
            if price is None and self.priced:
                raise UsageError(
                    f"no price is known for {model.name}, so its cost cannot be limited; give one with --prices, "
                    "or limit its tokens with --max-tokens"
                )
            policy = Policy(Provider(model.name, self.limits, self._allowance(name, base_url)), self.retry)
            known = self._callers[name, base_url] = ModelCaller(model, policy, price, self.timeouts)
            self._open.append(model)
        return known

    def _allowance(self, name: str, base_url: str) -> Allowance | None:
        requests, tokens = self.limits.requests_per_minute, self.limits.tokens_per_minute
        if self._storage is None or (requests is None and tokens is None):
            return None
        key = fingerprint(name, base_url=base_url or None, environment=self.environment)
        return ServerAllowance(self._storage, key, Terms(requests, tokens))

    async def aclose(self) -> None:
        """Close all connections."""
        while self._open:
            await self._open.pop().aclose()
        self._callers.clear()


def _provider(name: str) -> str:
    return name.partition(":")[0]


def _check_base_url(base_url: str) -> None:
    """Raise `UsageError` for a base URL that may hold a secret: executions remember it, in the clear."""
    with suppress(ValueError):  # what is no URL at all is found out by who uses it
        parts = urlsplit(base_url)
        if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
            raise UsageError(
                "the base URL holds a user name, a password or parameters, which would be kept with the execution; "
                "leave them out, and give the key in the provider's environment variable"
            )
