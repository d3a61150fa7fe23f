"""Checks of what is around: what is installed, the pages, and whether a model can be asked."""

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import version

import anyio

from lithograph.errors import TransientError
from lithograph.models.directory import PROVIDERS
from lithograph.ontology.model import Ontology
from lithograph.resilience.provider import ProviderLimits
from lithograph.resilience.retry import RetryPolicy
from lithograph.service.doctor.checks import Check, failed, ok, warning
from lithograph.service.pages import built_pages
from lithograph.telemetry.traces import wanted
from lithograph.workflow.extractors import RULES, ModelChoice, RemoteExtractor

_EXTRAS = (
    ("postgresql", ("psycopg", "psycopg_pool", "procrastinate")),
    ("telemetry", ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")),
)
_NOTHING = Ontology("", "", "", {}, {})


def installed(environment: Mapping[str, str], *, server: bool) -> Iterator[Check]:
    """Yield what is installed; what is needed and is not has failed: for a `server`, or for traces."""
    python = ".".join(map(str, sys.version_info[:3]))
    yield ok("version", f"Lithograph {version('lithograph')} on Python {python}")
    for extra, modules in _EXTRAS:
        missing = [name for name in modules if not _imported(name)]
        needed = server if extra == "postgresql" else wanted(environment)
        remedy = f"run `pip install 'lithograph[{extra}]'`"
        if not missing:
            yield ok(f"extra {extra}", "it is installed")
        elif needed:
            yield failed(f"extra {extra}", f"{', '.join(missing)} cannot be imported, and it is needed", remedy)
        else:
            yield ok(f"extra {extra}", f"it is not installed and not needed here; {remedy} when it is")


def _imported(name: str) -> bool:
    try:
        import_module(name)
    except ImportError:
        return False
    return True


def pages() -> Iterator[Check]:
    """Yield whether the web pages are there that `litho serve` serves."""
    if built_pages() is not None:
        yield ok("web pages", "they are built")
    else:
        yield warning("web pages", "they are not built, so that `litho serve` has the API only", "run `make web`")


def keys(environment: Mapping[str, str]) -> Iterator[Check]:
    """Yield for which providers there is a key; what it is, is not said."""
    names = [variable for entry in PROVIDERS.values() for variable in entry.variables if environment.get(variable)]
    if names:
        yield ok("keys", f"{', '.join(names)} set; `litho doctor --model PROVIDER:NAME` asks a model")
    else:
        yield ok("keys", "no key of a provider is set; the rules and models of your own need none")


def model(name: str, base_url: str, environment: Mapping[str, str]) -> Iterator[Check]:
    """Yield whether a model answers as it must: it is asked once, which costs a few tokens.

    Raises what keeps it from answering.
    """
    from lithograph.workflow.models import Models

    if name == RULES:
        yield ok("model", "the rules ask nobody")
        return
    models = Models(ProviderLimits(), environment=environment, retry=RetryPolicy(retries=0))
    extractor = models(ModelChoice(name, base_url), _NOTHING)
    assert isinstance(extractor, RemoteExtractor)  # noqa: S101  # only the rules are not

    async def ask() -> None:
        try:
            await extractor.probe()
        finally:
            await models.aclose()

    try:
        anyio.run(ask)
    except TransientError as error:
        yield failed("model", str(error), "see that the provider is reachable from here, and try again")
    else:
        yield ok("model", f"{name} answers as it must")
