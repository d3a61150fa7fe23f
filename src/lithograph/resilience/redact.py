"""Redact: a text of a provider without anything that looks like a key, and that can be kept and shown anywhere.

Providers repeat what they were sent: "Incorrect API key provided: sk-abc***xyz", or an address with `?key=` in it.
Such a text goes into logs, events and the journal, so it is cleaned where it comes in. What is not a key and goes too,
such as a long identifier, is no loss.
"""

import re

_LONGEST = 2000
"""Characters that are looked at: what comes after them is not worth reading, and bounds the time."""

_REMOVED = "[removed]"

_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""What a terminal takes for a command, and what no database keeps: NUL and half of a surrogate pair."""

_NAME = r"(?:(?:api|access|auth|secret|subscription)[ _-]?(?:key|token)|password)"

_SECRETS = [
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        (r"(://)[^\s/@]+@", rf"\1{_REMOVED}@"),  # a name and a password in an address
        (r"([?&][\w.-]*(?:key|token|secret|sig|signature|credential)=)[^&\s\"'<>]+", rf"\1{_REMOVED}"),
        (r"\b(bearer|basic)\s+(?=\S*[0-9])[\w.~+/=*-]{6,}", rf"\1 {_REMOVED}"),
        (rf"({_NAME}(?: provided)?[\"']?\s*[:=]\s*[\"']?)[^\s\"',]+(?<![.])", rf"\1{_REMOVED}"),
        (r"\b(?:sk|pk|rk|gsk|xai|hf|r8|pplx|csk|nvapi|ghp)[-_][\w*-]{4,}", _REMOVED),
        (r"\b(?-i:AIza|AKIA|ASIA|ya29\.|eyJ)[\w.*-]{8,}", _REMOVED),
        (r"\blitho_[0-9a-f]{12}_[\w-]+", _REMOVED),  # one of ours
        (r"[\w-]*\*{3,}[\w*-]*", _REMOVED),  # a key of which the provider shows the ends
        (r"(?<![a-z0-9])(?=[a-z]*[0-9])(?=[0-9]*[a-z])[a-z0-9]{32,}", _REMOVED),
    )
]


def redact(text: str) -> str:
    """Return `text`, or its first 2,000 characters, on one line and without what looks like a key.

    A character that cannot be kept or shown becomes U+FFFD.
    """
    text = _UNFIT.sub("\ufffd", " ".join(text[:_LONGEST].split()))
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text
