from dataclasses import replace

import pytest

from lithograph.domain.document import Document
from lithograph.domain.facts import Mention
from lithograph.domain.fragment import Missing, Reason, Stage
from lithograph.domain.graph import Entity, KnowledgeGraph, Relation
from lithograph.domain.ids import ChunkId, DocumentId, EntityId, ExecutionId, Iri, OrganizationId, RelationId
from lithograph.domain.result import NO_EXECUTION, ExtractionResult, ResultDocument, Stats, combine
from lithograph.domain.usage import Usage
from lithograph.errors import InvariantError

ACME = OrganizationId("acme")


def result_of(text: str, rejected: tuple[tuple[Reason, int], ...] = ()) -> ExtractionResult:
    document = Document.from_text(text, source=f"{text}.txt", organization_id=ACME)
    span = document.span(0, len(text))
    entity = Entity(EntityId(f"e-{text}"), text, (Iri("urn:T"),), (), 1.0, (), (Mention(span, 1.0),))
    relation = Relation(RelationId(f"r-{text}"), entity.id, Iri("urn:p"), entity.id, 1.0, (span,))
    return ExtractionResult(
        ACME,
        (ResultDocument.of(document),),
        KnowledgeGraph((entity,), (relation,)),
        rejected=rejected,
        stats=Stats(1, 1, 1, 1, Usage(1, 10, 5, 0.5), 2.0),
    )


def missing_from(document: DocumentId) -> Missing:
    return Missing(document, ChunkId(""), 0, 0, Stage.READ, "it is encrypted", 1)


def test_a_result_document_tells_of_its_document_without_the_text() -> None:
    document = Document.from_text("Zürich 🚂", source="a.txt")
    told = ResultDocument.of(document)
    assert (told.id, told.source, told.characters) == (document.id, "a.txt", 8)
    assert told.execution_id == NO_EXECUTION == ""
    assert ResultDocument.of(document, ExecutionId("x")).execution_id == "x"


def test_a_result_is_completed_when_nothing_is_missing() -> None:
    result = result_of("Ada")
    assert result.completed
    assert not replace(result, missing=(missing_from(result.documents[0].id),)).completed


def test_a_result_cannot_point_into_a_document_that_it_does_not_list() -> None:
    with pytest.raises(InvariantError, match="does not list"):
        replace(result_of("Ada"), documents=())


def test_a_result_cannot_point_behind_the_end_of_a_document() -> None:
    result = result_of("Ada")
    with pytest.raises(InvariantError, match=r"Ada\.txt"):
        replace(result, documents=(replace(result.documents[0], characters=2),))


def test_a_result_cannot_list_a_document_twice() -> None:
    result = result_of("Ada")
    with pytest.raises(InvariantError, match="twice"):
        replace(result, documents=result.documents * 2)


def test_combined_results_stand_in_the_order_given() -> None:
    both = combine([result_of("Zoe"), result_of("Ada")])
    assert [document.source for document in both.documents] == ["Zoe.txt", "Ada.txt"]
    assert [entity.label for entity in both.graph.entities] == ["Zoe", "Ada"]
    assert [relation.id for relation in both.graph.relations] == ["r-Zoe", "r-Ada"]


def test_combined_results_sum_counts_costs_and_rejections() -> None:
    one = result_of("Ada", ((Reason.LOW_CONFIDENCE, 2), (Reason.NOT_IN_TEXT, 1)))
    both = combine([one, result_of("Zoe", ((Reason.NOT_IN_TEXT, 3),))])
    assert both.stats == Stats(2, 2, 2, 2, Usage(2, 20, 10, 1.0), 4.0)
    assert both.rejected == ((Reason.LOW_CONFIDENCE, 2), (Reason.NOT_IN_TEXT, 4))


def test_a_document_given_twice_appears_once() -> None:
    ada, zoe = result_of("Ada"), result_of("Zoe")
    assert combine([ada, zoe, ada]) == combine([ada, zoe])
    assert combine([ada]) == ada


def test_an_unreadable_document_stays_in_the_combination_once() -> None:
    unread = ExtractionResult(ACME, (), KnowledgeGraph(), missing=(missing_from(DocumentId("document_x")),))
    assert combine([unread, result_of("Ada"), unread]).missing == unread.missing


def test_results_that_cannot_be_combined_are_refused() -> None:
    ada, zoe, joe = result_of("Ada"), result_of("Zoe"), result_of("Joe")
    with pytest.raises(InvariantError, match="no result"):
        combine([])
    with pytest.raises(InvariantError, match="organisations"):
        combine([ada, ExtractionResult(OrganizationId("other"), (), KnowledgeGraph())])
    with pytest.raises(InvariantError, match="share some"):
        combine([combine([ada, zoe]), combine([zoe, joe])])
