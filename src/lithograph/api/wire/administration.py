"""Who asks, what may be spent, and keys."""

from pydantic import Field

from lithograph.api.wire.base import Asked, Name, Wire
from lithograph.service.keys import KeyScope


class Me(Wire):
    """Who asks, and what the server can do."""

    organization_id: str = Field(examples=["default"])
    scopes: list[KeyScope]
    version: str = Field(examples=["0.1.0"])
    capabilities: list[str] = Field(examples=[["extract", "batch", "graph"]])
    models: list[str] = Field(examples=[["rules"]])
    base_urls: list[str]
    formats: list[str]
    max_upload_bytes: int


class Account(Wire):
    """What an organisation may spend, null where nothing limits it, and what it has spent."""

    max_tokens: int | None
    max_cost_usd: float | None
    spent_tokens: int
    spent_cost_usd: float


class Key(Wire):
    """A key without its secret."""

    id: str = Field(examples=["key_0f3a9c21b7de"])
    name: str = Field(examples=["reporting"])
    scopes: frozenset[KeyScope]
    created_at: str
    expires_at: str | None
    revoked_at: str | None


class NewKey(Key):
    """A key with its text, which is told this once."""

    key: str = Field(examples=["litho_0f3a9c21b7de_..."])


class KeyAsked(Asked):
    """A key to be made."""

    name: Name = Field(default="", max_length=100, examples=["reporting"])
    scopes: list[KeyScope] = Field(default=[KeyScope.READ], min_length=1, max_length=3)
    lasts_days: float | None = Field(default=None, strict=True, gt=0, le=36_525, allow_inf_nan=False)
