"""Organisations and their keys."""

import secrets
from dataclasses import replace

import pytest
from sqlalchemy import insert, select, text
from tests.builders import ONTOLOGY
from tests.journals import SetClock

from lithograph.domain.document import Document
from lithograph.domain.ids import DEFAULT_ORGANIZATION, OrganizationId
from lithograph.durable import executions
from lithograph.durable.clock import timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.database_clock import clock_of
from lithograph.durable.executions import Lease
from lithograph.durable.retention import DAY
from lithograph.durable.status import Status
from lithograph.errors import NotFoundError, StateError, UsageError
from lithograph.resilience.budget import Limits
from lithograph.service.administration import Organization, create_organization, delete_organization, organizations
from lithograph.service.keys import Key, KeyOwner, KeyScope, create_key, key_owner, keys_of, pepper_of, revoke_key
from lithograph.service.workspace import Workspace
from lithograph.storage.open import Storage
from lithograph.storage.schema import api_key, metadata, response_cache
from lithograph.workflow.runner import Plan

CLOCK = SetClock()
NOW = timestamp(CLOCK.time)


@pytest.fixture
def organization(module_storage: Storage, organization_id: OrganizationId) -> OrganizationId:
    return create_organization(module_storage, organization_id, Limits(), CLOCK).id


def test_an_organisation_is_made_once_and_listed(module_storage: Storage, organization_id: OrganizationId) -> None:
    limits = Limits(tokens=5_000, cost_usd=2.5)
    made = create_organization(module_storage, organization_id, limits, CLOCK)
    assert made == Organization(organization_id, NOW, limits)
    with pytest.raises(UsageError, match=f"there is an organisation {organization_id} already"):
        create_organization(module_storage, organization_id, Limits(), CLOCK)
    found = organizations(module_storage)
    assert made in found
    assert [one.id for one in found] == sorted(one.id for one in found)
    assert Workspace(module_storage, organization_id).account().limits == limits


def test_an_organisation_is_listed_that_a_start_has_made(workspace: Workspace) -> None:
    document = Document.from_text("Note.", organization_id=workspace.organization_id)
    workspace.start_extraction(document, Plan(ONTOLOGY))
    assert workspace.organization_id in [one.id for one in organizations(workspace.storage)]


def test_what_cannot_be_part_of_a_name_is_no_organisation(module_storage: Storage) -> None:
    with pytest.raises(UsageError, match="no id of an organisation"):
        create_organization(module_storage, "a/b", Limits(), CLOCK)


def rows(storage: Storage, organization_id: OrganizationId) -> dict[str, int]:
    """How many rows an organisation has in each table that it has some in."""
    found = {}
    with storage.read(organization_id) as connection:
        for table in metadata.sorted_tables:
            owner = table.c.id if table.name == "organization" else table.c.organization_id
            found[table.name] = len(connection.execute(select(table).where(owner == organization_id)).all())
    return {name: count for name, count in found.items() if count}


def test_an_organisation_is_deleted_with_all_that_it_has(
    module_storage: Storage, organization: OrganizationId, workspace: Workspace
) -> None:
    other = create_organization(module_storage, f"{organization}-other", Limits(), CLOCK).id
    for organization_id in (organization, other):
        here = Workspace(module_storage, organization_id)
        for content in ("One.", "Two."):
            here.start_extraction(Document.from_text(content, organization_id=organization_id), Plan(ONTOLOGY))
        here.signal(here.executions()[0].execution.id, "note")
        create_key(module_storage, organization_id, CLOCK)
        cached = {"organization_id": organization_id, "key": "k", "response": {}, "created_at": NOW}
        with transaction(module_storage, organization_id, Transaction.JOURNAL) as connection:
            connection.execute(insert(response_cache), cached)
    before = rows(module_storage, other)
    assert rows(module_storage, organization).keys() >= {"workflow_execution", "document", "ontology", "api_key"}

    gone = delete_organization(module_storage, organization, CLOCK)

    assert (dict(gone.executions), gone.documents, gone.ontologies, gone.cached) == ({Status.PENDING: 2}, 2, 1, 1)
    assert rows(module_storage, organization) == {}
    assert rows(module_storage, other) == before
    with pytest.raises(UsageError, match=f"there is no organisation {organization}"):
        delete_organization(module_storage, organization, CLOCK)


