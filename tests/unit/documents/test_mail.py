import base64
from email.message import EmailMessage
from email.mime.application import MIMEApplication
from email.mime.base import MIMEBase
from email.mime.image import MIMEImage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

from lithograph.documents.kind import Kind
from lithograph.documents.mail import mail_text
from lithograph.errors import DocumentError


def refuse(data: bytes, name: str, kind: Kind) -> str:
    raise DocumentError(f"{name} is broken")


def text_of(mail: EmailMessage | bytes) -> str:
    return mail_text(mail if isinstance(mail, bytes) else mail.as_bytes(), "a.eml", refuse)


def mail_with(body: str = "The body.") -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = "A subject"
    mail["From"] = "Zoë <zoe@example.org>"
    mail["Received"] = "not seen"
    mail.set_content(body)
    return mail


def test_the_headers_that_matter_come_first_in_a_fixed_order() -> None:
    mail = mail_with()
    mail["Date"] = "Fri, 16 Dec 2022 17:04:16 -0500"
    mail["Cc"] = "c@example.org"
    mail["To"] = "a@example.org, b@example.org"
    assert text_of(mail) == (
        "From: Zoë <zoe@example.org>\nTo: a@example.org, b@example.org\nCc: c@example.org\n"
        "Date: Fri, 16 Dec 2022 17:04:16 -0500\nSubject: A subject\n\nThe body."
    )


def test_the_plain_body_is_preferred_to_html() -> None:
    mail = mail_with("plain words")
    mail.add_alternative("<p>rich words", subtype="html")
    assert text_of(mail).endswith("\n\nplain words")


@pytest.mark.parametrize("plain", ["", " \n"])
def test_html_becomes_text_where_there_is_no_plain_body(plain: str) -> None:
    mail = mail_with(plain)
    mail.add_alternative("<p>rich &amp; <b>bold", subtype="html")
    assert text_of(mail).endswith("A subject\n\nrich & bold")


def test_an_attachment_follows_its_name() -> None:
    mail = mail_with()
    mail.add_attachment("one\r\ntwo\r\n", filename="notes.txt")
    mail.add_attachment(b"<p>page", maintype="application", subtype="octet-stream", filename="page.html")
    assert text_of(mail).endswith("The body.\n\nnotes.txt\n\none\ntwo\n\npage.html\n\npage")


def multi(subtype: str, *parts: MIMEBase) -> MIMEMultipart:
    made = MIMEMultipart(subtype)
    for part in parts:
        made.attach(part)
    return made


def plain(text: str, name: str = "") -> MIMEText:
    made = MIMEText(text)
    if name:
        made.add_header("Content-Disposition", "attachment", filename=name)
    return made


def html(text: str) -> MIMEText:
    return MIMEText(f"<p>{text}", "html")


