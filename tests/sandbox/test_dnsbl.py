"""The box's blocklists: honest, and failing in each of the ways that they are told to."""

import dns.flags
import dns.message
import dns.rcode
import pytest

from sandbox.dns import Zone, respond
from sandbox.dnsbl import Blocklists, ListFault
from sandbox.scenario import BadScenario, Scenario, parse
from tests.support.blocklists import FREE, LISTED, ZONE

OUTSIDE = "10.1.1.1"
RAW = {"blocklist": [{"zone": ZONE, "entries": {LISTED: "127.0.0.4", "a.example": "127.0.0.2"}}]}


def box(fault=None, *, rewriting=""):
    zone = Zone(parse(RAW), rewriting=rewriting)
    zone.blocklists.break_down(ZONE, fault)
    return zone


def ask(zone, resource, kind="A", *, over_tcp=False):
    """The rcode and the values of the answer; None for silence."""
    reverse = ".".join(reversed(resource.split("."))) if resource[-1:].isdigit() else resource
    query = dns.message.make_query(f"{reverse}.{ZONE}" if reverse else ZONE, kind)
    octets = respond(zone, query.to_wire(), over_tcp=over_tcp)
    if octets is None:
        return None
    response = dns.message.from_wire(octets)
    assert query.is_response(response)
    values = [str(record) for rrset in response.answer for record in rrset]
    truncated = bool(response.flags & dns.flags.TC)
    return ("TC" if truncated else dns.rcode.to_text(response.rcode()), *values)


@pytest.mark.parametrize(
    ("resource", "kind", "said"),
    [
        (LISTED, "A", ("NOERROR", "127.0.0.4")),
        ("a.example", "A", ("NOERROR", "127.0.0.2")),
        ("127.0.0.2", "A", ("NOERROR", "127.0.0.2")),
        ("TEST", "A", ("NOERROR", "127.0.0.2")),
        ("TEST", "TXT", ("NOERROR", '"Test entry"')),
        (LISTED, "TXT", ("NOERROR",)),
        (LISTED, "MX", ("NOERROR",)),
        (FREE, "A", ("NXDOMAIN",)),
        ("127.0.0.1", "A", ("NXDOMAIN",)),
        ("", "SOA", ("NOERROR",)),
    ],
)
def test_a_list_holds_what_it_was_told(resource, kind, said):
    assert ask(box(), resource, kind) == said


@pytest.mark.parametrize(
    ("fault", "of_listed", "of_free"),
    [
        (ListFault("answers", OUTSIDE), ("NOERROR", OUTSIDE), ("NOERROR", OUTSIDE)),
        (ListFault("rewrites", OUTSIDE), ("NOERROR", "127.0.0.4"), ("NOERROR", OUTSIDE)),
        (ListFault("empty"), ("NXDOMAIN",), ("NXDOMAIN",)),
        (ListFault("refuses"), ("REFUSED",), ("REFUSED",)),
        (ListFault("fails"), ("SERVFAIL",), ("SERVFAIL",)),
        (ListFault("silent"), None, None),
        (ListFault("loses", share=1.0), None, None),
        (ListFault("loses", share=0.0), ("NOERROR", "127.0.0.4"), ("NXDOMAIN",)),
        (ListFault("truncates"), ("TC",), ("TC",)),
        (ListFault("silent", only=(FREE,)), ("NOERROR", "127.0.0.4"), None),
        (None, ("NOERROR", "127.0.0.4"), ("NXDOMAIN",)),
    ],
)  # fmt: skip
def test_a_list_fails_as_it_was_told(fault, of_listed, of_free):
    zone = box(fault)
    assert (ask(zone, LISTED), ask(zone, FREE)) == (of_listed, of_free)


def test_what_is_truncated_comes_in_full_over_tcp():
    assert ask(box(ListFault("truncates")), LISTED, over_tcp=True) == ("NOERROR", "127.0.0.4")


def test_entries_come_and_go():
    zone = box()
    zone.blocklists.enter(ZONE, FREE, "127.0.0.2", "127.0.0.4", text="spam")
    assert ask(zone, FREE) == ("NOERROR", "127.0.0.2", "127.0.0.4")
    assert ask(zone, FREE, "TXT") == ("NOERROR", '"spam"')
    zone.blocklists.remove(ZONE, FREE)
    zone.blocklists.remove(ZONE, FREE)
    assert ask(zone, FREE) == ("NXDOMAIN",)


def test_a_rewriting_resolver_knows_every_name_but_the_lists_own():
    zone = box(rewriting="203.0.113.80")
    query = dns.message.make_query("nowhere.invalid", "A")
    octets = respond(zone, query.to_wire(), over_tcp=False)
    assert octets is not None
    assert str(dns.message.from_wire(octets).answer[0][0]) == "203.0.113.80"
    assert ask(zone, FREE) == ("NXDOMAIN",)


@pytest.mark.parametrize(
    "query", [b"", b"\0" * 12, b"\0" * 12 + b"\x02bl", b"\0" * 12 + b"\xc0\x0c", b"\0" * 12 + b"\0"]
)
def test_what_is_no_question_about_a_list_is_left_to_others(query):
    lists = Blocklists()
    lists.add(ZONE)
    assert lists.respond(query, over_tcp=False) == (False, None)
    assert lists.asked == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fault": {"kind": "sulks"}}, f"blocklist {ZONE}: fault: kind: 'sulks' is not known"),
        ({"entries": {"a b": "127.0.0.2"}}, f"blocklist {ZONE}: 'a b' is neither an IP address"),
        ({"colour": "red"}, f"blocklist {ZONE}: 'colour' is not known"),
    ],
)
def test_a_wrong_entry_of_a_scenario_is_named(change, words):
    with pytest.raises(BadScenario, match=words):
        parse({"blocklist": [{"zone": ZONE, **change}]})


def test_a_scenario_may_hold_a_list_that_fails():
    fault = {"kind": "silent", "only": [FREE]}
    scenario: Scenario = parse({"blocklist": [{"zone": ZONE, "tests": {}, "fault": fault}]})
    assert ask(Zone(scenario), FREE) is None
    assert ask(Zone(scenario), "127.0.0.2") == ("NXDOMAIN",)
