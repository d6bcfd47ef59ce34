"""How mail is read before it is understood: charsets, headers, parts, HTML, status fields."""

import pytest

from wire.reports import addresses, charsets, delivery_status, diagnosis, headers, html, letter
from wire.rulebook import shipped


@pytest.mark.parametrize(
    ("octets", "charset", "text"),
    [
        (b"plain", "", "plain"),
        ("配信".encode("iso2022_jp"), "", "配信"),
        ("配信".encode("iso2022_jp"), "us-ascii", "配信"),
        ("配信".encode("cp932"), "Shift_JIS", "配信"),
        ("配信できません".encode("euc_jp"), "", "配信できません"),
        ("配信".encode(), "iso-2022-jp", "配信"),
        ("配信".encode(), '"utf-8"', "配信"),
        ("é".encode("latin-1"), "iso-8859-1", "é"),
        (b"caf\xe9", "punycode", "caf\u9234"[:3] + "é"),
        (b"\xff\xff\x81", "unheard-of", "ÿÿ\x81"),
        ("退信".encode("gb18030"), "gb2312", "退信"),
        ("é".encode(), "iso-8859-99", "é"),
    ],
)
def test_text_is_read_by_its_label_or_its_looks(octets, charset, text):
    assert charsets.text_of(octets, charset) == text


@pytest.mark.parametrize(
    ("octets", "encoding", "decoded"),
    [
        (b"SGVs\nbG8=", "BASE64", b"Hello"),
        (b"SGVsbG8", "base64", b"Hello"),
        (b"SGVsb", "base64", b"Hel"),
        (b"a=3Db=\nc", "quoted-printable", b"a=bc"),
        (b"a=b", "7bit", b"a=b"),
    ],
)
def test_transfer_encodings_are_undone_even_cut_short(octets, encoding, decoded):
    assert charsets.transfer_decoded(octets, encoding) == decoded


def test_wrongly_folded_fields_are_one_value():
    head = headers.read(
        b"List-Help: \n<mailto:a@b.example>\nSubject: =?utf-8?q?a?=\n =?utf-8?b?YmM=?="
    )
    assert head.get("list-help") == "<mailto:a@b.example>"
    assert head.words("subject") == "abc"


@pytest.mark.parametrize("word", ["=?utf-8?b?A?=", "=?utf-8?x?A?=", "=?utf-8?q?A"])
def test_broken_encoded_words_stay_as_they_are(word):
    assert headers.decoded(word) == word


def test_parameters_are_read_quoted_and_bare():
    kind, found = headers.parameters(
        'Multipart/Report; boundary="a\\"b"; report-type=x; charset*=y'
    )
    assert (kind, found) == (
        "multipart/report",
        {"boundary": 'a"b', "report-type": "x", "charset": "y"},
    )


def test_a_lost_boundary_is_guessed_from_the_body():
    mail = letter.read(
        b"Content-Type: multipart/mixed; boundary=gone\n\n"
        b"--here\nContent-Type: text/plain\n\na\n--here--\n"
    )
    assert [part.text for part in mail.parts] == ["a"]


def test_a_longer_boundary_is_not_taken_for_a_shorter_one():
    mail = letter.read(
        b"Content-Type: multipart/mixed; boundary=b\n\n"
        b"--b\nContent-Type: multipart/mixed; boundary=bb\n\n"
        b"--bb\n\ninner\n--bb--\n--b--\n"
    )
    assert [part.text for part in mail.walk() if not part.parts] == ["inner"]


