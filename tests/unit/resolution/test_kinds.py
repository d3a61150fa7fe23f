from tests.builders import HARBOUR, ONTOLOGY, PERSON, SAILOR

from lithograph.domain.ids import Iri
from lithograph.ontology.model import Ontology, OntologyClass
from lithograph.resolution.kinds import Kinds


def test_a_class_below_one_that_is_called_a_person_is_one() -> None:
    kinds = Kinds(ONTOLOGY)
    assert [kinds.is_person(iri) for iri in (PERSON, SAILOR, HARBOUR)] == [True, True, False]


def test_the_label_decides_and_not_the_iri() -> None:
    odd, plain = Iri("http://x/Q5"), Iri("http://x/Person")
    classes = {odd: OntologyClass(odd, "human being"), plain: OntologyClass(plain, "Grammatical person")}
    kinds = Kinds(Ontology("", "x", "0", classes, {}))
    assert kinds.is_person(odd)
    assert not kinds.is_person(plain)


def test_a_class_that_the_ontology_does_not_know_is_no_person() -> None:
    assert not Kinds(ONTOLOGY).is_person(Iri("http://elsewhere.example/Person"))
