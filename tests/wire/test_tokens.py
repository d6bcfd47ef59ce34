import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import tokens

KEY = b"k" * 32
OTHER = b"o" * 32
IDS = st.integers(min_value=1, max_value=2**63 - 1)


def bounce(number: int, key: bytes = KEY) -> str:
    return tokens.bounce_address(delivery_id=number, domain="bounce.example.com", key=key)


def test_a_bounce_address_fits_a_local_part_and_any_case() -> None:
    address = bounce(2**63 - 1)
    local, _, domain = address.rpartition("@")
    assert len(local) == 31
    assert local.startswith("b-")
    assert local == local.lower()
    assert domain == "bounce.example.com"


@given(IDS)
def test_a_bounce_address_names_its_delivery_whatever_its_case(number: int) -> None:
    address = bounce(number)
    assert tokens.read_bounce_address(address, key=KEY) == number
    assert tokens.read_bounce_address(address.upper(), key=KEY) == number


@given(IDS, st.integers(min_value=2, max_value=30), st.sampled_from("abcdefghij234567"))
def test_a_changed_bounce_address_names_nothing(number: int, at: int, letter: str) -> None:
    address = bounce(number)
    forged = address[:at] + letter + address[at + 1 :]
    expected = number if forged == address else None
    assert tokens.read_bounce_address(forged, key=KEY) == expected


@given(st.text())
def test_any_other_text_is_no_bounce_address(text: str) -> None:
    assert tokens.read_bounce_address(text, key=KEY) is None
    assert tokens.read_bounce_address(f"b-{text}@example.com", key=KEY) is None


def test_a_bounce_address_of_another_key_or_without_its_prefix_is_not_ours() -> None:
    address = bounce(7)
    assert tokens.read_bounce_address(address, key=OTHER) is None
    assert tokens.read_bounce_address(address.removeprefix("b-"), key=KEY) is None
    assert tokens.read_bounce_address(address.partition("@")[0], key=KEY) is None


@pytest.mark.parametrize("number", [0, -1, 2**63])
def test_a_delivery_id_out_of_range_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="positive 64-bit"):
        bounce(number)


@given(st.binary(max_size=200), st.text(max_size=20))
def test_a_token_gives_its_payload_back(payload: bytes, purpose: str) -> None:
    token = tokens.sign(payload, purpose=purpose, key=KEY)
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert tokens.verify(token, purpose=purpose, key=KEY) == payload
    assert tokens.verify(token, purpose=purpose + "x", key=KEY) is None
    assert tokens.verify(token, purpose=purpose, key=OTHER) is None


@given(st.binary(min_size=1, max_size=40), st.integers(min_value=0), st.integers(1, 255))
def test_no_bit_of_a_token_can_be_changed(payload: bytes, at: int, change: int) -> None:
    token = tokens.sign(payload, purpose="unsubscribe", key=KEY)
    at %= len(token)
    forged = token[:at] + chr(ord(token[at]) ^ change) + token[at + 1 :]
    assert tokens.verify(forged, purpose="unsubscribe", key=KEY) is None


@pytest.mark.parametrize("token", ["", "a", "鳩", "=" * 40, "a" * 21, "a" * 22])
def test_what_is_no_token_gives_nothing(token: str) -> None:
    assert tokens.verify(token, purpose="unsubscribe", key=KEY) is None


def test_a_key_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="use at least 16"):
        tokens.sign(b"x", purpose="unsubscribe", key=b"short")


def test_a_mark_proves_one_number_for_one_purpose():
    proof = tokens.mark(7, purpose="message-id", key=KEY)
    assert len(proof) == 16
    assert tokens.is_marked(7, proof.upper(), purpose="message-id", key=KEY)
    assert not tokens.is_marked(8, proof, purpose="message-id", key=KEY)
    assert not tokens.is_marked(7, proof, purpose="another", key=KEY)
    assert not tokens.is_marked(7, proof, purpose="message-id", key=b"x" * 32)


@pytest.mark.parametrize("text", ["", "short", "\u017f" * 16, "\udcff" * 16])
def test_what_is_no_mark_proves_nothing(text):
    assert not tokens.is_marked(7, text, purpose="message-id", key=KEY)


@given(IDS)
def test_an_unsubscribe_address_names_its_delivery_and_is_no_bounce_address(number: int) -> None:
    address = tokens.unsubscribe_address(delivery_id=number, domain="b.example", key=KEY)
    assert len(address.partition("@")[0]) == 31
    assert tokens.read_unsubscribe_address(address.upper(), key=KEY) == number
    assert tokens.read_unsubscribe_address(address, key=OTHER) is None
    assert tokens.read_bounce_address(address, key=KEY) is None
    for swapped in ("b" + address[1:], bounce(number).replace("b-", "u-", 1)):
        assert tokens.read_bounce_address(swapped, key=KEY) is None
        assert tokens.read_unsubscribe_address(swapped, key=KEY) is None
