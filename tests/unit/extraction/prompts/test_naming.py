from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from tests.builders import ONTOLOGY, PERSON, WORKS_FOR

from lithograph.domain.ids import Iri
from lithograph.extraction.prompts.naming import Names, Naming
from lithograph.ontology.model import OntologyClass

IRIS = [Iri(base + name) for base in ("http://a/", "http://b#", "urn:c:", "") for name in ("Person", "Place", "x%20y")]
LABELS = ["Person", "Place", "x y", "person", "Ort", *IRIS]


def made(labels: dict[Iri, str]) -> Names:
    return Names.made({iri: OntologyClass(iri, label) for iri, label in labels.items()})


@given(st.dictionaries(st.sampled_from(IRIS), st.sampled_from(LABELS), max_size=12))
def test_whatever_clashes_every_term_has_a_name_of_its_own_that_leads_back_to_it(labels: dict[Iri, str]) -> None:
    names = made(labels)
    called = {iri: names.of(iri) for iri in labels}
    assert len(set(called.values())) == len(labels)
    assert all(names.iri(name) == iri for iri, name in called.items())
    shared = Counter(labels.values())
    for iri, label in labels.items():
        if shared[label] == 1 and label not in labels:
            assert called[iri] == label


def test_a_label_that_two_have_gives_way_to_local_names_and_these_to_iris() -> None:
    person, human, place = Iri("http://a/Person"), Iri("http://b/Human"), Iri("http://c/Place")
    assert made({person: "being", human: "being", place: "Place"}).all_of([person, human, place]) == [
        "Human",
        "Person",
        "Place",
    ]
    other = Iri("http://d/Person")
    assert made({person: "being", other: "being"}).of(other) == other
    # A local name that is somebody's label is not free.
    assert made({person: "being", human: "being", place: "Person"}).of(person) == person


def test_classes_and_properties_are_named_apart_and_what_is_unknown_is_called_by_its_iri() -> None:
    naming = Naming.of(ONTOLOGY)
    assert (naming.classes.of(PERSON), naming.properties.of(WORKS_FOR)) == ("Person", "works for")
    assert naming.classes.of(WORKS_FOR) == WORKS_FOR
    assert (naming.classes.iri("works for"), naming.classes.iri("Person")) == (None, PERSON)
