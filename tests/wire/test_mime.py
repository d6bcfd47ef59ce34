import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import iso2022jp, merge, mime
from wire.addresses import parse

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TARO = parse("taro@example.com")
LONG = (
    "【重要】とても長い日本語の件名がここに入りますのでabcどうぞ最後まで1つずつご確認ください" * 2
)
PDF = mime.Attachment("report.pdf", "application/pdf", bytes(range(256)) * 20)


def content(**changes: Any) -> mime.Content:
    made: dict[str, Any] = {
        "subject": "Hello",
        "from_name": "鳩便",
        "from_address": parse("info@example.jp"),
        "reply_to": None,
        "text": "",
        "html": "",
    }
    if not {"text", "html"} & set(changes):
        changes["text"] = "Hello\n"
    return mime.Content(**(made | changes))


def render(
    mail: mime.Content, headers: Sequence[tuple[str, str]] = (), **arguments: Any
) -> mime.Rendered:
    usual: dict[str, Any] = {
        "to": TARO,
        "values": {},
        "message_id": "1@example.jp",
        "date": NOW,
    }
    rendered = mime.compile(mail).render(**(usual | arguments), headers=headers)
    check_lines(rendered.data)
    return rendered


def check_lines(data: bytes) -> None:
    """What RFC 5322 and RFC 2047 ask of every message: a check, used by all tests."""
    assert data.endswith(b"\r\n")
    assert data.count(b"\n") == data.count(b"\r") == data.count(b"\r\n")
    lines = data.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    words = re.findall(rb"=\?[^?]+\?B\?[^?]*\?=", data)
    assert all(len(word) <= 75 for word in words)
    assert all(len(line) <= 76 for line in lines if b"=?" in line and b"?B?" in line)


