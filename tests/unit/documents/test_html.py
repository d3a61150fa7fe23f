import pytest

from lithograph.documents.html import declared_encoding, html_text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>One<p>Two", "One\n\nTwo"),
        ("<h1>T</h1>\n  <div>loose <b>bold</b><i>er</i> text</div>tail", "T\n\nloose bolder text\n\ntail"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<p>a &amp; &lt;b&gt; &#8364; x*y_z*</p>", "a & <b> € x*y_z*"),
        ("<p>H<sub>2</sub>O</p>", "H2O"),
        ("<p>\n  spread\n  over   lines </p>", "spread over lines"),
        ("<p>no\u00a0break</p>", "no\u00a0break"),
        ("<ul><li>a<ul><li>b</ul><li>c</ul>d", "a\n\nb\n\nc\n\nd"),
        ("<dl><dt>term</dt><dd>meaning</dd></dl>", "term\nmeaning"),
        ("<pre>\ncode  x\n  y</pre>z", "code  x\n  y\n\nz"),
        ("<a href='http://x'>link</a> <img src=x alt='not seen'>end", "link end"),
        ("<title>T</title><style>p{}</style><script>if (a<b) '</p>'</script><p>seen", "seen"),
        ("<!-- no --><?php no ?><p>yes</p><svg><title>no</title></svg>", "yes"),
        ("<iframe/><p>still seen", "still seen"),
        ("just words", "just words"),
        ("<p>unclosed <b>tags <i>and </p> a < b", "unclosed tags and\n\na < b"),
        ("", ""),
    ],
)
def test_visible_text_is_kept_and_nothing_else(markup: str, text: str) -> None:
    assert html_text(markup) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<table><tr><th>A</th><th>B</th></tr><tr><td>1 | x</td><td>2</td></tr></table>", "A\tB\n1 | x\t2"),
        ("<table><tr><td>A<td>B<tr><td>1<td>2</table>after", "A\tB\n1\t2\n\nafter"),
        ("x<table><tr><td></td><td>B</td></tr><tr><td>1</td><td></td></tr></table>y", "x\n\n\tB\n1\t\n\ny"),
        ("<table><tr><td><p>A</p></td><td><p>B</p></td></tr><tr><td><p>1</p></td></tr></table>", "A\tB\n1"),
        ("<table><tr><td><p>A</p><p>B</p></td></tr></table>", "A\n\nB"),
    ],
)
def test_a_row_is_a_line_and_cells_are_separated_by_tabs(markup: str, text: str) -> None:
    assert html_text(markup) == text


def test_depth_does_no_harm() -> None:
    assert html_text("<div>" * 100_000 + "deep") == "deep"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"<meta charset=koi8-r>", "koi8-r"),
        (b'<META http-equiv="Content-Type" content="text/html; charset=windows-1251">', "windows-1251"),
        (b"<?xml version='1.0' encoding='utf-8'?>", "utf-8"),
        (b"<p>charset=none", None),
    ],
)
def test_the_encoding_that_a_page_names_is_found(data: bytes, encoding: str | None) -> None:
    assert declared_encoding(data) == encoding
