import dataclasses

import pytest

from lithograph.domain.document import Document, Span
from lithograph.domain.ids import OrganizationId
from lithograph.errors import InvariantError

ADA = Document.from_text("Ada met Bob.", source="a.txt")


def test_a_span_is_the_documents_own_slice_counted_in_code_points() -> None:
    span = Document.from_text("🚂 Zürich").span(2, 8)
    assert (span.text, len(span)) == ("Zürich", 6)


@pytest.mark.parametrize(("start", "end"), [(3, 3), (5, 4), (-1, 2), (0, 13)])
def test_a_span_outside_the_document_or_empty_cannot_be_made(start: int, end: int) -> None:
    with pytest.raises(InvariantError, match=r"a\.txt, which has 12 characters"):
        ADA.span(start, end)


@pytest.mark.parametrize(("start", "end", "text"), [(0, 0, ""), (2, 1, ""), (-1, 2, "Ada"), (0, 3, "Ad")])
def test_a_span_that_contradicts_itself_cannot_be_made(start: int, end: int, text: str) -> None:
    with pytest.raises(InvariantError):
        Span(ADA.id, start, end, text)


def test_a_document_checks_spans_from_elsewhere() -> None:
    assert ADA.check(Span(ADA.id, 8, 11, "Bob")) == ADA.span(8, 11)
    with pytest.raises(InvariantError, match="does not read 'Ada'"):
        ADA.check(Span(ADA.id, 8, 11, "Ada"))
    with pytest.raises(InvariantError):
        ADA.check(Document.from_text("Ada").span(0, 3))


def test_spans_overlap_when_they_share_a_character() -> None:
    ada, met = ADA.span(0, 3), ADA.span(3, 7)
    assert not ada.overlaps(met)
    assert ada.overlaps(ADA.span(2, 4))
    assert not ada.overlaps(Document.from_text("Ada").span(0, 3))


def test_a_span_contains_itself_and_what_lies_inside() -> None:
    whole = ADA.span(0, 12)
    assert whole.contains(whole)
    assert whole.contains(ADA.span(4, 7))
    assert not ADA.span(4, 7).contains(whole)
    assert not whole.contains(Document.from_text("Ada").span(0, 3))


def test_a_documents_id_depends_on_organisation_bytes_and_text_and_not_on_its_name() -> None:
    assert ADA.id == "document_f07d4d51f2ec39a524b53038104bb3fa"
    assert Document.from_text(ADA.text, source="b.txt").id == ADA.id
    assert Document.from_text(ADA.text, organization_id=OrganizationId("acme")).id != ADA.id
    assert Document.from_text(ADA.text + " ").id != ADA.id
    assert dataclasses.replace(ADA, sha256="0" * 64).id != ADA.id


def test_two_readings_of_the_same_bytes_are_one_document_when_they_give_the_same_text() -> None:
    assert dataclasses.replace(ADA, media_type="text/markdown").id == ADA.id
    other = dataclasses.replace(ADA, media_type="text/html", text="Ada met")
    assert (other.sha256, other.id == ADA.id) == (ADA.sha256, False)


def test_half_of_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(InvariantError, match="character 1"):
        Document.from_text("a\ud800")
