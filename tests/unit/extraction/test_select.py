from lithograph.domain.document import Document, Span
from lithograph.extraction.select import heaviest

DOCUMENT = Document.from_text("x" * 20)


def select(*spans: tuple[int, int, float]) -> list[tuple[int, int]]:
    def span(item: tuple[int, int, float]) -> Span:
        return DOCUMENT.span(item[0], item[1])

    return [(start, end) for start, end, _ in heaviest(spans, span=span, weight=lambda item: item[2])]


def test_spans_that_only_touch_are_all_kept() -> None:
    assert select((5, 9, 1.0), (0, 5, 1.0), (9, 10, 1.0)) == [(0, 5), (5, 9), (9, 10)]


def test_one_heavy_span_outweighs_two_light_ones() -> None:
    assert select((0, 5, 1.0), (3, 8, 2.5), (7, 10, 1.0)) == [(3, 8)]


def test_two_spans_outweigh_one_that_each_of_them_loses_to() -> None:
    assert select((0, 5, 1.0), (3, 8, 1.5), (7, 10, 1.0)) == [(0, 5), (7, 10)]


def test_a_draw_goes_to_the_span_that_ends_first() -> None:
    assert select((2, 6, 1.0), (0, 4, 1.0)) == [(0, 4)]


def test_nothing_is_selected_from_nothing() -> None:
    assert select() == []
