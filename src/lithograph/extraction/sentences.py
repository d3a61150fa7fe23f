"""Sentence boundaries, for every script: abbreviations, decimals and quotations do not end a sentence."""

from lithograph.domain.document import Sentence


def split_sentences(text: str, language: str = "en") -> list[Sentence]:
    """Return the sentences of `text` in order, without the white space around them.

    Every character that is not white space lies in exactly one sentence. `language` (ISO 639) chooses the
    abbreviations; the marks that end a sentence are those of all scripts.
    """
    import sentencex

    found = []
    for boundary in sentencex.get_sentence_boundaries(language, text):
        piece: str = boundary["text"]
        start: int = boundary["start_index"] + len(piece) - len(piece.lstrip())
        end = start + len(piece.strip())
        if start < end:
            found.append(Sentence(start, end))
    return found
