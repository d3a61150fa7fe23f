"""A paragraph inserted into a novel is all that is paid for when it is read again: at most three chunks' questions."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import anyio.to_thread
import pytest
from tests.journals import ORGANIZATION, SetClock, worker

from lithograph.demo import demo_ontology
from lithograph.domain.document import Document
from lithograph.domain.fragment import Stage
from lithograph.durable.status import Status
from lithograph.extraction.chunk import chunk_document
from lithograph.extraction.extractor import Extractor
from lithograph.extraction.rules import RulesExtractor
from lithograph.extraction.settings import ExtractionSettings
from lithograph.graph.export.result_json import canonical_bytes
from lithograph.ontology.load import ontology_from_bytes
from lithograph.ontology.model import Ontology
from lithograph.storage.open import Storage, open_storage
from lithograph.testing.metered import BEGIN, Ledger, Metered, read_ledger
from lithograph.workflow.extraction import result_of_execution, run_extraction, start_extraction
from lithograph.workflow.extraction_input import ExtractionInput
from lithograph.workflow.extractors import ModelChoice

ONTOLOGY = ontology_from_bytes(demo_ontology(), source="ontology.ttl")
CLOCK = SetClock()
NOVELS = [
    "11_alices_adventures_in_wonderland",
    "158_emma",
    "521_the_life_and_adventures_of_robinson_crusoe",
    "768_wuthering_heights",
]
INSERTED = (
    "Josiah Marwick was born in Dunholm in 1841, and worked for the Marwick Map Company from his nineteenth year. "
    "Nobody at Dunholm had seen the letter. Agnes Rennie, who studied at the University of Edinburgh, had."
)
PLACES = [0.0, 0.5, 1.0]
"""Where the paragraph goes, as a share of all paragraphs."""


class Reading:
    """A database and the questions that each reading of a document buys."""

    def __init__(self, storage: Storage, folder: Path) -> None:
        self._storage, self._folder = storage, folder
        self._readings = 0

    async def read(self, text: str) -> tuple[bytes, list[str]]:
        """Return the result, without what differs between two runs, and the names of the questions that it bought."""
        self._readings += 1
        path = self._folder / f"ledger-{self._readings}"
        document, extractor = Document.from_text(text, source="novel.txt"), self._extractor(path)
        settings = ExtractionSettings()
        given = ExtractionInput(document.id, document.source, ONTOLOGY.content_hash, "rules", settings)
        execution = start_extraction(self._storage, document, ONTOLOGY, extractor, given, CLOCK)

        def named(choice: ModelChoice, ontology: Ontology) -> Extractor:
            return extractor

        assert await run_extraction(worker(self._storage), execution, named=named) is Status.COMPLETED
        result = partial(result_of_execution, self._storage, ORGANIZATION, execution.id)
        found = canonical_bytes(await anyio.to_thread.run_sync(result))
        return found, [entry.key for entry in read_ledger(path) if entry.what == BEGIN]

    @staticmethod
    def _extractor(ledger: Path) -> Metered:
        return Metered(RulesExtractor(ONTOLOGY), Ledger(ledger), latency=0.0)


@contextmanager
def reading(folder: Path) -> Iterator[Reading]:
    """Give a database of its own."""
    folder.mkdir()
    with open_storage(f"sqlite:///{folder}/graph.db") as storage:
        yield Reading(storage, folder)


def paragraphs_of(novel: Path, characters: int | None) -> list[str]:
    """Return the paragraphs of a novel, or of as much of its beginning as has so many characters."""
    text = novel.read_text(encoding="utf-8")[:characters]
    return [part for part in text.split("\n\n") if part.strip()]


async def check(paragraphs: list[str], place: float, folder: Path) -> None:
    """Read a text, insert a paragraph, read it again, and compare with a reading that knew nothing before."""
    cut = round(place * len(paragraphs))
    before = "\n\n".join(paragraphs)
    edited = "\n\n".join([*paragraphs[:cut], INSERTED, *paragraphs[cut:]])
    known = {chunk.text for chunk in chunk_document(Document.from_text(before))}
    chunks = chunk_document(Document.from_text(edited))
    changed = {chunk.id for chunk in chunks if chunk.text not in known}

    with reading(folder / "known") as at:
        _, everything = await at.read(before)
        found, bought = await at.read(edited)
    assert {key.split("/")[0] for key in everything} == {Stage.MENTIONS, Stage.ENTITIES, Stage.RELATIONS}
    assert {key.split("/")[1] for key in bought} == changed
    assert 1 <= len(changed) <= 3
    assert len(bought) < len(everything) / 10

    with reading(folder / "fresh") as at:
        fresh, all_anew = await at.read(edited)
    assert found == fresh
    assert b"Josiah Marwick" in fresh
    assert len(all_anew) > len(chunks)


@pytest.mark.parametrize("place", PLACES)
async def test_a_paragraph_inserted_into_part_of_a_novel_is_all_that_is_bought(
    shared_data: Path, tmp_path: Path, place: float
) -> None:
    novel = shared_data / "novels" / f"{NOVELS[0]}.txt"
    await check(paragraphs_of(novel, 50_000), place, tmp_path)


@pytest.mark.heavy
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("novel", NOVELS)
async def test_a_paragraph_inserted_into_a_whole_novel_is_all_that_is_bought(
    shared_data: Path, tmp_path: Path, novel: str, place: float
) -> None:
    await check(paragraphs_of(shared_data / "novels" / f"{novel}.txt", None), place, tmp_path)
