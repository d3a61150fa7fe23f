"""How often one may ask, with a key and with keys that are none, and how large an ontology may be."""

from tests.api import served

from lithograph.domain.ids import DEFAULT_ORGANIZATION
from lithograph.service.keys import KeyScope
from lithograph.storage.open import Storage


def test_who_asks_too_often_is_told_when_to_come_back_and_costs_no_other_anything(sqlite_storage: Storage) -> None:
    with served(sqlite_storage, requests_per_second=0.1, burst=3) as api:
        one, other = (api.key(DEFAULT_ORGANIZATION, KeyScope.READ) for _ in range(2))
        with api.client(one) as asking, api.client(other) as waiting:
            answers = [asking.get("/v1/me") for _ in range(4)]
            assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
            assert 1 <= int(answers[-1].headers["retry-after"]) <= 10
            assert waiting.get("/v1/me").status_code == 200


def test_who_tries_keys_is_slowed_down_and_who_has_one_is_not(sqlite_storage: Storage) -> None:
    with served(sqlite_storage, requests_per_second=0.1, burst=3) as api:
        guess = f"litho_{'0' * 12}_{'a' * 43}"
        with api.client(guess) as guessing, api.client(api.key(DEFAULT_ORGANIZATION, KeyScope.READ)) as known:
            assert [guessing.get("/v1/me").status_code for _ in range(4)] == [401, 401, 401, 429]
            assert known.get("/v1/me").status_code == 200


def test_an_ontology_may_be_less_large_than_a_document(sqlite_storage: Storage) -> None:
    data = b"# " + b"x" * 200_000
    with served(sqlite_storage, ontology_bytes=1_000) as api:
        client = api.client(api.key(DEFAULT_ORGANIZATION, KeyScope.WRITE))
        with client:
            assert client.post("/v1/ontologies", files={"file": ("large.ttl", data)}).status_code == 413
            assert client.post("/v1/documents", files={"file": ("large.md", data)}).status_code == 201
