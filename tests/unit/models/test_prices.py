import json
from datetime import date
from pathlib import Path

import pytest

from lithograph.errors import UsageError
from lithograph.models.directory import PROVIDERS
from lithograph.models.prices import Price, PriceTable

OWN = PriceTable.load()


def written(folder: Path, content: object) -> Path:
    path = folder / "prices.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("tokens", "dollars"),
    [
        ((1_000_000, 0, 0), 2.0),
        ((0, 0, 1_000_000), 8.0),
        ((1_000_000, 1_000_000, 0), 0.5),
        ((1_000_000, 400_000, 500_000), 1.2 + 0.2 + 4.0),
        ((10, 20, 0), 10 * 0.5 / 1e6),
        ((0, 0, 0), 0.0),
    ],
)
def test_cached_input_is_part_of_the_input_and_has_its_own_price(tokens: tuple[int, int, int], dollars: float) -> None:
    assert Price(2.0, 0.5, 8.0).cost(*tokens) == pytest.approx(dollars)


def test_every_price_of_the_package_says_when_it_was_so_and_whose_model_it_is() -> None:
    assert len(OWN._prices) > 50
    for name, price in OWN._prices.items():
        assert date.fromisoformat(price.as_of) >= date(2025, 1, 1), name
        assert name.partition(":")[0] in PROVIDERS
        assert 0 <= price.cached_input <= price.input <= 30, name
        assert price.output >= price.input or "embedding" in name, name
    assert {name.partition(":")[0] for name in OWN._prices} == PROVIDERS.keys() - {"openrouter"}


def test_a_note_says_that_prices_may_be_out_of_date() -> None:
    from importlib.resources import files

    assert "out of date" in json.loads(files("lithograph.models").joinpath("prices.json").read_bytes())["note"]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("openai:gpt-5-mini", "openai:gpt-5-mini"),
        ("openai:gpt-5-mini-2025-08-07", "openai:gpt-5-mini"),
        ("openai:gpt-5.5-2026-04-23", "openai:gpt-5.5"),
        ("openai:gpt-4o-2024-11-20", "openai:gpt-4o"),
        ("anthropic:claude-opus-4-5-20251101", "anthropic:claude-opus-4-5"),
        ("anthropic:claude-sonnet-4-5@20250929", "anthropic:claude-sonnet-4-5"),
        ("google:gemini-3.1-pro-preview", "google:gemini-3.1-pro"),
        ("google:gemini-2.5-flash-preview-09-2025", "google:gemini-2.5-flash"),
        ("ollama:llama3.2:3b", "ollama:*"),
        ("local:whatever/it is", "local:*"),
    ],
)
def test_a_version_of_a_model_costs_what_the_model_costs(name: str, known: str) -> None:
    assert OWN.price(name) == OWN._prices[known] is not None


@pytest.mark.parametrize(
    "name",
    [
        "openai:gpt-5-pro",
        "openai:gpt-5-chat-latest",
        "openai:gpt-4.1-turbo",
        "openai:gpt-5.55",
        "openai:gpt-4",
        "anthropic:claude-opus-5-9",
        "groq:gpt-5-mini",
        "gpt-5-mini",
        "openai:",
        "",
    ],
)
def test_the_price_of_another_model_is_not_guessed(name: str) -> None:
    assert OWN.price(name) is None


def test_what_is_local_costs_nothing() -> None:
    price = OWN.price("ollama:llama3.2")
    assert price is not None
    assert price.cost(10**9, 0, 10**9) == 0.0


def test_a_file_of_the_user_comes_before_the_package_and_adds_to_it(tmp_path: Path) -> None:
    models = {
        "openai:gpt-5-mini": {"input": 1, "output": 2},
        "openai:gpt-5-mini-2025-08-07": {
            "input": 3,
            "cached_input": 0,
            "output": 4,
            "as_of": "2026-12-01",
            "note": "n",
        },
        "openrouter:*": {"input": 9, "output": 9},
    }
    table = PriceTable.load(written(tmp_path, {"note": "mine", "models": models}))
    assert table.price("openai:gpt-5-mini") == Price(1.0, 1.0, 2.0)
    assert table.price("openai:gpt-5-mini-2026-01-01") == Price(1.0, 1.0, 2.0)
    assert table.price("openai:gpt-5-mini-2025-08-07") == Price(3.0, 0.0, 4.0, "2026-12-01")
    assert table.price("openrouter:any/model") == Price(9.0, 9.0, 9.0)
    assert table.price("openai:gpt-5") == OWN.price("openai:gpt-5") is not None


def entry(**fields: object) -> dict[str, object]:
    return {"models": {"openai:x": {"input": 1, "output": 2} | fields}}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "are no JSON: "),
        ("[]", "are not of the form"),
        ({"models": []}, "are not of the form"),
        ({"openai:x": {"input": 1, "output": 2}}, "are not of the form"),
        ({"models": {"openai:x": 3}}, "model 'openai:x' has to be an object with 'input' and 'output'"),
        ({"models": {"openai:x": {"output": 1}}}, "model 'openai:x' lacks the field 'input'"),
        ({"models": {"openai:x": {"input": 1}}}, "model 'openai:x' lacks the field 'output'"),
        (
            entry(cached=1),
            "model 'openai:x' has the field 'cached', which is none of input, cached_input, output, as_of",
        ),
        (entry(input="1"), "model 'openai:x': 'input' has to be US dollars per million tokens, 0 or more, and not '1'"),
        (entry(output=-1), "'output' has to be US dollars per million tokens, 0 or more, and not -1"),
        (entry(cached_input=True), "'cached_input' has to be US dollars per million tokens, 0 or more, and not True"),
        ('{"models": {"openai:x": {"input": 1e999, "output": 2}}}', "are no JSON: Number out of range"),
        (entry(as_of="yesterday"), "model 'openai:x': 'as_of' has to be a day such as 2026-03-31, and not 'yesterday'"),
        (entry(as_of=3), "'as_of' has to be a day such as 2026-03-31, and not 3"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_sentence_with_its_name(content: object, said: str, tmp_path: Path) -> None:
    path = written(tmp_path, content)
    with pytest.raises(UsageError) as raised:
        PriceTable.load(path)
    assert str(raised.value).startswith(f"the prices {path}")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.json cannot be read: No such file or directory"):
        PriceTable.load(tmp_path / "none.json")