def test_an_organisation_is_not_deleted_while_it_works(
    module_storage: Storage, organization: OrganizationId, workspace: Workspace
) -> None:
    document = Document.from_text("Note.", organization_id=organization)
    execution = workspace.start_extraction(document, Plan(ONTOLOGY))
    clock = clock_of(module_storage)
    executions.claim(module_storage, organization, execution.id, Lease("w1"), clock)
    with pytest.raises(StateError, match=f"execution {execution.id} of organisation {organization} is running"):
        delete_organization(module_storage, organization, clock)
    later = SetClock(clock.now() + 46)
    assert delete_organization(module_storage, organization, later).executions == {Status.RUNNING: 1}


def test_a_key_says_for_whom_it_acts_and_what_it_allows(module_storage: Storage, organization: OrganizationId) -> None:
    key, given = create_key(
        module_storage, organization, CLOCK, name="the web", scopes=[KeyScope.WRITE, KeyScope.READ], lasts=DAY
    )
    assert key == Key(
        key.id, "the web", frozenset({KeyScope.READ, KeyScope.WRITE}), NOW, timestamp(CLOCK.time + DAY), None
    )
    assert keys_of(module_storage, organization) == [key]
    owner = key_owner(module_storage, given, CLOCK)
    assert owner == KeyOwner(organization, key.id, key.scopes)
    assert [owner.allows(scope) for scope in KeyScope] == [True, True, False]


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [({KeyScope.READ}, "read"), ({KeyScope.WRITE}, "read write"), ({KeyScope.ADMIN}, "read write admin")],
)
def test_a_scope_allows_what_those_before_it_do(scopes: set[KeyScope], allowed: str) -> None:
    owner = KeyOwner(DEFAULT_ORGANIZATION, "key", frozenset(scopes))
    assert [scope for scope in KeyScope if owner.allows(scope)] == allowed.split()


def test_what_is_no_text_is_refused_and_found_nowhere(module_storage: Storage, organization: OrganizationId) -> None:
    """An argument of a command that is not UTF-8."""
    with pytest.raises(UsageError, match="the name of a key is text"):
        create_key(module_storage, organization, CLOCK, name="\udcff\udcfe")
    with pytest.raises(NotFoundError):
        revoke_key(module_storage, organization, "key_\udcff", CLOCK)
    with pytest.raises(NotFoundError):
        Workspace(module_storage, organization).execution("\udcff" * 7)


def test_the_key_itself_is_nowhere_in_the_database(module_storage: Storage, organization: OrganizationId) -> None:
    _, given = create_key(module_storage, organization, CLOCK, name="n")
    secret = given.split("_", 2)[2]
    with module_storage.read(organization) as connection:
        row = connection.execute(select(api_key).where(api_key.c.organization_id == organization)).one()
    assert secret not in str(row)
    assert given not in str(row)
    assert len(row.hash) == 64


def test_keys_that_are_unknown_or_no_keys_are_nobodys(module_storage: Storage, organization: OrganizationId) -> None:
    _, given = create_key(module_storage, organization, CLOCK)
    changed = given[:-1] + ("A" if given[-1] != "A" else "B")
    wrong = [changed, given[:-1], f"{given}A", given.upper(), f" {given}", "", "x", f"{given}\n", f"{given[:-1]}é"]
    for one in [*wrong, f"litho_{'0' * 12}_{secrets.token_urlsafe(32)}"]:
        assert key_owner(module_storage, one, CLOCK) is None, one
    assert key_owner(module_storage, given, CLOCK) is not None


