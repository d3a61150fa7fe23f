import pytest
from tests.builders import ONTOLOGY

from lithograph.errors import UsageError
from lithograph.extraction.llm import LlmExtractor
from lithograph.testing.fake_model import FakeModel, serve_fake_model
from lithograph.workflow.extractors import ModelChoice
from lithograph.workflow.models import Models

KEYS = {"OPENAI_API_KEY": "sk-of-openai", "ANTHROPIC_API_KEY": "sk-of-anthropic"}


async def hosts(choice: ModelChoice) -> list[str]:
    """Return where the models of a choice are asked, in order."""
    models = Models(environment=KEYS)
    extractor = models(choice, ONTOLOGY)
    assert isinstance(extractor, LlmExtractor)
    asks = extractor._asks
    callers = getattr(asks, "callers", [asks])
    found = [caller.model._asked.host for caller in callers]
    await models.aclose()
    return found


async def test_a_fallback_of_another_provider_is_asked_at_its_own_address_with_its_own_key() -> None:
    choice = ModelChoice("openai:x", "http://127.0.0.1:1/v1", ("anthropic:y", "openai:z"))
    assert await hosts(choice) == ["127.0.0.1:1", "api.anthropic.com", "127.0.0.1:1"]


async def test_a_key_goes_to_the_given_address_for_the_provider_that_it_is_for() -> None:
    async with serve_fake_model(FakeModel(key="sk-of-openai")) as running:
        models = Models(environment=KEYS)
        extractor = models(ModelChoice("openai:x", running.url), ONTOLOGY)
        assert isinstance(extractor, LlmExtractor)
        await extractor.probe()
        await models.aclose()


@pytest.mark.parametrize(
    "url", ["http://me:hunter2@127.0.0.1/v1", "http://hunter2@127.0.0.1/v1", "http://127.0.0.1/v1?key=hunter2"]
)
def test_a_base_url_with_a_secret_in_it_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(UsageError, match="would be kept") as error:
        Models(environment=KEYS)(ModelChoice("openai:x", url), ONTOLOGY)
    assert "hunter2" not in str(error.value)