def test_html_becomes_lines_and_keeps_addresses_in_brackets():
    page = (
        "<style>p{}</style><p>To&nbsp;<b>taro</b></p><td>a</td><br><taro@receiver.example><script>x"
    )
    assert html.words(page).split("\n") == ["", "To taro", " a".strip(), "<taro@receiver.example>x"]


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("rfc822; taro@receiver.example", "taro@receiver.example"),
        ("RFC822;<taro@receiver.example>", "taro@receiver.example"),
        ("utf-8; t\\x{E4}ro@receiver.example", "täro@receiver.example"),
        ("utf-8; t\\x{110000}ro@receiver.example", "tro@receiver.example"),
        ("X400; c=jp;a= ;p=corp;dda:SMTP=taro@receiver.example;", "taro@receiver.example"),
        ("rfc822; =?utf-8?q?taro=40receiver.example?=", "taro@receiver.example"),
        ('rfc822; "ta ro"@receiver.example', '"ta ro"@receiver.example'),
        ("rfc822; root", ""),
        ("", ""),
    ],
)
def test_recipient_fields_come_in_many_forms(value, address):
    assert delivery_status.address(value) == address


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("宛先user@receiver.exampleへ", ["user@receiver.example"]),
        ("'a.b.@docomo.example' and \"c d\"@e.example.", ["a.b.@docomo.example"]),
        ("SMTP=a@b.example, mailto:c@d.example", ["a@b.example", "c@d.example"]),
        ("a@[192.0.2.1] @ x@ @y", ["a@[192.0.2.1]"]),
        ("a@b.example a@b.example", ["a@b.example"]),
    ],
)
def test_addresses_are_found_in_running_text(line, found):
    assert list(addresses.found(line)) == found


@pytest.mark.parametrize(
    ("text", "status", "code", "enhanced"),
    [
        ("smtp; 550 5.1.1 no", "5.0.0", 550, "5.1.1"),
        ("host mx[192.0.2.1] said: 550-5.7.1 x 550 5.7.1 y", "", 550, "5.7.1"),
        ("Sorry, no mailbox here by that name. (#5.1.1)", "", None, "5.1.1"),
        ("Mailbox full", "5.2.2 (over quota)", None, "5.2.2"),
        ("on 12 Nov 2026 from 192.0.2.50", "bad", None, ""),
        ("5.1.1", "4.4.7", None, "4.4.7"),
    ],
)
def test_the_reply_is_picked_out_of_the_words(text, status, code, enhanced):
    found = diagnosis.of(text, book=shipped(), status=status)
    assert (found.code, found.status) == (code, enhanced)


def test_the_words_around_help_where_the_diagnostic_says_nothing():
    found = diagnosis.of("Failed", book=shipped(), context="The mailbox of this user is full.")
    assert found.verdict.category == "mailbox-full"
    assert found.text == "Failed"


@pytest.mark.parametrize(
    ("words", "category"),
    [
        (">>> RCPT TO:<taro@docomo.ne.jp>\n<<< 550 Unknown user", "unknown-user"),
        (">>> DATA\n<<< 550 Unknown user", "recipient-policy"),
        (">>> DATA\n<<< 550 Unknown user\n<<< 503 Need RCPT (recipient)", "unknown-user"),
        ("said: 550 Unknown user (in reply to end of DATA command)", "recipient-policy"),
    ],
)
def test_the_phase_is_read_from_the_transcript(words, category):
    text = "550 Unknown user taro@docomo.ne.jp"
    found = diagnosis.of(text, book=shipped(), context=words)
    assert found.verdict.category == category


@pytest.mark.parametrize(
    ("diagnostic", "code", "said"),
    [
        ("550 5.1.1 <a@b.example>... User unknown", 550, "5.1.1 <a@b.example>... User unknown"),
        ("host mx.b.example[192.0.2.1] said: 450 4.2.0 wait (in reply to RCPT TO command)",
         450, "4.2.0 wait"),
        ("550-one 550 two", 550, "one two"),
        ("The mailbox is gone", None, "The mailbox is gone"),
    ],
)  # fmt: skip
def test_the_reply_is_told_from_the_words_of_who_quotes_it(diagnostic, code, said):
    found = diagnosis.quote(diagnostic)
    assert (found.code, found.text) == (code, said)
