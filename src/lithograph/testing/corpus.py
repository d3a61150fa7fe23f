"""Texts of any length that say something in terms of the demo's ontology: the same seed gives the same text."""

import random

_FIRST = ("Agnes", "Ingrid", "Josiah", "Margaret", "Edmund", "Helga", "Tobias", "Ruth", "Aldous", "Walter")
_LAST = ("Rennie", "Solheim", "Marwick", "Ashby", "Thorne", "Lindqvist", "Varga", "Okoro", "Pell", "Hartnell")
_PLACE = ("Dunholm", "Bergen", "Carrick", "Edinburgh", "Leith", "Tromso", "Aberdeen", "Utrecht")
_FIRM = ("Press", "Map Company", "Paper Mill", "Society", "Museum")


def generated_text(paragraphs: int, *, seed: int = 0) -> str:
    """Return a text of that many paragraphs of about 1,200 characters, each of which becomes about one chunk."""
    chance = random.Random(seed)  # noqa: S311  # prose, not a secret
    return "\n\n".join(_paragraph(chance, number) for number in range(1, paragraphs + 1)) + "\n"


def _paragraph(chance: random.Random, number: int) -> str:
    sentences = [f"This is the account of year {1700 + number} in the annals of the coast."]
    while sum(map(len, sentences)) < 1_150:
        person = f"{chance.choice(_FIRST)} {chance.choice(_LAST)}"
        place = chance.choice(_PLACE)
        firm = f"the {chance.choice(_PLACE)} {chance.choice(_FIRM)}"
        sentences.append(
            chance.choice(
                (
                    f"{person} was born in {place}, a harbour town of {chance.randint(2, 90)} hundred people.",
                    f"{firm[0].upper()}{firm[1:]} was founded by {person} in {chance.randint(1700, 1899)}.",
                    f"For some years {person} worked for {firm}, and nobody at {place} thought much of it.",
                    f"{person} studied at the University of {place} before the war.",
                    f"Later {firm} was based in {place}, above a seedsman.",
                )
            )
        )
    return " ".join(sentences)