def read(rendered: mime.Rendered) -> EmailMessage:
    message = message_from_bytes(rendered.data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    assert not any(part.defects for part in message.walk())
    return message


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def test_a_message_has_the_headers_of_rfc_5322() -> None:
    mail = content(reply_to=parse("desk@example.jp"), from_name="Hato, Inc.")
    rendered = render(mail, to_name="Taro Yamada", message_id="<1@example.jp>")
    head, _, text = rendered.data.partition(b"\r\n\r\n")
    assert head.decode().split("\r\n") == [
        'From: "Hato, Inc." <info@example.jp>',
        "Subject: Hello",
        "To: Taro Yamada <taro@example.com>",
        "Date: Fri, 02 Jan 2026 03:04:05 +0000",
        "Message-ID: <1@example.jp>",
        "Reply-To: desk@example.jp",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
    ]
    assert text == b"Hello\r\n"


@pytest.mark.parametrize("charset", ["utf-8", "auto", "iso-2022-jp"])
@pytest.mark.parametrize("subject", ["Hello", "", "鳩", LONG, "w" * 200, "ten words " * 30, "=?x"])
def test_a_subject_reads_back_the_same(subject: str, charset: str) -> None:
    message = read(render(content(subject=subject, charset=charset)))
    assert message["subject"] == subject.strip()


@pytest.mark.parametrize("charset", ["utf-8", "auto"])
@pytest.mark.parametrize("name", ["鳩", LONG, "w" * 200, "Hato, Inc. " * 9, "=?x?="])
def test_a_display_name_reads_back_the_same(name: str, charset: str) -> None:
    rendered = render(content(from_name=name, charset=charset))
    assert read(rendered)["from"].addresses[0].addr_spec == "info@example.jp"
    # Python's newer parser puts spaces between the encoded words of a display name.
    decoded = decode_header(message_from_bytes(rendered.data)["from"])
    shown = str(make_header(decoded)).removesuffix(" <info@example.jp>")
    assert shown == name.strip()


def test_text_and_html_are_alternatives_with_the_html_last() -> None:
    message = read(render(content(text="本文\n", html="<p>本文</p>\n" * 300)))
    assert message.get_content_type() == "multipart/alternative"
    kinds = [part.get_content_type() for part in message.iter_parts()]
    assert kinds == ["text/plain", "text/html"]
    assert body(message, "plain") == "本文\n"
    assert body(message, "html") == "<p>本文</p>\n" * 300


def test_html_alone_is_a_single_part_with_short_lines() -> None:
    rendered = render(content(html="<p>" + "x" * 5000 + "</p>"))
    assert read(rendered).get_content_type() == "text/html"
    assert max(map(len, rendered.data.split(b"\r\n"))) <= 76


def test_the_smaller_transfer_encoding_is_used() -> None:
    assert b"Transfer-Encoding: base64" in render(content(text="こんにちは\n")).data
    assert b"Transfer-Encoding: quoted-printable" in render(content(text="café au lait\n")).data


@pytest.mark.parametrize("charset", ["auto", "iso-2022-jp"])
def test_japanese_goes_as_iso_2022_jp_in_seven_bits(charset: str) -> None:
    mail = content(subject="{{ n }}様", text="{{ n }}様\n本文〜です\n", charset=charset)
    rendered = render(mail, values={"n": "山田～"})
    assert rendered.charset == "iso-2022-jp"
    assert rendered.data.isascii()
    assert b"charset=iso-2022-jp\r\nContent-Transfer-Encoding: 7bit\r\n" in rendered.data
    assert "山田〜様\r\n本文〜です\r\n".encode("iso2022_jp") in rendered.data
    assert read(rendered)["subject"] == "山田〜様"


@pytest.mark.parametrize("sign", ["①", "㈱", "♡", "🕊", "ﾊﾄ"])
@pytest.mark.parametrize("part", ["subject", "text", "html"])
def test_what_iso_2022_jp_cannot_hold_goes_as_utf_8(part: str, sign: str) -> None:
    fixed = content(**{"text": "本文\n", part: f"鳩{sign}便"}, charset="iso-2022-jp")
    merged = content(**{"text": "本文\n", part: "鳩{{ x }}便"}, charset="iso-2022-jp")
    assert render(fixed).charset == "utf-8"
    assert render(merged, values={"x": sign}).charset == "utf-8"
    assert render(merged, values={"x": "山"}).charset == "iso-2022-jp"


def test_an_escape_character_cannot_switch_the_readers_charset() -> None:
    mail = content(subject="{{ x }}", text="本文{{ x }}\n", charset="auto")
    rendered = render(mail, values={"x": "a\x1b$Bb"})
    assert rendered.charset == "utf-8"
    assert read(rendered)["subject"] == "a $Bb"


def test_every_sign_that_iso_2022_jp_takes_comes_back_the_same() -> None:
    taken = 0
    for sign in map(chr, [*range(0xD800), *range(0xE000, 0x10000)]):
        try:
            octets = iso2022jp.encode(sign)
        except UnicodeEncodeError:
            continue
        taken += 1
        assert octets.decode("iso2022_jp") == iso2022jp.jis_form(sign)
    assert taken > 6879  # the signs of JIS X 0208


def test_a_name_beyond_iso_2022_jp_goes_as_utf_8_by_itself() -> None:
    rendered = render(content(text="本文\n", charset="auto"), to_name="髙橋🕊")
    assert rendered.charset == "iso-2022-jp"
    assert read(rendered)["to"].addresses[0].display_name == "髙橋🕊"


@pytest.mark.parametrize("attack", ["long line", "boundary"])
def test_seven_bit_is_given_up_where_it_would_break_the_message(attack: str) -> None:
    mail = content(text="{{ x }}\n", html="<p>本文</p>", charset="iso-2022-jp")
    boundary = mime.compile(mail).boundary.decode()
    value = "あ" * 500 if attack == "long line" else f"\n--{boundary}.a--\n\nevil"
    rendered = render(mail, values={"x": value})
    message = read(rendered)
    assert rendered.charset == "iso-2022-jp"
    assert body(message, "plain") == value + "\n"
    assert "本文" in body(message, "html")


def test_html_values_are_escaped_and_text_values_are_not() -> None:
    mail = content(text="{{ x }}\n", html='<a href="{{ x }}">{{ x }}</a>')
    message = read(render(mail, values={"x": '<b>"&'}))
    assert body(message, "plain") == '<b>"&\n'
    safe = "&lt;b&gt;&quot;&amp;"
    assert body(message, "html").strip() == f'<a href="{safe}">{safe}</a>'


@pytest.mark.parametrize(
    "name",
    [
        "report.pdf",
        "見積書.pdf",
        "2026年度 御見積書（改訂版）" * 5 + ".pdf",
        "a" * 100,
        'a"b\\c.txt',
    ],
)
@pytest.mark.parametrize("charset", ["utf-8", "auto"])
def test_attachments_keep_their_name_type_and_octets(name: str, charset: str) -> None:
    attachment = mime.Attachment(name, "application/pdf", PDF.data)
    rendered = render(content(text="本文\n", attachments=(attachment, PDF), charset=charset))
    message = read(rendered)
    assert message.get_content_type() == "multipart/mixed"
    assert body(message, "plain") == "本文\n"
    first, second = message.iter_attachments()
    assert (first.get_filename(), first.get_content_type()) == (name, "application/pdf")
    assert first.get_content() == second.get_content() == PDF.data
    if not name.isascii():
        assert b"filename*" in rendered.data
        assert rendered.data.count(b' name="=?') == 1


def test_attachments_surround_text_and_html() -> None:
    message = read(render(content(text="a\n", html="<p>a</p>\n", attachments=(PDF,))))
    kinds = [part.get_content_type() for part in message.walk()]
    assert kinds == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "application/pdf",
    ]
    assert (body(message, "plain"), body(message, "html")) == ("a\n", "<p>a</p>\n")


