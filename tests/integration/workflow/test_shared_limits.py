"""Limits of a minute that processes share through a real server, asked from threads while calls wait."""

import random
import sys
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from time import monotonic

import anyio
import msgspec
import pytest
from sqlalchemy import Connection, create_engine, make_url, text
from tests.builders import ONTOLOGY
from tests.journals import until
from tests.limited_process import Assignment
from tests.postgres import Server
from tests.shared_minute import demand

from lithograph.errors import StorageError, UsageError
from lithograph.extraction.llm import LlmExtractor
from lithograph.resilience.allowance import Grant
from lithograph.resilience.provider import Provider, ProviderLimits
from lithograph.storage.open import Storage, connect, open_storage
from lithograph.storage.tenancy import APP, QUEUE
from lithograph.testing.fake_model import RunningFakeModel, serve_fake_model
from lithograph.workflow.allowance import ServerAllowance, Terms
from lithograph.workflow.extractors import ModelChoice
from lithograph.workflow.models import Models

DEADLINE = 20.0
"""Seconds after which what should come at once will not come any more."""
KEY = "sk-proj-Qe81mT0nZx4hW7bLcV29"
LIMIT = ProviderLimits(requests_per_minute=3)


@pytest.fixture(scope="module")
def database(postgres: Server) -> Iterator[str]:
    with postgres.database() as url:
        yield url


@pytest.fixture
def storage(database: str) -> Iterator[Storage]:
    with open_storage(database) as opened:
        yield opened


@pytest.fixture
def administrator(postgres: Server, storage: Storage) -> Iterator[Connection]:
    url = make_url(postgres.administrator(make_url(storage.url).database or ""))
    engine = create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as opened:
        yield opened
    engine.dispose()


@pytest.fixture
def key() -> str:
    return f"key {random.random()}"


async def test_processes_that_ask_at_the_same_time_are_not_granted_the_same(storage: Storage, key: str) -> None:
    granted = list[Grant]()

    async def ask() -> None:
        granted.append(await ServerAllowance(storage, key, Terms(10, None)).take(demand(10)))

    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(ask)
    assert sorted(grant.requests for grant in granted) == [0] * 7 + [10]


@contextmanager
def busy(administrator: Connection, key: str) -> Iterator[Callable[[], bool]]:
    """Keep the server from answering questions about a key; give what tells whether one is waiting."""
    lock, waiting = {"key": key}, text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    administrator.execute(text("SELECT pg_advisory_lock(hashtextextended(:key, 0))"), lock)
    try:
        yield lambda: administrator.execute(waiting).scalar_one() == 1
    finally:
        administrator.execute(text("SELECT pg_advisory_unlock(hashtextextended(:key, 0))"), lock)


async def test_who_is_cancelled_while_the_server_does_not_answer_need_not_wait_for_it(
    storage: Storage, administrator: Connection, key: str
) -> None:
    """What it would have been granted is there for its next question."""
    allowance = ServerAllowance(storage, key, Terms(10, None))
    with anyio.fail_after(DEADLINE):
        with busy(administrator, key) as asked:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(allowance.take, demand(10, known=0))
                await until(asked)
                tasks.cancel_scope.cancel()
        assert (await allowance.take(demand(10, known=0))).requests == 10


async def test_the_time_that_an_answer_takes_is_taken_off_a_lease(
    storage: Storage, administrator: Connection, key: str
) -> None:
    allowance, granted = ServerAllowance(storage, key, Terms(10, None)), list[Grant]()

    async def ask() -> None:
        granted.append(await allowance.take(demand(10)))

    with anyio.fail_after(DEADLINE):
        async with anyio.create_task_group() as tasks:
            with busy(administrator, key) as asked:
                tasks.start_soon(ask)
                await until(asked)
                waiting = monotonic()
    assert granted[0].until <= waiting + allowance.terms.lasts


