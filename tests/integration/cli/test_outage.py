"""An outage as a user of the command sees it."""

from pathlib import Path

from tests.commands import DEADLINE, HASTE, Litho, canonical, until

from lithograph.demo import demo_document, demo_ontology
from lithograph.durable.status import Status
from lithograph.testing.fake_model import fake_model_process

EXTRACT = ("extract", "story.md", "--ontology", "ontology.ttl", "--model", "openai:fake", "--base-url")


def test_an_execution_waits_as_long_as_is_set_and_goes_on_by_itself(tmp_path: Path) -> None:
    (tmp_path / "story.md").write_bytes(demo_document())
    (tmp_path / "ontology.ttl").write_bytes(demo_ontology())
    patience = {"LITHOGRAPH_OUTAGE_PATIENCE": "0.5", "LITHOGRAPH_CIRCUIT_FAULTS": "2"}
    litho = Litho(tmp_path, {**HASTE, **patience, "OPENAI_API_KEY": "sk-any"})
    with fake_model_process(latency=0.1) as fake:
        with litho.begun(*EXTRACT, fake.url, "--concurrency", "2") as process:
            until(lambda: fake.stats().answered >= 3)
            fake.fail("500:1")
            until(lambda: litho.execution().status is Status.SUSPENDED)
            fake.fail("")
            out, said = process.communicate(timeout=DEADLINE)
        undisturbed = litho(*EXTRACT, fake.url, "--no-db")

    assert process.returncode == 0, said
    assert "it goes on when the provider is back" in said
    assert canonical(out) == canonical(undisturbed.stdout)
    kinds = [event.type for event in litho.events()]
    assert {"provider.circuit_opened", "execution.suspended", "execution.resumed"} <= set(kinds)
    assert kinds[-1] == "execution.completed"