BODY, NOTES = plain("The body."), plain("one", "notes.txt")
SIGNATURE = MIMEApplication(b"-----BEGIN PGP SIGNATURE-----", "pgp-signature")
PICTURE = MIMEImage(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde", "png")
NESTED = {
    "an attachment to the HTML": (
        multi("alternative", BODY, multi("mixed", html("rich"), NOTES)),
        "The body.\n\nnotes.txt\n\none",
    ),
    "a signature": (multi("signed", multi("mixed", BODY, NOTES), SIGNATURE), "The body.\n\nnotes.txt\n\none"),
    "a list's footer": (
        multi("mixed", multi("mixed", BODY, NOTES), plain("The list")),
        "The body.\n\nnotes.txt\n\none\n\nThe list",
    ),
    "two bodies": (multi("mixed", BODY, html("a second")), "The body.\n\na second"),
    "a body after its attachment": (multi("mixed", NOTES, BODY), "The body.\n\nnotes.txt\n\none"),
    "two in two ways": (
        multi("mixed", multi("alternative", BODY, html("rich")), multi("alternative", html("more"), plain(" "))),
        "The body.\n\nmore",
    ),
    "a part that has no name": (
        multi("mixed", BODY, MIMEText("SUMMARY:Board meeting\nLOCATION:Leith", "calendar")),
        "The body.\n\nSUMMARY:Board meeting\nLOCATION:Leith",
    ),
    "HTML with its pictures": (
        multi("alternative", plain(""), multi("related", html("rich"), PICTURE)),
        "rich",
    ),
}


@pytest.mark.parametrize("what", NESTED)
def test_whatever_is_nested_is_there_once(what: str) -> None:
    mail, text = NESTED[what]
    assert text_of(mail.as_bytes()) == text


def test_an_attachment_that_cannot_be_read_is_left_out() -> None:
    mail = mail_with()
    mail.add_attachment(b"%PDF-1.7 broken", maintype="application", subtype="pdf", filename="a.pdf")
    mail.add_attachment(b"\x89PNG\r\n\x1a\n", maintype="image", subtype="png", filename="a.png")
    mail.add_attachment(b"\x00\x01", maintype="application", subtype="octet-stream", filename="a.bin")
    mail.add_attachment("kept", filename="last.txt")
    assert text_of(mail).endswith("The body.\n\nlast.txt\n\nkept")


def test_pdf_and_docx_are_given_to_their_reader() -> None:
    mail = mail_with()
    mail.add_attachment(b"%PDF-1.7", maintype="application", subtype="x-unknown", filename="a.pdf")
    seen = []

    def read(data: bytes, name: str, kind: Kind) -> str:
        seen.append((data, name, kind))
        return "words of the PDF"

    assert mail_text(mail.as_bytes(), "a.eml", read).endswith("a.pdf\n\nwords of the PDF")
    assert seen == [(b"%PDF-1.7", "a.pdf", Kind.PDF)]


def test_a_mail_that_is_one_file_gives_the_text_of_the_file() -> None:
    mail = EmailMessage()
    mail["Subject"] = "S"
    mail.set_content(b"%PDF-1.7", maintype="application", subtype="pdf", filename="a.pdf")
    assert mail_text(mail.as_bytes(), "a.eml", lambda *_: "words") == "Subject: S\n\na.pdf\n\nwords"


def test_an_attached_mail_is_read_like_a_mail_but_not_to_any_depth() -> None:
    mail = mail_with("level 0")
    for level in range(1, 9):
        outer = mail_with(f"level {level}")
        outer.add_attachment(mail)
        mail = outer
    text = text_of(mail)
    assert "level 8" in text
    assert "level 4" in text
    assert "level 3" not in text


def test_encodings_of_headers_and_bodies_are_undone() -> None:
    japanese = base64.b64encode("東京".encode("iso-2022-jp"))
    mail = b"Subject: =?iso-8859-1?q?caf=E9?=\nContent-Type: text/plain; charset=iso-2022-jp\n"
    mail += b"Content-Transfer-Encoding: base64\n\n" + japanese
    assert text_of(mail) == "Subject: café\n\n東京"


@pytest.mark.parametrize(
    ("mail", "text"),
    [
        (b"From: \xff\xfe<a@b.c>\n\nhi", "From: \ufffd\ufffd <a@b.c>\n\nhi"),
        (b"Content-Type: text/plain; charset=no-such\n\nhi", "hi"),
        (b"Content-Type: multipart/mixed\n\nno boundary", "no boundary"),
        (b"Content-Type: multipart/mixed; boundary=x\n\n--x\n\ncut off", "cut off"),
        (b"From: " + b"(" * 5_000 + b"\n\nhi", "From: " + "(" * 5_000 + "\n\nhi"),
        (b"Subject: a\n folded\n\n", "Subject: a folded"),
    ],
)
def test_malformed_mail_gives_what_it_holds(mail: bytes, text: str) -> None:
    assert text_of(mail) == text


def test_mail_that_the_parser_gives_up_on_is_an_error() -> None:
    with pytest.raises(DocumentError, match=r"^a.eml is not a mail that can be parsed"):
        text_of(b"Content-Type: " + b"(" * 100_000 + b"\n\nhi")
