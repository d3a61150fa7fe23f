"""`litho budget`: what an organisation may spend, and what it has spent."""

from typing import Annotated

import typer

from lithograph.cli.errors import ExitCode
from lithograph.cli.options import Db, Organization, place_of
from lithograph.cli.output import write_stdout
from lithograph.domain.ids import DEFAULT_ORGANIZATION
from lithograph.errors import UsageError
from lithograph.storage.location import DEFAULT_URL


def budget(
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", metavar="N", min=1, help="Tokens in all.")] = None,
    max_cost: Annotated[float | None, typer.Option("--max-cost", metavar="USD", help="Dollars in all.")] = None,
    unlimited: Annotated[bool, typer.Option("--unlimited", help="Take the limits away.")] = False,
    db: Db = DEFAULT_URL,
    organization: Organization = DEFAULT_ORGANIZATION,
) -> int:
    """Say what an organisation has spent and may spend; with a limit, set it first, in the place of both that it had.

    Executions are held to it from their next start or resumption.
    """
    place = place_of(db, organization)

    from lithograph.resilience.budget import Limits

    limits = Limits(max_tokens, max_cost)
    if unlimited and limits != Limits():
        raise UsageError("--unlimited takes the limits away: give it alone")
    setting = unlimited or limits != Limits()
    with place.open(create=setting) as storage:
        workspace = place.workspace(storage)
        if setting:
            workspace.limit(limits)
        account = workspace.account()
    lines = (
        f"organisation  {place.organization_id}",
        f"tokens        {account.spent.tokens:,} of {_limit(account.limits.tokens, ',')}",
        f"cost          {account.spent.cost_usd:.4f} of {_limit(account.limits.cost_usd, 'g')} USD",
    )
    write_stdout("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))
    return ExitCode.COMPLETED


def _limit(value: float | None, form: str) -> str:
    return "no limit" if value is None else format(value, form)
