"""What the addresses in a list's answer mean, and what they never mean."""

import pytest

from tests.support.blocklists import rule
from wire.dnsbl import Clean, Kind, Listed, Refused, Trouble, Unknown, judge

MASK = rule(
    codes={"127.0.0.4": "dm", "127.0.0.16": "mw", "127.0.0.64": "abuse"},
    refused=frozenset({"127.0.0.1"}),
    bitmask=True,
)
MIXED = rule(ignored=frozenset({"127.0.0.1", "127.0.0.3"}))
ANY = rule(codes={}, any_code=True)


@pytest.mark.parametrize(
    ("held", "addresses", "codes"),
    [
        (rule(), ["127.0.0.2"], ("127.0.0.2",)),
        (rule(), ["127.0.0.4", "127.0.0.2", "127.0.0.4"], ("127.0.0.4", "127.0.0.2")),
        (rule(), ["127.0.0.2", "127.0.0.77"], ("127.0.0.2",)),
        (MASK, ["127.0.0.80"], ("127.0.0.16", "127.0.0.64")),
        (MIXED, ["127.0.0.1", "127.0.0.2"], ("127.0.0.2",)),
        (ANY, ["127.0.0.99"], ("127.0.0.99",)),
        (rule(codes={"127.0.0.1": "open proxy"}), ["127.0.0.1"], ("127.0.0.1",)),
    ],
)
def test_published_codes_are_listings(held, addresses, codes):
    assert judge(held, addresses) == Listed(codes)


@pytest.mark.parametrize(
    ("held", "addresses"),
    [
        (rule(), ["127.255.255.252"]),
        (rule(), ["127.255.255.254"]),
        (ANY, ["127.255.255.255"]),
        (rule(), ["127.0.0.2", "127.255.255.254"]),
        (rule(refused=frozenset({"127.0.1.255"})), ["127.0.1.255"]),
        (MASK, ["127.0.0.1"]),
        (MASK, ["127.0.0.5"]),
    ],
)
def test_refusals_are_no_listings(held, addresses):
    result = judge(held, addresses)
    assert isinstance(result, Refused)
    assert result.why.startswith("bl.box.test refuses to answer us, with 127.")


@pytest.mark.parametrize(
    ("held", "address", "trouble"),
    [
        (rule(), "10.1.2.3", Trouble.rewritten),
        (rule(), "203.0.113.9", Trouble.rewritten),
        (rule(), "0.0.0.0", Trouble.rewritten),
        (rule(), "127.0.0.1", Trouble.odd_code),
        (rule(), "127.0.1.255", Trouble.odd_code),
        (ANY, "127.0.0.1", Trouble.odd_code),
        (ANY, "127.0.0.255", Trouble.odd_code),
        (ANY, "127.0.1.2", Trouble.odd_code),
        (MASK, "127.0.0.32", Trouble.odd_code),
        (MASK, "127.0.1.4", Trouble.odd_code),
    ],
)
def test_what_a_list_does_not_publish_tells_nothing(held, address, trouble):
    result = judge(held, [address])
    assert isinstance(result, Unknown)
    assert (result.trouble, address in result.why) == (trouble, True)


def test_one_address_outside_makes_all_of_them_worthless():
    assert isinstance(judge(rule(), ["127.0.0.2", "192.0.2.1"]), Unknown)


def test_good_news_on_a_mixed_list_is_clean():
    assert judge(MIXED, ["127.0.0.1", "127.0.0.3"]) == Clean()


def test_the_key_of_a_zone_is_in_no_text():
    held = rule(name="zen.example", zone="s3cret.zen.example", kinds=frozenset({Kind.ip4}))
    assert held.without_key("see 2.0.0.127.s3cret.zen.example") == "see 2.0.0.127.{key}.zen.example"
    assert rule().without_key("see bl.box.test") == "see bl.box.test"
    assert "s3cret" not in repr(held)
