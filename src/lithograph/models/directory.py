"""Directory: which providers there are, where they listen, and what their keys are called."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, auto
from hashlib import sha256
from typing import Final

from lithograph.errors import UsageError
from lithograph.models import anthropic, openai
from lithograph.models.chat import ChatModel
from lithograph.models.endpoint import TIMEOUT

_NO_KEY: Final = "none"
"""What is sent to a server that needs no key, since the clients insist on sending one."""


class Dialect(StrEnum):
    """How a provider speaks."""

    OPENAI = auto()
    ANTHROPIC = auto()


@dataclass(frozen=True, slots=True)
class ProviderEntry:
    """A provider: the base URL where it listens, None where everybody has one of their own, and the environment
    variables of its key, the first that is set counting.
    """

    name: str
    base_url: str | None
    variables: tuple[str, ...]
    dialect: Dialect = Dialect.OPENAI
    keyless: bool = False
    """Whether it can be asked without a key."""


PROVIDERS: Final = {
    entry.name: entry
    for entry in (
        ProviderEntry("openai", openai.BASE_URL, (openai.VARIABLE,)),
        ProviderEntry("anthropic", anthropic.BASE_URL, (anthropic.VARIABLE,), Dialect.ANTHROPIC),
        ProviderEntry(
            "google", "https://generativelanguage.googleapis.com/v1beta/openai", ("GEMINI_API_KEY", "GOOGLE_API_KEY")
        ),
        ProviderEntry("groq", "https://api.groq.com/openai/v1", ("GROQ_API_KEY",)),
        ProviderEntry("mistral", "https://api.mistral.ai/v1", ("MISTRAL_API_KEY",)),
        ProviderEntry("deepseek", "https://api.deepseek.com/v1", ("DEEPSEEK_API_KEY",)),
        ProviderEntry("openrouter", "https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY",)),
        ProviderEntry("ollama", "http://localhost:11434/v1", ("OLLAMA_API_KEY",), keyless=True),
        ProviderEntry("local", None, ("LOCAL_API_KEY",), keyless=True),
    )
}
"""By name; `local` is whatever else speaks as OpenAI does."""


@dataclass(frozen=True, slots=True)
class ModelName:
    """A model of a provider."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}:{self.model}"


def parse_model(text: str) -> ModelName:
    """Return the model that `PROVIDER:MODEL` names; raises `UsageError` when that is none of a known provider."""
    provider, colon, model = (part.strip() for part in text.partition(":"))
    if not colon:
        raise UsageError(f"the model {text!r} does not say whose it is; give PROVIDER:MODEL, such as openai:{text}")
    if provider.lower() not in PROVIDERS:
        raise UsageError(
            f"the provider {provider!r} is not known; it is one of {', '.join(sorted(PROVIDERS))}, where local:MODEL "
            "with a base URL is any other that speaks as OpenAI does"
        )
    if not model:
        raise UsageError(f"the model {text!r} has no name; give PROVIDER:MODEL, as the provider calls it")
    return ModelName(provider.lower(), model)


def chat_model(
    text: str, *, base_url: str | None = None, environment: Mapping[str, str], timeout: float = TIMEOUT
) -> ChatModel:
    """Return the model that `PROVIDER:MODEL` names, at `base_url` where one is given.

    `environment` has the keys; `timeout` is the seconds that an answer may take. Nothing is asked yet. Raises
    `UsageError` for a name that is none, a key that is missing, and a base URL that is none or missing.
    """
    name = parse_model(text)
    entry = PROVIDERS[name.provider]
    url = base_url or entry.base_url
    if url is None:
        raise UsageError(f"{name} needs the base URL of its server, such as http://localhost:8000/v1")
    variable, key = _key(entry, environment)
    if not key and base_url is None and not entry.keyless:
        raise UsageError(f"{name} needs a key; set the environment variable {variable}")
    kind = anthropic.AnthropicChat if entry.dialect is Dialect.ANTHROPIC else openai.OpenAIChat
    return kind(name.model, key=key or _NO_KEY, base_url=url, name=str(name), variable=variable, timeout=timeout)


def fingerprint(text: str, *, base_url: str | None = None, environment: Mapping[str, str]) -> str:
    """Return a hash of what a provider's limits are for: where a model is asked, its name, and the key that is sent.

    Raises `UsageError` for a name that is none.
    """
    name = parse_model(text)
    entry = PROVIDERS[name.provider]
    address = (base_url or entry.base_url or "").rstrip("/").removesuffix("/v1").lower()
    return sha256(json.dumps([address, name.model, _key(entry, environment)[1]]).encode()).hexdigest()


def _key(entry: ProviderEntry, environment: Mapping[str, str]) -> tuple[str, str]:
    """Return the variable that a key is in, or should be, and the key, empty when there is none."""
    for variable in entry.variables:
        if key := environment.get(variable, "").strip():
            return variable, key
    return entry.variables[0], ""
