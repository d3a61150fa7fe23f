"""Who asks, what may be spent, and the keys of an organisation."""

from http import HTTPStatus
from importlib.metadata import version
from typing import Annotated

from fastapi import APIRouter, Path

from lithograph.api.responses import MALFORMED
from lithograph.api.server import Administrator, Reader
from lithograph.api.wire.administration import Account, Key, KeyAsked, Me, NewKey
from lithograph.api.wire.base import Id, Listing
from lithograph.api.wire.executions import BudgetAsked
from lithograph.graph.export.formats import Format
from lithograph.resilience.budget import Limits
from lithograph.service.keys import KeyScope, create_key, keys_of, revoke_key
from lithograph.workflow.extractors import RULES

router = APIRouter(prefix="/v1")

_DAY = 86_400.0
CAPABILITIES = ["extract", "batch", "graph"]
"""What the web UI shows pages of."""

KeyPath = Annotated[Id, Path(examples=["key_0f3a9c21b7de"])]


@router.get("/me", tags=["server"])
def me(caller: Reader) -> Me:
    """Tell who asks, and what this server can do."""
    settings = caller.server.settings
    return Me(
        organization_id=caller.owner.organization_id,
        scopes=[scope for scope in KeyScope if caller.owner.allows(scope)],
        version=version("lithograph"),
        capabilities=CAPABILITIES,
        models=[RULES, *settings.models],
        base_urls=sorted(settings.base_urls),
        formats=list(Format),
        max_upload_bytes=settings.upload_bytes,
    )


@router.get("/account", tags=["account"])
def get_account(caller: Reader) -> Account:
    """Tell what the organisation may spend and has spent."""
    found = caller.workspace.account()
    return Account(
        max_tokens=found.limits.tokens,
        max_cost_usd=found.limits.cost_usd,
        spent_tokens=found.spent.tokens,
        spent_cost_usd=found.spent.cost_usd,
    )


@router.put("/account", tags=["account"], responses=MALFORMED)
def put_account(caller: Administrator, budget: BudgetAsked) -> Account:
    """Set what the organisation may spend."""
    caller.workspace.limit(Limits(budget.max_tokens, budget.max_cost_usd))
    return get_account(caller)


@router.get("/keys", tags=["keys"])
def list_keys(caller: Administrator) -> Listing[Key]:
    """List the keys, oldest first, those that are refused by now too."""
    found = keys_of(caller.server.storage, caller.owner.organization_id)
    return Listing(items=[Key.model_validate(one) for one in found])


@router.post("/keys", status_code=HTTPStatus.CREATED, tags=["keys"], responses=MALFORMED)
def add_key(caller: Administrator, asked: KeyAsked) -> NewKey:
    """Make a key; its text is told this once and kept nowhere."""
    server = caller.server
    found, text = create_key(
        server.storage,
        caller.owner.organization_id,
        server.clock,
        name=asked.name,
        scopes=asked.scopes,
        lasts=None if asked.lasts_days is None else asked.lasts_days * _DAY,
        pepper=server.pepper,
    )
    return NewKey(**Key.model_validate(found).model_dump(), key=text)


@router.delete("/keys/{key_id}", tags=["keys"])
def delete_key(caller: Administrator, key_id: KeyPath) -> Key:
    """Refuse a key from now on."""
    server = caller.server
    return Key.model_validate(revoke_key(server.storage, caller.owner.organization_id, key_id, server.clock))
