import pytest

from lithograph.resilience.redact import redact


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Incorrect API key provided: sk-abc***xyz. Find it", "Incorrect API key provided: [removed]. Find it"),
        ("Incorrect API key provided: mykey. Find it", "Incorrect API key provided: [removed]. Find it"),
        ("Incorrect API key provided: '9a8b7c6d'", "Incorrect API key provided: '[removed]'"),
        ("key sk-proj-Ab12_cd34-ef56 is disabled", "key [removed] is disabled"),
        ("gsk_0123456789abcdef is disabled", "[removed] is disabled"),
        ("Authorization: Bearer abc123.def456 refused", "Authorization: Bearer [removed] refused"),
        (
            "GET https://example.org/v1/models?alt=json&key=AIzaSyA-1234567890 failed",
            "GET https://example.org/v1/models?alt=json&key=[removed] failed",
        ),
        ("https://example.org/v1?api_key=abcd", "https://example.org/v1?api_key=[removed]"),
        ("proxy http://me:secret@example.org:3128 refused", "proxy http://[removed]@example.org:3128 refused"),
        ("AKIAIOSFODNN7EXAMPLE is unknown", "[removed] is unknown"),
        ("key 0123456789abcdef0123456789abcdef is unknown", "key [removed] is unknown"),
        ("eyJhbGciOiJIUzI1NiJ9.e30.abc is expired", "[removed] is expired"),
        ("fake****key is unknown", "[removed] is unknown"),
    ],
)
def test_what_looks_like_a_key_is_not_repeated(said: str, shown: str) -> None:
    assert redact(said) == shown


@pytest.mark.parametrize("unfit", ["\x00", "\x1b", "\x7f", "\x9b", "\ud83d"])
def test_what_cannot_be_kept_or_would_command_a_terminal_is_one_character(unfit: str) -> None:
    assert redact(f"bad{unfit} text\r\n in two lines") == "bad\ufffd text in two lines"


@pytest.mark.parametrize(
    "said",
    [
        "Unknown parameter: 'api_version'.",
        "Invalid key: 'temperature'",
        "Basic authentication is not supported",
        "max_tokens: must be at most 4096",
        "region asia-northeast1 is not available",
        "organization 0dccdde6-f924-4f1b-bb3b-92ef846e0a5b",
        "see https://example.org/docs/key-management#keys",
    ],
)
def test_what_only_speaks_of_keys_is_left_alone(said: str) -> None:
    assert redact(said) == said


@pytest.mark.parametrize("part", ["a?", "sk-", "*", "?key=", "api key: ", "://a", "0a", " ", "bearer "])
def test_a_hostile_megabyte_is_read_only_so_far(part: str) -> None:
    assert len(redact(part * (1_000_000 // len(part)))) < 20_000
