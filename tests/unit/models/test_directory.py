from typing import Any

import pytest

from lithograph.errors import UsageError
from lithograph.models.anthropic import AnthropicChat
from lithograph.models.directory import PROVIDERS, ModelName, chat_model, parse_model
from lithograph.models.openai import OpenAIChat


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("openai:gpt-5-mini", ModelName("openai", "gpt-5-mini")),
        ("ollama:llama3.2:3b", ModelName("ollama", "llama3.2:3b")),
        ("openrouter:anthropic/claude-sonnet-4.5:beta", ModelName("openrouter", "anthropic/claude-sonnet-4.5:beta")),
        (" OpenAI : gpt-5-mini ", ModelName("openai", "gpt-5-mini")),
    ],
)
def test_the_provider_stands_before_the_first_colon(text: str, name: ModelName) -> None:
    assert parse_model(text) == name
    assert parse_model(str(name)) == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gpt-5-mini", "does not say whose it is; give PROVIDER:MODEL, such as openai:gpt-5-mini"),
        ("", "does not say whose it is"),
        ("openia:gpt-5", "the provider 'openia' is not known; it is one of anthropic, deepseek, google, groq, local, "),
        (":gpt-5", "the provider '' is not known"),
        ("openai:", "the model 'openai:' has no name"),
        ("openai: ", "has no name"),
    ],
)
def test_a_name_that_is_none_says_how_it_is_written(text: str, said: str) -> None:
    for function in (parse_model, lambda one: chat_model(one, environment={})):
        with pytest.raises(UsageError) as raised:
            function(text)
        assert said in str(raised.value)


def inside(text: str, environment: dict[str, str] | None = None, **settings: Any) -> Any:
    """Return who is asked, as a chat model of the directory knows it."""
    model: Any = chat_model(text, environment=environment or {}, **settings)
    assert model.name == text
    return model._asked


@pytest.mark.parametrize(
    ("provider", "host", "variable"),
    [
        ("openai", "api.openai.com", "OPENAI_API_KEY"),
        ("anthropic", "api.anthropic.com", "ANTHROPIC_API_KEY"),
        ("google", "generativelanguage.googleapis.com", "GEMINI_API_KEY"),
        ("groq", "api.groq.com", "GROQ_API_KEY"),
        ("mistral", "api.mistral.ai", "MISTRAL_API_KEY"),
        ("deepseek", "api.deepseek.com", "DEEPSEEK_API_KEY"),
        ("openrouter", "openrouter.ai", "OPENROUTER_API_KEY"),
        ("ollama", "localhost:11434", "OLLAMA_API_KEY"),
    ],
)
def test_each_provider_is_asked_at_its_address_with_its_key(provider: str, host: str, variable: str) -> None:
    asked = inside(f"{provider}:m", {variable: " sk-mine\n", "OTHER_API_KEY": "sk-other"})
    assert (asked.host, asked.model, asked.variable, asked.key) == (host, "m", variable, "sk-mine")


def test_the_providers_that_are_tested_here_are_all_but_those_without_an_address() -> None:
    assert len(PROVIDERS) == 9
    assert [entry.name for entry in PROVIDERS.values() if entry.base_url is None] == ["local"]


def test_only_anthropic_speaks_as_anthropic_does() -> None:
    keys = {variable: "sk-any" for entry in PROVIDERS.values() for variable in entry.variables}
    for name in PROVIDERS:
        model = chat_model(f"{name}:m", base_url="http://localhost:1/v1", environment=keys)
        assert type(model) is (AnthropicChat if name == "anthropic" else OpenAIChat)


def test_the_first_of_two_variables_that_is_set_counts() -> None:
    assert inside("google:m", {"GOOGLE_API_KEY": "sk-second"}).key == "sk-second"
    assert inside("google:m", {"GOOGLE_API_KEY": "sk-second", "GEMINI_API_KEY": " "}).variable == "GOOGLE_API_KEY"
    assert inside("google:m", {"GOOGLE_API_KEY": "sk-second", "GEMINI_API_KEY": "sk-first"}).key == "sk-first"


@pytest.mark.parametrize("environment", [{}, {"OPENAI_API_KEY": ""}, {"OPENAI_API_KEY": " \n"}])
def test_a_missing_key_names_the_variable_to_set(environment: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"^openai:m needs a key; set the environment variable OPENAI_API_KEY$"):
        chat_model("openai:m", environment=environment)


def test_a_server_of_ones_own_needs_no_key_and_gets_the_one_there_is() -> None:
    url = "http://127.0.0.1:8000/v1"
    assert inside("openai:m", base_url=url).key == "none"
    assert inside("anthropic:m", base_url=url).key == "none"
    assert inside("ollama:m").key == "none"
    assert inside("local:m", base_url=url).key == "none"
    assert inside("openai:m", {"OPENAI_API_KEY": "sk-mine"}, base_url=url).key == "sk-mine"


def test_a_base_url_takes_the_place_of_the_providers() -> None:
    assert inside("groq:m", base_url="https://proxy.example:8443/groq/v1").host == "proxy.example:8443"


def test_a_local_model_needs_a_base_url() -> None:
    with pytest.raises(
        UsageError, match=r"^local:m needs the base URL of its server, such as http://localhost:8000/v1$"
    ):
        chat_model("local:m", environment={})


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host/v1", "http://", "htp:/x"])
def test_a_base_url_that_is_none_is_wrong_use(url: str) -> None:
    with pytest.raises(UsageError, match="is no address that begins with http:// or https://"):
        chat_model("openai:m", base_url=url, environment={})
