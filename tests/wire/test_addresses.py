import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wire.addresses import DOT_VIOLATING_DOMAINS, PLAIN, Address, InvalidAddress, parse

ADDRESSES = [
    ("taro@example.com", "taro@example.com"),
    ("Taro.Yamada+x@Example.CO.JP", "Taro.Yamada+x@example.co.jp"),
    ("  taro@example.com ", "taro@example.com"),
    ("\u3000ｔａｒｏ＠ｅｘａｍｐｌｅ．ｃｏ。ｊｐ", "taro@example.co.jp"),
    ("taro@example｡jp", "taro@example.jp"),
    ("taro@日本語.jp", "taro@xn--wgv71a119e.jp"),
    ("taro@XN--WGV71A119E.jp", "taro@xn--wgv71a119e.jp"),
    ("taro@faß.example", "taro@xn--fa-hia.example"),
    ("鳩@example.jp", "鳩@example.jp"),
    ("ﾊﾄ@example.jp", "ハト@example.jp"),
    ('"taro"@example.com', "taro@example.com"),
    ('"ta\\ro"@example.com', "taro@example.com"),
    ("o'neil/x=y@example.com", "o'neil/x=y@example.com"),
    ("taro@a-b.example", "taro@a-b.example"),
    ("taro@" + "a" * 63 + ".example", "taro@" + "a" * 63 + ".example"),
    ("a" * 64 + "@example.com", "a" * 64 + "@example.com"),
]

REFUSED = [
    ("", "empty"),
    (" \u3000 ", "empty"),
    ("taro", "no-at"),
    ("@example.com", "bad-local-part"),
    ('""@example.com', "bad-local-part"),
    ("taro jiro@example.com", "bad-local-part"),
    ('"taro jiro"@example.com', "bad-local-part"),
    ("taro@jiro@example.com", "bad-local-part"),
    ("Taro <taro@example.com>", "bad-domain"),
    ("taro,jiro@example.com", "bad-local-part"),
    ("....@docomo.ne.jp", "bad-local-part"),
    ("taro@example.com\r\nRCPT TO:<x@example.com>", "control-character"),
    ("taro@example.com\n", "control-character"),
    ("ta\x00ro@example.com", "control-character"),
    ("ta\tro@example.com", "control-character"),
    ("taro@exam\u200bple.com", "control-character"),
    ("ta\u202ero@example.com", "control-character"),
    ("ta\u2028ro@example.com", "control-character"),
    ("ta\ud800ro@example.com", "control-character"),
    ("a..b@example.com", "dots"),
    (".a@softbank.ne.jp", "dots"),
    ("a.@mail.docomo.ne.jp", "dots"),
    ("taro@", "bad-domain"),
    ("taro@localhost", "bad-domain"),
    ("taro@example.com.", "bad-domain"),
    ("taro@-example.com", "bad-domain"),
    ("taro@exa_mple.com", "bad-domain"),
    ("taro@example..com", "bad-domain"),
    ("taro@192.0.2.1", "bad-domain"),
    ("taro@[192.0.2.1]", "bad-domain"),
    ("taro@xn--a.com", "bad-domain"),
    ("taro@" + "a" * 64 + ".example", "bad-domain"),
    ("a" * 65 + "@example.com", "too-long"),
    ("鳩" * 22 + "@example.com", "too-long"),
    ("a" * 64 + "@" + "a." * 96 + "jp", "too-long"),
    ("a@" + "a." * 150 + "jp", "too-long"),
]


@pytest.mark.parametrize(("text", "meaning"), ADDRESSES)
def test_an_address_is_read_and_put_right(text: str, meaning: str) -> None:
    address = parse(text)
    assert address.text == address.mailbox == meaning
    assert address.rfc_violation is False


@pytest.mark.parametrize(("text", "code"), REFUSED)
def test_what_is_no_address_is_refused_with_its_reason(text: str, code: str) -> None:
    with pytest.raises(InvalidAddress) as refused:
        parse(text)
    assert refused.value.code == code
    sentence = str(refused.value)
    assert sentence.startswith("The ")
    assert sentence.endswith(".")
    assert sentence.isprintable()  # safe in a log and on a page


@pytest.mark.parametrize("domain", sorted(DOT_VIOLATING_DOMAINS))
@pytest.mark.parametrize("local", ["a..b", ".a", "a.", "a...b..c."])
def test_old_carrier_addresses_with_odd_dots_are_quoted_on_the_wire(
    local: str, domain: str
) -> None:
    address = parse(f"{local}@{domain}")
    assert address == Address(local, domain, rfc_violation=True)
    assert address.text == f"{local}@{domain}"
    assert address.mailbox == f'"{local}"@{domain}'


def test_all_spellings_of_a_mailbox_share_one_key() -> None:
    spellings = ["A..b@docomo.ne.jp", '"a..B"@DOCOMO.ne.jp', "ａ..b＠docomo。ne．jp"]
    assert {parse(spelling).key for spelling in spellings} == {"a..b@docomo.ne.jp"}


def test_the_quotes_count_towards_the_length_of_a_local_part() -> None:
    assert parse("." + "a" * 61 + "@docomo.ne.jp").rfc_violation
    with pytest.raises(InvalidAddress) as refused:
        parse("." + "a" * 62 + "@docomo.ne.jp")
    assert refused.value.code == "too-long"
    assert "65 octets of at most 64" in str(refused.value)


def test_only_a_local_part_beyond_ascii_needs_smtputf8() -> None:
    assert parse("鳩@example.jp").needs_smtputf8
    assert not parse("hato@鳩.jp").needs_smtputf8


@given(st.text())
@example('"@"@example.com')
@example('"\\"@example.com')
@example("℀@example.com")
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        address = parse(text)
    except InvalidAddress:
        return
    assert parse(address.text) == parse(address.mailbox) == address


@given(st.text(min_size=1, max_size=20))
def test_a_key_is_the_key_of_itself(local: str) -> None:
    try:
        key = parse(f"{local}@example.jp").key
    except InvalidAddress:
        return
    assert parse(key).key == key


LOCAL = st.from_regex(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,66}", fullmatch=True)
DOMAIN = st.sampled_from(["example.com", "docomo.ne.jp", "A.b-c.jp", "xn--wgv71a119e.jp"])


@given(LOCAL, DOMAIN)
def test_the_short_way_agrees_with_the_long_way(local: str, domain: str) -> None:
    text = f"{local}@{domain}"
    try:
        address = parse(f" {text}")  # the space sends it the long way
    except InvalidAddress:
        assert not PLAIN.fullmatch(text)
        return
    assert parse(text) == address
    assert parse(address.key).key == address.key
