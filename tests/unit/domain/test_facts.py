from collections.abc import Callable

import pytest

from lithograph.domain.document import Document
from lithograph.domain.facts import Link, Literal, Mention, Typing
from lithograph.domain.ids import ChunkId, Iri, MentionId
from lithograph.errors import InvariantError

ADA = Document.from_text("Ada met Bob.").span(0, 3)


@pytest.mark.parametrize("confidence", [-0.001, 1.001, float("nan"), float("inf")])
@pytest.mark.parametrize(
    "make",
    [
        lambda value: Mention(ADA, value),
        lambda value: Typing(MentionId("m"), ChunkId("c"), (Iri("urn:T"),), value),
        lambda value: Link(MentionId("m"), Iri("urn:p"), Literal("1"), value, (ADA,)),
    ],
    ids=["mention", "typing", "link"],
)
def test_a_confidence_lies_between_0_and_1(make: Callable[[float], object], confidence: float) -> None:
    make(0.0)
    make(1.0)
    with pytest.raises(InvariantError, match="not between 0 and 1"):
        make(confidence)


def test_a_mentions_id_is_its_place_whatever_is_thought_of_it() -> None:
    assert Mention(ADA, 1.0).id == Mention(ADA, 0.5, "person").id == "mention_077f7913e032153746a2375d51d817d7"


def test_a_typing_needs_a_class() -> None:
    with pytest.raises(InvariantError, match="no class"):
        Typing(MentionId("m"), ChunkId("c"), (), 1.0)


def test_a_link_needs_evidence() -> None:
    with pytest.raises(InvariantError, match="without evidence"):
        Link(MentionId("m"), Iri("urn:p"), Literal("1"), 1.0, ())