def test_boundaries_depend_on_the_content_only() -> None:
    one = mime.compile(content(text="a")).boundary
    assert mime.compile(content(text="a")).boundary == one
    assert mime.compile(content(text="b")).boundary != one


def test_dot_violating_addresses_are_quoted_in_to() -> None:
    rendered = render(content(), to=parse("a..b@docomo.ne.jp"))
    assert b'\r\nTo: "a..b"@docomo.ne.jp\r\n' in rendered.data


def test_international_local_parts_stay_as_they_are() -> None:
    rendered = render(content(), to=parse("鳩@example.jp"))
    assert "\r\nTo: 鳩@example.jp\r\n".encode() in rendered.data


def test_long_names_and_addresses_are_folded_apart() -> None:
    address = parse("a" * 60 + "@example.com")
    rendered = render(content(), to=address, to_name='Taro "the pigeon" Yamada')
    assert b'\r\nTo: "Taro \\"the pigeon\\" Yamada"\r\n <aaaa' in rendered.data
    assert read(rendered)["to"].addresses[0].display_name == 'Taro "the pigeon" Yamada'


def test_unsubscribe_headers_of_the_product_are_folded_not_encoded() -> None:
    url = "https://example.jp/u/" + "t" * 120
    headers = [
        ("List-Unsubscribe", f"<mailto:u@example.jp>, <{url}>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    ]
    rendered = render(content(), headers)
    assert f"List-Unsubscribe: <mailto:u@example.jp>,\r\n <{url}>\r\n".encode() in rendered.data
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in rendered.data


def test_custom_headers_may_be_japanese_and_merged() -> None:
    mail = content(headers=(("X-Campaign", "春の{{ x }}"), ("X-Long", "v" * 1200)))
    message = read(render(mail, values={"x": "便り"}))
    assert message["x-campaign"] == "春の便り"
    assert message["x-long"] == "v" * 1200


INJECTIONS = [
    "\r\nBcc: x@evil.example",
    "\nBcc: x@evil.example\n\nbody",
    "\rBcc: x",
    "\0\x85\u2028",
]


@pytest.mark.parametrize("charset", ["utf-8", "auto"])
@pytest.mark.parametrize("attack", INJECTIONS)
def test_no_value_or_name_can_add_a_header(attack: str, charset: str) -> None:
    field = "a{{ x }}b"
    headers = (("X-Custom", field),)
    mail = content(subject=field, from_name=field, headers=headers, charset=charset)
    message = read(render(mail, values={"x": attack}, to_name=f"a{attack}b"))
    assert "bcc" not in message
    assert body(message, "plain") == "Hello\n"
    flat = " ".join(f"a{attack}b".replace("\0\x85\u2028", " ").split())
    for name in ("subject", "x-custom"):
        assert " ".join(message[name].split()) == flat


def file(name: str, kind: str) -> mime.Attachment:
    return mime.Attachment(name, kind, b"")


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"text": " \n", "html": ""}, "no-body", "neither a text nor an HTML"),
        ({"subject": "{{ x"}, "bad-merge", "In the subject: Line 1, column 1"),
        ({"html": "a\n{{ }}"}, "bad-merge", "In the HTML: Line 2, column 1"),
        ({"headers": (("Bad Name", "x"),)}, "header-name", "not valid"),
        ({"headers": (("X-A:\r\nBcc", "x"),)}, "header-name", "not valid"),
        ({"headers": (("X-A", "a\r\nBcc: x"),)}, "header-value", "line break"),
        ({"attachments": (file("a\nb", "text/csv"),)}, "attachment-name", "line break"),
        ({"attachments": (file(" ", "text/csv"),)}, "attachment-unnamed", "no file name"),
        ({"attachments": (file("a", "text"),)}, "attachment-type", "type/subtype"),
        ({"attachments": (file("a", "message/x"),)}, "attachment-multipart", "cannot be attached"),
    ],
)
def test_what_cannot_be_sent_is_refused_when_compiled(changes, code: str, words: str) -> None:
    with pytest.raises(mime.MimeError, match=re.escape(words)) as refused:
        mime.compile(content(**changes))
    assert refused.value.code == code


