"""Every metric that there is, with its labels: what a scrape says when everything has happened once."""

from collections.abc import Mapping

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from tests.provided import World

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.domain.usage import Usage
from lithograph.telemetry.backlog import Backlog, Standing
from lithograph.telemetry.metrics import Metrics
from lithograph.telemetry.observe import Subject


def exposed() -> Mapping[str, tuple[str, frozenset[str]]]:
    """Return the kind and the labels of each metric by the name that queries know it by: `_total`, `_bucket`."""
    metrics, subject = Metrics(), Subject(OrganizationId("acme"), ExecutionId("execution_1"), "extraction")
    metrics.watch(lambda: [Backlog("acme", "extraction", Standing.RUNNING, 1, 1.0, 0)])
    world = World()
    metrics.provider(world.provider)
    metrics.run(subject)
    metrics.loaded(subject, 1, 1)
    for change in ("completed", "suspended", "recovered"):
        metrics.changed(subject, change)
    metrics.activity("mentions/chunk_1", 1)("completed", 1.0, Usage())
    metrics.call("openai:gpt", "mentions")("completed", 1.0, Usage(1, 1, 1, 1.0))
    metrics.waited("openai:gpt", 1.0)
    metrics.circuit_changed("openai:gpt", "open")
    metrics.request("GET", {})("/v1/executions", 200, 1.0)
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for family in text_string_to_metric_families(generate_latest(metrics.registry).decode()):
        for sample in family.samples:
            if not sample.name.endswith(("_created", "_sum", "_count")):
                found[sample.name] = (family.type, frozenset(sample.labels) - {"le"})
    return found
