import pytest
from tests.builders import (
    BORN,
    DATE,
    FOUNDED,
    HARBOUR,
    KNOWS,
    LIVES_IN,
    ONTOLOGY,
    ORGANIZATION,
    SAILOR,
    WORKS_FOR,
    StandIn,
    chunk_of,
    find,
    mention,
    rejections,
)

from lithograph.domain.facts import XSD, XSD_STRING, Flag, Link, Literal, Mention
from lithograph.domain.fragment import Fragment, Reason
from lithograph.domain.ids import Iri
from lithograph.extraction.extractor import Candidate, ProposedRelation, RelationQuestion
from lithograph.extraction.relations import nearest, relate
from lithograph.extraction.settings import Constraint, ExtractionSettings

CHUNK = chunk_of("Ada sails. Acme was founded in 1901. Ada works for Acme. She lives in Dover, Ada does.")
ADAS = tuple(mention(CHUNK, "Ada", n) for n in range(3))
ACMES = tuple(mention(CHUNK, "Acme", n) for n in range(2))
DOVER = mention(CHUNK, "Dover")
QUESTION = RelationQuestion(
    CHUNK,
    (
        Candidate("Ada", (SAILOR,), ADAS),
        Candidate("Acme", (ORGANIZATION,), ACMES),
        Candidate("Dover", (HARBOUR,), (DOVER,)),
    ),
    tuple(ONTOLOGY.properties.values()),
)
ADA, ACME, HOME = range(3)
EMPLOYED = "Ada works for Acme."


async def related(*proposals: ProposedRelation, constraint: Constraint = Constraint.FLAG) -> Fragment:
    settings = ExtractionSettings(constraint=constraint)
    return await relate("relations/c", QUESTION, StandIn(relations_of=lambda _: proposals), ONTOLOGY, settings)


async def link_of(proposal: ProposedRelation) -> Link:
    found = await related(proposal)
    assert rejections(found) == {}
    (link,) = found.links
    return link


async def test_a_relation_joins_the_mentions_that_its_evidence_holds() -> None:
    link = await link_of(ProposedRelation(ADA, WORKS_FOR, ACME, (EMPLOYED,), 0.8))
    assert (link.subject, link.object) == (ADAS[1].id, ACMES[1].id)
    assert ([span.text for span in link.evidence], link.confidence, link.flags) == ([EMPLOYED], 0.8, ())


async def test_evidence_from_several_quotes_is_in_document_order_and_what_is_not_there_is_left_out() -> None:
    quotes = ("She lives in Dover", "Ada sails.", "she loves Dover dearly", "Ada sails.")
    link = await link_of(ProposedRelation(ADA, LIVES_IN, HOME, quotes))
    assert [span.text for span in link.evidence] == ["Ada sails.", "She lives in Dover"]


@pytest.mark.parametrize("quotes", [(), ("",), ("Ada is employed by Acme",)])
async def test_a_relation_without_located_evidence_is_rejected(quotes: tuple[str, ...]) -> None:
    found = await related(ProposedRelation(ADA, WORKS_FOR, ACME, quotes))
    assert not found.links
    assert rejections(found) == {Reason.NO_EVIDENCE: 1}


async def test_unknown_properties_and_ends_and_relations_to_itself_are_counted() -> None:
    found = await related(
        ProposedRelation(ADA, Iri("http://elsewhere.example/p"), ACME, (EMPLOYED,)),
        ProposedRelation(3, WORKS_FOR, ACME, (EMPLOYED,)),
        ProposedRelation(ADA, WORKS_FOR, -1, (EMPLOYED,)),
        ProposedRelation(ADA, KNOWS, ADA, (EMPLOYED,)),
    )
    assert not found.links
    assert rejections(found) == {Reason.UNKNOWN_PROPERTY: 1, Reason.UNKNOWN_END: 2, Reason.SELF_RELATION: 1}


async def test_a_subclass_fits_where_its_superclass_is_asked_for() -> None:
    assert (await link_of(ProposedRelation(ADA, LIVES_IN, HOME, ("She lives in Dover",)))).flags == ()


@pytest.mark.parametrize(
    ("subject", "predicate", "target", "flags"),
    [
        (HOME, WORKS_FOR, ACME, {Flag.DOMAIN}),
        (ADA, WORKS_FOR, HOME, {Flag.RANGE}),
        (ACME, WORKS_FOR, HOME, {Flag.DOMAIN, Flag.RANGE}),
        (ADA, BORN, HOME, {Flag.RANGE}),
        (ADA, LIVES_IN, Literal("Dover"), {Flag.RANGE}),
        (ACME, FOUNDED, Literal("1901", XSD_STRING), {Flag.RANGE}),
    ],
)
async def test_ends_that_do_not_fit_are_flagged_or_under_strict_dropped(
    subject: int, predicate: Iri, target: int | Literal, flags: set[Flag]
) -> None:
    proposal = ProposedRelation(subject, predicate, target, (EMPLOYED,))
    assert set((await link_of(proposal)).flags) == flags
    strict = await related(proposal, constraint=Constraint.STRICT)
    assert not strict.links
    assert rejections(strict) == {Reason.CONSTRAINT: 1}


@pytest.mark.parametrize(
    ("predicate", "value"),
    [(FOUNDED, Literal("1901-01-01", DATE)), (KNOWS, Literal("1901", Iri(XSD + "gYear"))), (KNOWS, Literal("1901"))],
)
async def test_a_literal_of_an_allowed_datatype_fits(predicate: Iri, value: Literal) -> None:
    link = await link_of(ProposedRelation(ACME, predicate, value, ("Acme was founded in 1901.",)))
    assert (link.object, link.flags) == (value, ())
    assert link.subject == ACMES[0].id


async def test_one_relation_proposed_twice_is_one_link() -> None:
    found = await related(*[ProposedRelation(ADA, WORKS_FOR, ACME, (EMPLOYED,))] * 2)
    assert len(found.links) == 1


def test_the_nearest_mention_lies_in_the_evidence_or_closest_to_it() -> None:
    def near(text: str) -> Mention:
        return nearest(ADAS, [find(CHUNK, text)])

    assert near(EMPLOYED) == ADAS[1]
    assert near("Acme was founded") == ADAS[0]
    assert near("Dover") == ADAS[2]
    assert near("Ada sails. Acme was founded in 1901. Ada works") == ADAS[0]