@pytest.mark.parametrize(
    "name",
    ["From", "to", "BCC", "Return-Path", "DKIM-Signature", "Content-Type", "List-Unsubscribe"],
)
def test_headers_that_are_not_the_senders_are_refused(name: str) -> None:
    with pytest.raises(mime.MimeError, match="written by the system"):
        mime.compile(content(headers=((name, "x"),)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"message_id": "no-at"}, "message id"),
        ({"message_id": "a@b>\r\nBcc: x"}, "message id"),
        ({"date": NOW.replace(tzinfo=None)}, "time zone"),
        ({"headers": [("Bcc", "x@example.com")]}, "written by the system"),
        ({"headers": [("X-A", "a\nBcc: x")]}, "line break"),
    ],
)
def test_what_is_malformed_is_refused_when_rendered(arguments, words: str) -> None:
    with pytest.raises(mime.MimeError, match=words):
        render(content(), **arguments)


def test_a_compiled_mailing_shows_its_fields_and_where_they_are() -> None:
    compiled = mime.compile(content(subject="{{ a }}", text="{{ b }} {{ a }}", html="x"))
    assert compiled.fields == {"a", "b"}
    unknown = [
        (part, error.field)
        for part, template in compiled.templates
        for error in merge.unknown_fields(template, {"a"})
    ]
    assert unknown == [("text", "b")]


CHARSETS = st.sampled_from(["utf-8", "auto", "iso-2022-jp"])
TWINS = str.maketrans("～－∥￠￡￢—", "〜−‖¢£¬―")


@given(st.text(max_size=120), st.text(max_size=40), CHARSETS)
def test_any_subject_and_name_read_back(subject: str, name: str, charset: str) -> None:
    mail = content(subject="{{ s }}", from_name="{{ n }}", charset=charset)
    rendered = render(mail, values={"s": subject, "n": name})
    flat = re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", subject).strip()
    expected = flat.translate(TWINS) if rendered.charset == "iso-2022-jp" else flat
    message = read(rendered)
    assert message["subject"] == expected
    assert message["from"].addresses[0].addr_spec == "info@example.jp"


@given(st.text(min_size=1, max_size=1500), CHARSETS)
def test_any_body_reads_back(text: str, charset: str) -> None:
    mail = content(text="{{ x }}", html="<p>x</p>", charset=charset)
    rendered = render(mail, values={"x": text})
    expected = text.replace("\r\n", "\n").replace("\r", "\n")
    expected = expected if expected.endswith("\n") else expected + "\n"
    if rendered.charset == "iso-2022-jp":
        expected = expected.translate(TWINS)
    assert body(read(rendered), "plain") == expected


def test_halves_of_surrogate_pairs_do_no_harm() -> None:
    message = read(render(content(subject="a\ud83dあ", text="a\ud83d\n")))
    assert message["subject"] == "a あ"
    assert body(message, "plain") == "a?\n"
