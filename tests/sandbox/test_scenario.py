"""Scenarios: the one we ship loads; a wrong one is refused with the place and what is allowed."""

from ipaddress import ip_address

import pytest

from sandbox.scenario import BadScenario, Behaviour, Rule, load, parse

HOST = {"name": "mx.shop.example", "address": "127.0.9.1"}


def test_our_own_scenario_stays_within_loopback():
    scenario = load()
    assert len(scenario.hosts) >= 12
    assert len(scenario.domains) >= 15
    assert all(ip_address(host.address).is_loopback for host in scenario.hosts)
    assert {"docomo.ne.jp", "ezweb.ne.jp", "au.com"} <= set(scenario.domains)


def test_names_are_kept_as_dns_has_them():
    scenario = parse({"host": [HOST], "domain": [{"name": "日本語.Example"}]})
    assert list(scenario.domains) == ["xn--wgv71a119e.example"]


def test_a_domain_has_behaviour_and_rules():
    domain = {
        "name": "shop.example",
        "mx": [[10, "mx.shop.example"]],
        "behaviour": {"kind": "slow", "seconds": 1},
        "rule": [{"prefix": "x-", "kind": "drop", "at": "data"}],
    }
    parsed = parse({"host": [HOST], "domain": [domain]}).domains["shop.example"]
    assert parsed.mx == ((10, "mx.shop.example"),)
    assert parsed.behaviour == Behaviour("slow", seconds=1)
    assert parsed.rules == (Rule("x-", Behaviour("drop", at="data")),)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({"hosts": []}, "the file: 'hosts' is not known; use blocklist, domain, fault"),
        ({"host": [{**HOST, "colour": 1}]}, "host mx.shop.example: 'colour' is not known"),
        ({"host": [{**HOST, "address": "192.0.2.1"}]}, "192.0.2.1 is outside 127.0.0.0/8"),
        ({"host": [{**HOST, "address": "here"}]}, "address 'here' is no IP address"),
        ({"host": [{**HOST, "tls": "yes"}]}, "tls: 'yes' is not known; use none, offered, broken"),
        ({"host": [{**HOST, "dane": "yes"}]}, "use none, match, mismatch, unusable"),
        ({"host": [{**HOST, "certificate": "old"}]}, "'old' is not known; use valid, wrong-name"),
        ({"domain": [{"name": "a", "sts": {"mode": "hard"}}]}, "use enforce, testing, none"),
        ({"host": [HOST, HOST]}, "host mx.shop.example: is there twice"),
        ({"host": [{"address": "127.0.0.1"}]}, "host ?: has no name"),
        ({"domain": [{"name": "é" * 70}]}, "is no domain name"),
        ({"domain": [{"name": "a.example", "mx": [[1, "b"]]}]}, "MX b is no host of the file"),
        ({"domain": [{"name": "a", "behaviour": {"kind": "odd"}}]}, "kind: 'odd' is not known"),
        ({"domain": [{"name": "a", "behaviour": {"at": "noon"}}]}, "at: 'noon' is not known"),
        ({"domain": [{"name": "a", "behaviour": {"code": 250}}]}, "code 250 refuses nothing"),
        ({"record": [{"name": "a", "type": "SRV"}]}, "type: 'SRV' is not known"),
        ({"record": [{"name": "a", "type": "A", "value": "192.0.2.1"}]}, "is outside 127.0.0.0/8"),
        ({"fault": [{"name": "a", "kind": "odd"}]}, "fault a: kind: 'odd' is not known"),
    ],
)
def test_a_wrong_entry_is_named_with_what_is_allowed(raw, sentence):
    with pytest.raises(BadScenario) as caught:
        parse(raw)
    assert sentence in str(caught.value)


def test_a_file_that_is_missing_or_no_toml_is_named(tmp_path):
    with pytest.raises(BadScenario, match=r"gone\.toml: cannot be read \(No such file"):
        load(tmp_path / "gone.toml")
    (tmp_path / "bad.toml").write_text("[[host")
    with pytest.raises(BadScenario, match=r"bad\.toml: Expected"):
        load(tmp_path / "bad.toml")
