import dataclasses
from pathlib import Path

import pytest

from lithograph.demo import demo_ontology
from lithograph.documents.read import read_document
from lithograph.domain.document import Document
from lithograph.domain.fragment import Stage
from lithograph.domain.ids import OrganizationId
from lithograph.domain.result import combine
from lithograph.errors import DocumentError, IncompleteError, TransientError, UsageError
from lithograph.extraction.extractor import MentionAnswer, MentionQuestion
from lithograph.extraction.pipeline import ExtractionPipeline
from lithograph.extraction.progress import Progress
from lithograph.extraction.rules import RulesExtractor
from lithograph.extraction.settings import ExtractionSettings, OnMissing
from lithograph.ontology.load import ontology_from_bytes
from lithograph.workflow.files import extract_files

ONTOLOGY = ontology_from_bytes(demo_ontology(), source="ontology.ttl")
FAIL = ExtractionSettings()
SKIP = ExtractionSettings(on_missing=OnMissing.SKIP)
ACME = OrganizationId("acme")


class Unwell(RulesExtractor):
    """Cannot read what mentions a storm."""

    async def mentions(self, question: MentionQuestion) -> MentionAnswer:
        if "storm" in question.chunk.text:
            raise TransientError("the sea was rough")
        return await super().mentions(question)


def pipeline(settings: ExtractionSettings = FAIL) -> ExtractionPipeline:
    return ExtractionPipeline(ONTOLOGY, Unwell(ONTOLOGY), settings)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    texts = {
        "ann.txt": "Ann Rook was born in Dunholm.",
        "bob.md": "Bob Rook was born in Carrick.",
        "copy.txt": "Ann Rook was born in Dunholm.",
        "storm.txt": "There was a storm.",
        "empty.txt": "",
        "locked.pdf": "Ann Rook was born in Dunholm.",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return {name: tmp_path / name for name in (*texts, "absent.txt")}


async def test_results_are_those_of_the_documents_in_the_order_given(files: dict[str, Path]) -> None:
    paths = [files["bob.md"], files["ann.txt"]]
    steps: list[Progress] = []
    read: list[Document] = []

    result = await extract_files(paths, pipeline(), organization_id=ACME, progress=steps.append, read=read.append)

    documents = [read_document(path, organization_id=ACME) for path in paths]
    alone = combine([await pipeline().run(document) for document in documents])
    assert dataclasses.replace(result, stats=alone.stats) == alone
    assert len(result.graph.relations) == 2
    assert sorted(document.source for document in read) == sorted(map(str, paths))
    assert {(step.document, step.stage) for step in steps} == {
        (document.id, stage) for document in documents for stage in (Stage.MENTIONS, Stage.ENTITIES, Stage.RELATIONS)
    }


async def test_the_same_bytes_read_in_two_ways_are_two_documents(files: dict[str, Path]) -> None:
    page, source = files["bob.md"].with_name("page.html"), files["bob.md"].with_name("page.txt")
    for path in (page, source):
        path.write_text("<p>Ann <b>Rook</b> was born in Dunholm.</p>")

    result = await extract_files([page, source], pipeline())

    assert [document.media_type for document in result.documents] == ["text/html", "text/plain"]
    assert len({document.sha256 for document in result.documents}) == 1
    assert len({document.id for document in result.documents}) == 2


async def test_a_document_given_twice_counts_once(files: dict[str, Path]) -> None:
    once = await extract_files([files["ann.txt"]], pipeline())
    thrice = await extract_files([files["ann.txt"], files["copy.txt"], files["ann.txt"]], pipeline())

    assert dataclasses.replace(thrice, stats=once.stats) == once
    assert thrice.stats.chunks == once.stats.chunks


@pytest.mark.parametrize("bad", ["empty.txt", "locked.pdf", "absent.txt"])
async def test_one_unreadable_document_fails_before_any_is_processed(files: dict[str, Path], bad: str) -> None:
    steps: list[Progress] = []

    with pytest.raises(DocumentError, match=bad):
        await extract_files([files["ann.txt"], files[bad]], pipeline(), progress=steps.append)

    assert steps == []


async def test_what_cannot_be_read_or_processed_is_skipped_and_listed(files: dict[str, Path]) -> None:
    order = ["empty.txt", "ann.txt", "locked.pdf", "storm.txt", "absent.txt"]

    result = await extract_files([files[name] for name in order], pipeline(SKIP), organization_id=ACME)

    assert [document.source for document in result.documents] == [str(files["ann.txt"]), str(files["storm.txt"])]
    assert [(one.stage, one.chunk == "", one.start, one.attempts) for one in result.missing] == [
        (Stage.READ, True, 0, 1),
        (Stage.READ, True, 0, 1),
        (Stage.MENTIONS, False, 0, 1),
        (Stage.READ, True, 0, 1),
    ]
    for name, missing in zip(["empty.txt", "locked.pdf", "storm.txt", "absent.txt"], result.missing, strict=True):
        assert ("the sea was rough" if name == "storm.txt" else name) in missing.error
    # The locked file holds the same bytes as one that can be read, and is told apart from it.
    assert len({one.document for one in result.missing} | {one.id for one in result.documents}) == 5


async def test_an_unreadable_document_has_an_id_that_its_bytes_give_it(files: dict[str, Path]) -> None:
    locked = files["locked.pdf"]
    copy = locked.with_name("copy.pdf")
    copy.write_bytes(locked.read_bytes())
    results = [
        await extract_files(paths, pipeline(SKIP), organization_id=ACME) for paths in ([locked], [copy], [locked, copy])
    ]
    missing, *same = [found for result in results for found in result.missing]
    assert {found.document for found in same} == {missing.document}
    assert len(same) == 2
    (elsewhere,) = (await extract_files([locked], pipeline(SKIP))).missing
    assert elsewhere.document != missing.document


async def test_a_chunk_that_fails_for_good_fails_the_run(files: dict[str, Path]) -> None:
    with pytest.raises(IncompleteError, match=r"storm\.txt.*mentions.*the sea was rough"):
        await extract_files([files["ann.txt"], files["storm.txt"]], pipeline())


async def test_no_document_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="no document"):
        await extract_files([], pipeline())
