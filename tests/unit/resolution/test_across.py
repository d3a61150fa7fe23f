from tests.builders import ORGANIZATION, PERSON, PLACE

from lithograph.domain.ids import EntityId, ExecutionId, Iri
from lithograph.resolution.across import Named, clusters_of


def entity(
    name: str, *aliases: str, types: tuple[Iri, ...] = (PERSON,)
) -> tuple[str, tuple[str, ...], tuple[Iri, ...]]:
    return name, aliases, types


def together(*documents: list[tuple[str, tuple[str, ...], tuple[Iri, ...]]]) -> list[set[str]]:
    """Return the clusters by the places of their entities, as in "0.1": the second entity of the first document."""
    named = [
        [
            Named(ExecutionId(f"{number}"), EntityId(f"{number}.{place}"), label, aliases, types)
            for place, (label, aliases, types) in enumerate(found)
        ]
        for number, found in enumerate(documents)
    ]
    return [{entity for _, entity in cluster.members} for cluster in clusters_of(named)]


def test_equal_names_of_a_type_are_one() -> None:
    assert together([entity("Ann Rook")], [entity("ANN  rook")], [entity("Ann Book")]) == [{"0.0", "1.0"}]


def test_an_alias_is_a_name_too() -> None:
    assert together(
        [entity("International Map Company", "IMC", types=(ORGANIZATION,))],
        [entity("IMC", types=(ORGANIZATION,))],
        [entity("The Map Company", "IMC", types=(ORGANIZATION,))],
    ) == [{"0.0", "1.0", "2.0"}]


def test_things_of_different_kinds_are_two() -> None:
    assert together([entity("Carrick")], [entity("Carrick", types=(PLACE,))]) == []


def test_a_further_type_in_common_is_enough() -> None:
    both = (PLACE, ORGANIZATION)
    assert together([entity("Carrick", types=both)], [entity("Carrick", types=(ORGANIZATION,))]) == [{"0.0", "1.0"}]


def test_a_name_that_means_two_things_in_a_document_says_nothing_of_either() -> None:
    two = [entity("Ann Rook", "Rook"), entity("Bob Rook", "Rook")]
    assert together(two, [entity("Rook")]) == []
    assert together(two, [entity("Bob Rook", "Rook")]) == [{"0.1", "1.0"}]
    assert together(two, [entity("Rook")], [entity("Rook")]) == [{"1.0", "2.0"}]
    assert together([entity("Ann"), entity("Ann")], [entity("Ann")], [entity("Ann")]) == [{"1.0", "2.0"}]


def test_a_chain_of_aliases_does_not_bring_together_what_a_document_keeps_apart() -> None:
    assert together([entity("Ann"), entity("Bob")], [entity("Ann", "Bob")]) == [{"0.0", "1.0"}]
    assert together([entity("Ann"), entity("Bob")], [entity("Cid", "Ann", "Bob")]) == []


def test_a_chain_of_types_does_not_either() -> None:
    apart = [entity("Carrick", types=(PLACE,)), entity("Carrick", types=(ORGANIZATION,))]
    both = entity("Carrick", types=(PLACE, ORGANIZATION))
    assert together(apart, [both]) == [{"0.0", "1.0"}]


def test_documents_without_entities_do_not_matter() -> None:
    assert together([], [entity("Ann")], []) == []
    assert together() == []
