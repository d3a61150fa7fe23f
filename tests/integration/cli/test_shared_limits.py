"""On a server, what `litho` may ask of a model in a minute is granted by the server, to all processes together."""

import psycopg
from anyio.from_thread import start_blocking_portal
from sqlalchemy import make_url
from tests.integration.cli.conftest import Litho
from tests.postgres import Server

from lithograph.storage.tenancy import QUEUE
from lithograph.testing.fake_model import serve_fake_model

EXTRACT = ("extract", "story.md", "--ontology", "ontology.ttl", "--model", "local:any", "--out", "graph.json")


def test_nothing_is_asked_of_a_model_that_was_not_granted(postgres: Server, litho: Litho) -> None:
    with (
        postgres.database() as url,
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(serve_fake_model()) as model,
    ):
        done = litho(*EXTRACT, "--base-url", model.url, "--db", url, "--requests-per-minute", "1000")
        assert done.returncode == 0, done.stderr
        with psycopg.connect(postgres.administrator(make_url(url).database or "")) as administrator:
            granted = administrator.execute(f"SELECT sum(requests) FROM {QUEUE}.provider_grant").fetchone()
        assert granted is not None
        assert granted[0] >= model.stats().requests > 0
