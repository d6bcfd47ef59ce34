"""What may be given to a courier, and what may stand in a command."""

import pytest

from tests.support.post import letter
from wire.letters import Source, is_safe


@pytest.mark.parametrize("helo", ["", "a b", "a\r\nRSET", "-a", "日本"])
def test_a_helo_name_must_be_a_host_name(helo):
    with pytest.raises(ValueError, match="HELO name"):
        Source("127.0.0.1", helo)


def test_a_source_address_must_be_an_ip_address():
    with pytest.raises(ValueError, match="IPv4 or IPv6"):
        Source("localhost", "mta.example")


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("a@b.example", True),
        ('"a..b"@docomo.ne.jp', True),
        ('"a b\\"c"@b.example', True),
        ("鳩@b.example", True),
        ("a..b.@docomo.ne.jp", True),
        ("a@b.example>\r\nRSET", False),
        ("a@b.example> NOTIFY=NEVER", False),
        ("a b@b.example", False),
        ("a@b.example\x00", False),
        ("a\n@b.example", False),
        ('"a\r\n"@b.example', False),
        ("a\u2028@b.example", False),
        ("\udc80@b.example", False),
        ("a@b@c", False),
        ("", False),
    ],
)
def test_only_addresses_that_stay_addresses_may_stand_in_a_command(address, safe):
    assert is_safe(letter(address)) is safe
    assert is_safe(letter(sender=address)) is (safe or not address)
