"""Under which names lists are asked, and which resolvers are everybody's."""

import pytest

from wire.dnsbl import BadTarget, public_operator, target
from wire.dnsbl_names import TXT, A, plain_question, question, tail
from wire.dnsbl_resolvers import require_loopback


def asked(resource, zone="bl.example"):
    octets = question(target(resource), tail(zone, A))
    assert octets is not None
    labels, at = [], 0
    while octets[at]:
        labels.append(octets[at + 1 : at + 1 + octets[at]].decode())
        at += octets[at] + 1
    assert octets[at + 1 :] == b"\0\1\0\1"
    return ".".join(labels)


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        ("203.0.113.7", "7.113.0.203.bl.example"),
        ("2001:db8::7", "7" + ".0" * 23 + ".8.b.d.0.1.0.0.2.bl.example"),
        ("::FFFF:7F00:2", "2.0.0.0.0.0.f.7.f.f.f.f" + ".0" * 20 + ".bl.example"),
        ("Example.COM.", "example.com.bl.example"),
        ("日本語.example", "xn--wgv71a119e.example.bl.example"),
        ("_DNSBL_.test", "_dnsbl_.test.bl.example"),
    ],
)
def test_a_resource_is_asked_under_its_name(resource, name):
    assert asked(resource) == name


@pytest.mark.parametrize(
    "text", ["", ".", "a..b", "-" * 64 + ".example", "a b.ex\u00adample\u200d"]
)
def test_what_is_no_resource_is_named(text):
    with pytest.raises(BadTarget, match="is neither an IP address nor a domain name; correct it"):
        target(text)


def test_no_name_can_be_longer_than_dns_allows():
    long = ".".join(["a" * 60] * 4)
    assert question(target(long), tail("b.c", A)) is not None
    assert question(target(long), tail("bl.long.example", A)) is None


def test_other_types_are_asked_too():
    assert plain_question("a.example", TXT).endswith(b"\0\0\x10\0\1")


@pytest.mark.parametrize(
    ("address", "operator"),
    [
        ("8.8.8.8", "Google Public DNS"),
        ("2606:4700:4700::1111", "Cloudflare"),
        ("9.9.9.10", "Quad9"),
        ("127.0.0.1", None),
        ("8.8.8.9", None),
        ("2001:db8::53", None),
    ],
)
def test_public_resolvers_are_known(address, operator):
    assert public_operator(address) == operator


def test_a_resolver_outside_loopback_is_named():
    require_loopback([("127.0.0.9", 53), ("::1", 53)])
    with pytest.raises(ValueError, match=r"resolver 192\.0\.2\.1:53 is outside loopback"):
        require_loopback([("192.0.2.1", 53)])
