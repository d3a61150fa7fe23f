"""`litho budget`: what an organisation may spend."""

from tests.integration.cli.conftest import Litho


def test_a_budget_is_set_shown_and_taken_away(litho: Litho) -> None:
    assert litho("budget").returncode == 2
    assert "no limit USD" in litho("budget", "--max-tokens", "5000").stdout
    assert "0 of 5,000" in litho("budget").stdout
    assert "of 2.5 USD" in litho("budget", "--max-cost", "2.5", "--organization", "acme").stdout
    assert "5,000" in litho("budget").stdout
    assert "5,000" not in litho("budget", "--unlimited").stdout


def test_a_wrong_budget_is_one_sentence(litho: Litho) -> None:
    for words in (("--max-cost", "-1"), ("--max-tokens", "0"), ("--unlimited", "--max-cost", "1")):
        done = litho("budget", *words)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