def test_a_key_is_refused_from_the_moment_on_at_which_it_expires(
    module_storage: Storage, organization: OrganizationId
) -> None:
    _, given = create_key(module_storage, organization, CLOCK, lasts=60.0)
    assert key_owner(module_storage, given, SetClock(CLOCK.time + 59.9)) is not None
    assert key_owner(module_storage, given, SetClock(CLOCK.time + 60)) is None


def test_a_key_is_refused_when_it_is_revoked(module_storage: Storage, organization: OrganizationId) -> None:
    key, given = create_key(module_storage, organization, CLOCK)
    _, another = create_key(module_storage, organization, CLOCK)
    revoked = revoke_key(module_storage, organization, key.id, CLOCK)
    assert revoked == replace(key, revoked_at=NOW)
    assert key_owner(module_storage, given, CLOCK) is None
    assert key_owner(module_storage, another, CLOCK) is not None
    assert revoke_key(module_storage, organization, key.id, SetClock(CLOCK.time + 5)) == revoked
    assert revoked in keys_of(module_storage, organization)


def test_a_key_is_refused_when_its_organisation_is_deleted(
    module_storage: Storage, organization: OrganizationId
) -> None:
    _, given = create_key(module_storage, organization, CLOCK)
    delete_organization(module_storage, organization, CLOCK)
    assert key_owner(module_storage, given, CLOCK) is None


def test_a_key_counts_with_the_pepper_that_it_was_made_with(
    module_storage: Storage, organization: OrganizationId
) -> None:
    pepper = pepper_of({"LITHOGRAPH_KEY_PEPPER": "sea salt"})
    _, given = create_key(module_storage, organization, CLOCK, pepper=pepper)
    assert key_owner(module_storage, given, CLOCK, pepper=pepper) is not None
    assert key_owner(module_storage, given, CLOCK, pepper=b"another") is None
    assert key_owner(module_storage, given, CLOCK) is None
    assert pepper_of({}) == b""


def test_nobody_sees_or_revokes_the_keys_of_another_organisation(
    module_storage: Storage, organization: OrganizationId
) -> None:
    key, given = create_key(module_storage, organization, CLOCK)
    other = create_organization(module_storage, f"{organization}-other", Limits(), CLOCK).id
    assert keys_of(module_storage, other) == []
    with pytest.raises(UsageError, match=f"there is no key {key.id}"):
        revoke_key(module_storage, other, key.id, CLOCK)
    assert key_owner(module_storage, given, CLOCK) is not None
    if module_storage.dialect == "postgresql":  # what no policy lets through: not even whose keys there are
        with module_storage.read(other) as connection:
            assert connection.execute(text("SELECT hash FROM api_key")).all() == []


def test_a_key_needs_an_organisation(module_storage: Storage) -> None:
    with pytest.raises(UsageError, match="there is no organisation nobody"):
        create_key(module_storage, OrganizationId("nobody"), CLOCK)
    _, given = create_key(module_storage, DEFAULT_ORGANIZATION, CLOCK)
    owner = key_owner(module_storage, given, CLOCK)
    assert owner is not None
    assert owner.organization_id == DEFAULT_ORGANIZATION


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scopes": ()}, "a key without a scope"),
        ({"name": "n" * 101}, "at most 100 characters"),
        ({"lasts": 0.0}, "lasts for more than 0"),
        ({"lasts": float("inf")}, "lasts for more than 0"),
        ({"lasts": float("nan")}, "lasts for more than 0"),
    ],
)
def test_a_key_of_no_use_is_not_made(sqlite_storage: Storage, changes: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        create_key(sqlite_storage, DEFAULT_ORGANIZATION, CLOCK, **changes)  # type: ignore[arg-type]
    assert keys_of(sqlite_storage, DEFAULT_ORGANIZATION) == []
