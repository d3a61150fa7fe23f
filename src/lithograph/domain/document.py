"""A document and the spans that point into it."""

import hashlib
from dataclasses import dataclass, field
from typing import Self

from lithograph.domain.ids import DEFAULT_ORGANIZATION, DocumentId, OrganizationId, digest
from lithograph.errors import InvariantError


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The characters `start` (inclusive) to `end` (exclusive) of a document's text, counted in code points.

    `text` is exactly that slice. A span is made by `Document.span`, which cannot make a wrong one; `Document.check`
    verifies one that came from somewhere else.
    """

    document: DocumentId
    start: int
    end: int
    text: str

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise InvariantError(f"a span from {self.start} to {self.end} is empty or reversed")
        if len(self.text) != self.end - self.start:
            raise InvariantError(f"a span of {self.end - self.start} characters cannot hold {len(self.text)}")

    def __len__(self) -> int:
        return self.end - self.start

    def overlaps(self, other: "Span") -> bool:
        """Whether the two share a character of the same document."""
        return self.document == other.document and self.start < other.end and other.start < self.end

    def contains(self, other: "Span") -> bool:
        """Whether every character of `other` is a character of this span."""
        return self.document == other.document and self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, slots=True)
class Document:
    """A document's extracted text, which all offsets refer to, and where it came from.

    `sha256` is that of the bytes. The id is a hash of the organisation, the bytes and the text: the same file in two
    organisations is two documents, and so are two readings of the same bytes, as Markdown and as HTML, that differ.
    """

    organization_id: OrganizationId
    source: str
    sha256: str
    media_type: str
    text: str
    id: DocumentId = field(init=False)

    def __post_init__(self) -> None:
        try:
            self.text.encode()
        except UnicodeEncodeError as error:
            raise InvariantError(
                f"{self.source} holds half of a surrogate pair at character {error.start}, which no encoding has"
            ) from error
        identity = digest("document", self.organization_id, self.sha256, self.text)
        object.__setattr__(self, "id", DocumentId(identity))

    @classmethod
    def from_text(
        cls, text: str, *, source: str = "text", organization_id: OrganizationId = DEFAULT_ORGANIZATION
    ) -> Self:
        """Return a plain-text document; its SHA-256 is that of the text in UTF-8."""
        sha256 = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        return cls(organization_id, source, sha256, "text/plain", text)

    def span(self, start: int, end: int) -> Span:
        """Return the span from `start` to `end`; raises `InvariantError` when it does not lie in the document."""
        if not 0 <= start < end <= len(self.text):
            raise InvariantError(f"{start} to {end} is no span of {self.source}, which has {len(self.text)} characters")
        return Span(self.id, start, end, self.text[start:end])

    def check(self, span: Span) -> Span:
        """Return `span` unchanged when it lies in this document and holds its slice; else raise `InvariantError`."""
        if span.document != self.id or self.text[span.start : span.end] != span.text:
            raise InvariantError(f"{span.start} to {span.end} of {self.source} does not read {span.text!r}")
        return span


@dataclass(frozen=True, slots=True, order=True)
class Sentence:
    """A sentence by its offsets in the document; white space around it belongs to no sentence."""

    start: int
    end: int