async def test_a_server_that_cannot_be_reached_is_an_error_that_the_limiter_waits_out(storage: Storage) -> None:
    with connect("postgresql://somebody@127.0.0.1:1/nothing") as nowhere:
        allowance = ServerAllowance(nowhere, "key", Terms(10, None))
        with pytest.raises(StorageError):
            await allowance.take(demand(1))
        limiter = Provider("openai:gpt", LIMIT, allowance).limiter
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(limiter.acquire, 1)
            await until(lambda: limiter.queued == 1)
            allowance.storage = storage  # it is back
            await until(lambda: limiter.queued == 0)
    assert limiter.granted == 1


async def test_a_user_without_the_right_to_ask_is_told_so(postgres: Server, storage: Storage) -> None:
    name = f"lithograph_stranger_{random.randrange(10**9)}"
    postgres.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{name}' IN ROLE {APP}")
    try:
        url = make_url(storage.url).set(username=name, password=name).render_as_string(hide_password=False)
        with connect(url) as strangers, pytest.raises(UsageError, match="granted lithograph_worker"):
            await ServerAllowance(strangers, "key", Terms(10, None)).take(demand(1))
    finally:
        postgres.execute(f"DROP ROLE {name}")


def extractor(storage: Storage, url: str, model: str = "openai:x", key: str = KEY) -> tuple[LlmExtractor, Models]:
    """Return an extractor as a process of its own would have it."""
    models = Models(LIMIT, environment={"OPENAI_API_KEY": key})
    models.share(storage)
    found = models(ModelChoice(model, url), ONTOLOGY)
    assert isinstance(found, LlmExtractor)
    return found, models


@pytest.fixture
async def running() -> AsyncIterator[RunningFakeModel]:
    async with serve_fake_model() as served:
        yield served


async def test_processes_with_the_same_key_share_its_minute_and_others_have_their_own(
    storage: Storage, running: RunningFakeModel, administrator: Connection
) -> None:
    (one, models), (same, more), (other_model, others), (other_key, strangers) = (
        extractor(storage, running.url),
        extractor(storage, running.url),
        extractor(storage, running.url, model="openai:y"),
        extractor(storage, running.url, key="sk-another"),
    )
    with anyio.fail_after(DEADLINE):
        for _ in range(3):
            await one.probe()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(same.probe)
            (waiting,) = same._asks.providers
            await until(lambda: waiting.limiter.queued == 1)
            await other_model.probe()
            await other_key.probe()
            assert waiting.limiter.queued == 1
            tasks.cancel_scope.cancel()
    assert running.stats().requests == 5
    keys = administrator.exec_driver_sql(f"SELECT DISTINCT key FROM {QUEUE}.provider_grant").scalars().all()
    assert not [key for key in keys if KEY[8:24] in key], "nobody can read a provider's key there"
    for opened in (models, more, others, strangers):
        await opened.aclose()


async def test_in_a_file_a_process_has_its_limits_for_itself(sqlite_storage: Storage) -> None:
    found, models = extractor(sqlite_storage, "http://127.0.0.1:1/v1")
    (provider,) = found._asks.providers
    assert provider.limiter._shared is None
    await models.aclose()


async def test_processes_that_ask_as_fast_as_they_can_keep_within_every_minute(storage: Storage, key: str) -> None:
    """Real processes, clocks and threads; a minute of 2 seconds. Each process prints when its calls began."""
    minute, limit = 2.0, 40
    given = msgspec.json.encode(Assignment(storage.url, key, limit, minute, seconds=4.0)).decode()
    printed = list[bytes]()

    async def run() -> None:
        child = await anyio.run_process([sys.executable, "-m", "tests.limited_process", given], stderr=None)
        printed.append(child.stdout)

    with anyio.fail_after(3 * DEADLINE):
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(run)
    each = [msgspec.json.decode(began, type=list[float]) for began in printed]
    began = sorted(chain(*each))
    assert all(each), "everybody had a part of it"
    assert max(bisect_left(began, start + minute) - number for number, start in enumerate(began)) <= limit
    assert len(began) > limit, "and when it was over, of the next one"
