import math
import struct
from base64 import b64decode

import msgspec
import pytest

from lithograph.testing.fake_model.embeddings import DIMENSIONS, embedding, embeddings_answer, embeddings_ask


def likeness(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("text", ["Josiah Marwick", "a", "", "...", "日本語", "word " * 5_000])
@pytest.mark.parametrize("dimensions", [1, 3, 256, 1_536])
def test_every_vector_has_its_dimensions_and_length_1(text: str, dimensions: int) -> None:
    vector = embedding(text, dimensions)
    assert len(vector) == dimensions
    assert math.sqrt(likeness(vector, vector)) == pytest.approx(1.0)


def test_the_vector_of_a_text_is_the_same_for_ever() -> None:
    assert embedding("Marwick", 8) == [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]


def test_texts_that_share_words_are_near_each_other() -> None:
    press, also_press, other = map(
        embedding, ("the Carrick Press of Leith", "Carrick Press, Leith", "wool and herring")
    )
    assert likeness(press, also_press) > 0.7
    assert abs(likeness(press, other)) < 0.3


def test_case_and_marks_make_no_difference() -> None:
    assert embedding("Dunholm, by the sea") == embedding("dunholm by THE sea!")


def test_floats_and_base64_are_the_same_vectors() -> None:
    def vectors(format_: str) -> list[object]:
        ask = embeddings_ask(msgspec.json.encode({"model": "m", "input": ["a b", "c"], "encoding_format": format_}))
        return [one["embedding"] for one in msgspec.json.decode(embeddings_answer(ask))["data"]]

    floats, packed = vectors("float"), vectors("base64")
    assert isinstance(floats[0], list)
    assert len(floats[0]) == DIMENSIONS
    unpacked = [list(struct.unpack(f"<{DIMENSIONS}f", b64decode(str(one)))) for one in packed]
    for one, other in zip(floats, unpacked, strict=True):
        assert one == pytest.approx(other)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"input": ""}, "cannot be an empty string"),
        ({"input": []}, "cannot be an empty string"),
        ({"input": ["a", ""]}, "cannot be an empty string"),
        ({"input": "a", "dimensions": 0}, "Invalid 'dimensions'"),
        ({"input": "a", "dimensions": 10**9}, "Invalid 'dimensions'"),
        ({"input": "a", "encoding_format": "hex"}, "Invalid 'encoding_format'"),
        ({"input": "a", "dimensions": 8}, ""),
    ],
)
def test_what_a_provider_would_object_to_is_objected_to(fields: dict[str, object], said: str) -> None:
    ask = embeddings_ask(msgspec.json.encode({"model": "m"} | fields))
    assert said in ask.complaint
    assert bool(said) is bool(ask.complaint)
