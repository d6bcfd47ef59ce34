"""Which recipients the intake takes."""

import pytest

from delivery.intake_addresses import NO_RELAY, NO_SUCH_ADDRESS, Directory
from wire import tokens

KEY, OLD_KEY = b"k" * 32, b"o" * 32
DIRECTORY = Directory(
    bounce_domains=frozenset({"bounce.a.example"}),
    other_domains=frozenset({"a.example"}),
    keys=[KEY, OLD_KEY],
)


def signed(key: bytes = KEY, domain: str = "bounce.a.example") -> str:
    return tokens.bounce_address(delivery_id=7 << 32 | 5, domain=domain, key=key)


def leaving(key: bytes = KEY, domain: str = "bounce.a.example") -> str:
    return tokens.unsubscribe_address(delivery_id=7 << 32 | 5, domain=domain, key=key)


def flipped(address: str) -> str:
    return address[:10] + ("a" if address[10] != "a" else "b") + address[11:]


@pytest.mark.parametrize(
    "address",
    [
        signed(),
        signed().upper(),
        signed(OLD_KEY),
        leaving(),
        leaving(OLD_KEY).upper(),
        "postmaster@bounce.a.example",
        "Abuse@A.Example",
        "fbl@a.example",
        "unsubscribe@bounce.a.example",
        "Postmaster",
    ],
)
def test_our_own_addresses_are_taken(address):
    assert DIRECTORY.refusal(address) == ""


@pytest.mark.parametrize(
    ("address", "reply"),
    [
        (flipped(signed()), NO_SUCH_ADDRESS),
        (signed(b"x" * 32), NO_SUCH_ADDRESS),
        (flipped(leaving()), NO_SUCH_ADDRESS),
        (leaving(domain="r.example"), NO_RELAY),
        ("u" + signed()[1:], NO_SUCH_ADDRESS),
        ("info@bounce.a.example", NO_SUCH_ADDRESS),
        (signed(domain="a.example"), NO_SUCH_ADDRESS),  # signed, but no bounce domain
        (signed(domain="r.example"), NO_RELAY),
        ("postmaster@r.example", NO_RELAY),
        ("someone", NO_RELAY),
        ("@r.example:postmaster@a.example@r.example", NO_RELAY),
        ("postmaster%r.example@a.example", NO_SUCH_ADDRESS),
    ],
)
def test_everybody_else_is_refused(address, reply):
    assert DIRECTORY.refusal(address) == reply
