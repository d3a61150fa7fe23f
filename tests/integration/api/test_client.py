"""A workspace is the same from Python, whether its database is opened here or behind a server."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.queued import until
from tests.serving import Served, served

import lithograph
from lithograph.client.interface import AnyWorkspace, Options
from lithograph.client.remote import RemoteWorkspace
from lithograph.demo import demo_document, demo_ontology
from lithograph.domain.ids import DocumentId
from lithograph.durable.status import Status
from lithograph.errors import (
    DocumentError,
    NotFoundError,
    OntologyError,
    RejectedError,
    StateError,
    StorageError,
    UsageError,
)
from lithograph.graph.export.formats import Format
from lithograph.resilience.budget import Limits
from lithograph.testing.corpus import generated_text
from lithograph.testing.fake_model.process import fake_model_process
from lithograph.testing.serving import free_port

NOBODY = "execution_" + "0" * 32


@pytest.fixture(params=["opened here", "behind a server"])
def workspace(request: pytest.FixtureRequest, api: Served) -> Iterator[AnyWorkspace]:
    if request.param == "opened here":
        found = lithograph.connect(api.process.url, organization=api.organization_id)
    else:
        key = api.client.headers.get("authorization", "").removeprefix("Bearer ")
        found = lithograph.connect(api.process.address, key or None)
    with found:
        yield found


def test_a_document_becomes_a_graph_that_points_at_its_characters(workspace: AnyWorkspace) -> None:
    document = workspace.add_document(demo_document(), "annals.md")
    ontology = workspace.add_ontology_file(demo_ontology(), "ontology.ttl")
    started = workspace.extract(document.id, ontology)
    seen = list(workspace.watch(started.id))
    assert [event.seq for event in seen] == list(range(1, len(seen) + 1))
    assert seen == list(workspace.events(started.id))
    found = workspace.overview(started.id)
    assert (found.execution.status, found.percent, found.source) == (Status.COMPLETED, 100.0, "annals.md")
    assert found.stages["mentions"]["completed"] > 5
    text = workspace.text(document.id)
    (first, *_) = workspace.entities(started.id).items
    assert first in workspace.entities(started.id, search=first.label.upper()).items
    entity = workspace.entity(first.id, started.id)
    assert all(text[place.start : place.end] == place.text for place in entity.places)
    (neighbour, *_) = workspace.neighbours(entity.id, started.id).items
    relation = workspace.relation(neighbour.relation.id, started.id)
    assert relation == neighbour.relation
    assert all(text[span.start : span.end] == span.text for span in relation.evidence)
    view = workspace.graph(started.id)
    assert len(view.nodes) == view.entities > 50
    assert b"@prefix" in workspace.export(started.id, Format.TURTLE)


def test_a_batch_and_what_is_listed(workspace: AnyWorkspace) -> None:
    ontology = workspace.add_ontology_file(demo_ontology(), "ontology.ttl")
    texts = [f"# Note\n\n{generated_text(1, seed=seed)}".encode() for seed in range(3)]
    documents = [workspace.add_document(text, f"{number}.md") for number, text in enumerate(texts)]
    started = workspace.extract_all([one.id for one in documents], ontology, name="notes")
    for _ in workspace.watch(started.id):
        pass
    found = workspace.batch(started.id)
    assert (found.total, found.counts["completed"], found.state.value) == (3, 3, "completed")
    assert started.id in [one.execution.id for one in workspace.executions(limit=100)]
    assert {one.id for one in documents} <= {one.id for one in workspace.documents(limit=100)}
    assert ontology in [one.content_hash for one in workspace.ontologies()]


def test_what_cannot_be_done_is_the_same_error(workspace: AnyWorkspace) -> None:
    ontology = workspace.add_ontology_file(demo_ontology(), "ontology.ttl")
    with pytest.raises(NotFoundError, match="there is no execution"):
        workspace.execution(NOBODY)
    with pytest.raises(NotFoundError, match="there is no document"):
        workspace.extract(DocumentId("document_0"), ontology)
    with pytest.raises((DocumentError, UsageError), match="empty"):
        workspace.add_document(b"", "nothing.txt")
    with pytest.raises((OntologyError, UsageError), match=r"broken\.ttl"):
        workspace.add_ontology_file(b"<urn:a> a", "broken.ttl")
    started = workspace.extract(workspace.add_document(b"Ada works for Acme.", "a.txt").id, ontology)
    for _ in workspace.watch(started.id):
        pass
    with pytest.raises(StateError, match="completed"):
        workspace.retry(started.id)
    with pytest.raises(StateError):
        workspace.cancel(started.id)


def test_a_budget_is_set_and_told(workspace: AnyWorkspace) -> None:
    workspace.limit(Limits(tokens=7_000_000))
    assert workspace.account().limits == Limits(tokens=7_000_000)
    workspace.limit(Limits())
    assert workspace.account().limits == Limits()


def test_a_start_under_a_key_is_one_start(workspace: AnyWorkspace) -> None:
    ontology = workspace.add_ontology_file(demo_ontology(), "ontology.ttl")
    document = workspace.add_document(b"Bertha works for Acme.", "b.txt")
    key = f"once-{type(workspace).__name__}"
    started = workspace.extract(document.id, ontology, key=key)
    assert workspace.extract(document.id, ontology, key=key).id == started.id
    with pytest.raises(UsageError, match="take a new one"):
        workspace.extract_all([document.id], ontology, key=key)


def test_a_client_outlives_the_server(tmp_path: Path) -> None:
    with fake_model_process(latency=0.15) as model:
        options = (f"--base-url={model.url}", "--concurrency=2")
        url = f"sqlite:///{tmp_path}/graph.db"
        with served(url, *options, environment={"OPENAI_API_KEY": "test"}) as api:  # noqa: SIM117  # one needs the other
            with lithograph.connect(api.process.address) as workspace:
                ontology = workspace.add_ontology_file(demo_ontology(), "ontology.ttl")
                document = workspace.add_document(generated_text(25, seed=4).encode(), "annals.md")
                asked = Options(model="openai:fake", base_url=model.url)
                started = workspace.extract(document.id, ontology, asked)
                watched = []
                replaced = threading.Thread(target=_replace, args=(api,))
                for event in workspace.watch(started.id):
                    watched.append(event)
                    if event.seq == 6:
                        replaced.start()
                replaced.join()
                assert [event.seq for event in watched] == list(range(1, len(watched) + 1))
                assert workspace.execution(started.id).status is Status.COMPLETED


def _replace(api: Served) -> None:
    api.process.kill()
    api.process.start()


def test_a_server_that_is_not_there_and_a_key_that_is_none_are_said(api: Served) -> None:
    with RemoteWorkspace(f"http://127.0.0.1:{free_port()}", patience=0.1) as nowhere:
        with pytest.raises(StorageError, match="cannot be reached"):
            nowhere.executions()
        with pytest.raises(StorageError, match="cannot be reached"):
            list(nowhere.watch(NOBODY))
    stranger = RemoteWorkspace(api.process.address, "litho_no", patience=0.1)
    with stranger, pytest.raises(RejectedError, match="unknown"):
        stranger.executions()
    with pytest.raises(UsageError, match="a key goes with"):
        lithograph.connect("sqlite:///graph.db", "litho_no")
    until(lambda: api.json("/v1/health/live") == {"status": "ok"})
