from collections.abc import Callable

import pytest

from lithograph.domain.ids import Iri
from lithograph.ontology.model import Ontology, OntologyClass

Dog = Callable[..., OntologyClass]


def iri(name: str) -> Iri:
    return Iri("http://example.org/" + name)


@pytest.fixture
def dog(turtle: Callable[..., Ontology]) -> Dog:
    text = """
        :Dog a owl:Class ; rdfs:label "dog"@en , "Hund"@de , "chien"@fr ; skos:prefLabel "domestic dog"@en ;
            skos:altLabel "hound"@en , "Köter"@de , "Canis" ; skos:hiddenLabel "dogg"@en ;
            rdfs:comment "barks" , "bellt"@de .
        """
    return lambda *languages: turtle(text, *languages).classes[iri("Dog")]


def test_the_preferred_language_comes_before_the_preferred_predicate(dog: Dog) -> None:
    assert dog("en").label == "domestic dog"
    assert dog("de", "en").label == "Hund"
    assert dog("es", "fr").label == "chien"


def test_other_names_are_in_the_languages_asked_for_or_in_none(dog: Dog) -> None:
    assert dog("en").alternatives == ("Canis", "dog", "dogg", "hound")
    assert dog("de").alternatives == ("Canis", "Köter")


def test_a_comment_without_a_language_comes_before_one_in_another(dog: Dog) -> None:
    assert dog("en").comment == "barks"
    assert dog("de").comment == "bellt"


def test_a_regional_label_serves_its_language(turtle: Callable[..., Ontology]) -> None:
    known = turtle(':Lift a owl:Class ; rdfs:label "elevator"@en-US , "Aufzug"@de .')
    assert known.classes[iri("Lift")].label == "elevator"


def test_without_a_label_the_local_name_stands_as_it_is(turtle: Callable[..., Ontology]) -> None:
    known = turtle(
        ':CabernetSauvignon a owl:Class . <http://example.org/a/R%C3%A9gion/> a owl:Class ; rdfs:label " " .'
    )
    assert [c.label for c in known.classes.values()] == ["CabernetSauvignon", "Région"]
