"""Fragments in the journal: as JSON, with the events that they are worth."""

from collections.abc import Iterator, Mapping

import msgspec

from lithograph.domain.fragment import Fragment
from lithograph.domain.usage import Usage

_EXAMPLES = 5


class FragmentCodec:
    """The `Codec` of every activity of an extraction."""

    def encode(self, result: Fragment) -> str:
        """Return a fragment as JSON."""
        return msgspec.json.encode(result).decode()

    def decode(self, result: str) -> Fragment:
        """Return the fragment that was encoded."""
        return msgspec.json.decode(result, type=Fragment)

    def usage(self, result: Fragment) -> str:
        """Return calls, tokens and cost as JSON."""
        used = sum((report.usage for report in result.reports), Usage())
        return msgspec.json.encode(used).decode()

    def events(self, name: str, result: Fragment) -> Iterator[tuple[str, Mapping[str, object]]]:  # noqa: ARG002
        """Yield what was found: how many, and some examples in document order."""
        if result.mentions:
            found = sorted(result.mentions, key=lambda mention: mention.span)
            examples = [mention.span.text for mention in found[:_EXAMPLES]]
            yield "entity.found", {"count": len(found), "examples": examples}
        if result.links:
            links = sorted(result.links, key=lambda link: (link.evidence, link.predicate))
            yield "relation.found", {"count": len(links), "examples": [link.predicate for link in links[:_EXAMPLES]]}
