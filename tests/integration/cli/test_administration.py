"""`litho organization`, `litho key` and `litho prune`, on both databases, in this process."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from tests.builders import ONTOLOGY
from tests.journals import SetClock

from lithograph.cli.app import run
from lithograph.domain.document import Document
from lithograph.domain.ids import OrganizationId
from lithograph.durable.clock import SystemClock
from lithograph.durable.retention import DAY
from lithograph.service.keys import KeyScope, key_owner, pepper_of
from lithograph.service.workspace import Workspace
from lithograph.storage.open import Storage, open_storage
from lithograph.workflow.runner import Plan

ACME = OrganizationId("acme")


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    said: str


Command = Callable[..., Done]


@pytest.fixture
def litho(database_url: str, capfd: pytest.CaptureFixture[str]) -> Command:
    def command(*words: str) -> Done:
        code = run([*words, "--db", database_url])
        return Done(code, *capfd.readouterr())

    return command


def test_organisations_and_keys_from_the_first_to_the_last(
    litho: Command, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITHOGRAPH_KEY_PEPPER", "sea salt")
    made = litho("organization", "create", "acme", "--max-tokens", "5000", "--max-cost", "2.5")
    assert (made.code, made.out) == (0, "")
    assert "organisation acme is there; `litho key create" in made.said
    again = litho("organization", "create", "acme")
    assert (again.code, again.said.count("\n")) == (2, 1)
    assert litho("organization", "create", "globex").code == 0
    listed = litho("organization", "list").out.splitlines()
    assert [line.split()[0] for line in listed] == ["acme", "globex"]
    assert "tokens 5,000, USD 2.5" in listed[0]
    assert "5,000" in litho("budget", "--organization", "acme").out

    words = ("--name", "the \x1b[31mweb", "--scope", "write", "--expires", "30", "--organization", "acme")
    key = litho("key", "create", *words)
    (given,) = key.out.splitlines()
    key_id = f"key_{given.split('_')[1]}"
    assert key.code == 0
    assert key.said.startswith(f"{key_id} is made for organisation acme")
    with open_storage(database_url) as storage:
        owner = key_owner(storage, given, SystemClock(), pepper=pepper_of({"LITHOGRAPH_KEY_PEPPER": "sea salt"}))
    assert owner is not None
    assert (owner.organization_id, owner.scopes) == (ACME, frozenset({KeyScope.WRITE}))
    shown = litho("key", "list", "--organization", "acme").out
    assert re.fullmatch(rf"{key_id}  write +\S+Z  expires \S+Z +the \ufffd\[31mweb\n", shown)
    assert litho("key", "list", "--organization", "globex").said == "there is no key\n"
    assert litho("key", "revoke", key_id, "--organization", "globex").code == 2
    assert litho("key", "revoke", key_id, "--organization", "acme").code == 0
    assert " revoked 20" in litho("key", "list", "--organization", "acme").out

    refused = litho("organization", "delete", "acme")
    assert (refused.code, refused.said.count("\n")) == (2, 1)
    assert "--yes" in refused.said
    assert litho("organization", "delete", "acme", "--yes").code == 0
    assert [line.split()[0] for line in litho("organization", "list").out.splitlines()] == ["globex"]
    assert litho("key", "list", "--organization", "acme").said == "there is no key\n"


def test_what_ended_long_ago_is_pruned_once_it_was_shown(litho: Command, database_url: str) -> None:
    with open_storage(database_url) as storage:
        past = Workspace(storage, ACME, clock=SetClock(time.time() - 40 * DAY))
        ids = []
        for content in ("One.", "Two.", "Three."):
            document = Document.from_text(content, source=content, organization_id=ACME)
            ids.append(past.start_extraction(document, Plan(ONTOLOGY)).id)
        for one in ids[:2]:
            past.cancel(one)
    words = ("prune", "--older-than", "30", "--organization", "acme")

    shown, done, again = litho(*words, "--dry-run"), litho(*words, "--cache"), litho(*words)

    assert (shown.code, done.code, again.code) == (0, 0, 0)
    said = "2 executions {0} (2 cancelled)\n2 documents {0}\n0 ontologies {0}\n"
    assert shown.out == said.format("would be deleted")
    assert done.out == said.format("deleted") + "0 cached answers deleted\n"
    assert again.out == "0 executions deleted\n0 documents deleted\n0 ontologies deleted\n"
    assert litho("list", "--organization", "acme").out.split()[:2] == [ids[2], "pending"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("prune",), "missing option '--older-than'"),
        (("prune", "--older-than", "0.5"), "between 1 and 36,525 days ago"),
        (("prune", "--older-than", "nan"), "between 1 and 36,525 days ago"),
        (("prune", "--older-than", "30", "--status", "running"), "what is running has not ended"),
        (("prune", "--older-than", "30", "--status", "done"), "there is no status 'done'"),
        (("key", "create", "--scope", "all"), "there is no scope 'all'; choose of read, write, admin"),
        (("key", "create", "--expires", "0"), "lasts for more than 0"),
        (("key", "create", "--organization", "nobody"), "there is no organisation nobody"),
        (("key", "revoke", "key_1"), "there is no key key_1"),
        (("key", "list", "--organization", "../acme"), "'../acme' is no id of an organisation"),
        (("organization", "create", "a b"), "'a b' is no id of an organisation"),
        (("organization", "create", "acme", "--max-cost", "-1"), "more than 0 dollars"),
        (("organization", "delete", "acme", "--yes"), "there is no organisation acme"),
        (("list", "--organization", "x" * 65), "no id of an organisation"),
    ],
)
def test_wrong_use_is_one_sentence(
    sqlite_storage: Storage, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:

    assert run([*words, "--db", sqlite_storage.url]) == 2
    out, error = capfd.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert error.startswith("litho: ")
    assert said in error
