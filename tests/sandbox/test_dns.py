"""The box's nameserver: answers to queries, octets to octets."""

import asyncio
import struct

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import pytest

from sandbox.dns import NameServer, Zone, respond
from sandbox.scenario import Record, Scenario, load, parse

ZONE = Zone(load())


def ask(name, kind, *, zone=ZONE, over_tcp=False, **options):
    query = dns.message.make_query(name, kind, **options)
    wire = respond(zone, query.to_wire(), over_tcp=over_tcp)
    return None if wire is None else dns.message.from_wire(wire)


@pytest.mark.parametrize(
    ("name", "kind", "answer"),
    [
        ("docomo.ne.jp", "MX", "10 mfsmax.docomo-like.example."),
        ("Mail.Corporate.Example", "A", "127.0.4.1"),
        ("null-mx.example", "MX", "0 ."),
        ("implicit.example", "A", "127.0.4.6"),
        ("no-mail.example", "TXT", '"exists, but takes no mail"'),
        ("1.4.0.127.in-addr.arpa", "PTR", "mail.corporate.example."),
        ("日本語.example", "MX", "10 mail.idn.example."),
    ],
)
def test_the_names_of_the_box_have_answers(name, kind, answer):
    response = ask(name, kind)
    assert [str(item) for rrset in response.answer for item in rrset] == [answer]


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("nowhere.example", "MX", "NXDOMAIN"),
        ("docomo.ne.jp", "AAAA", "NOERROR"),
        ("ne.jp", "MX", "NOERROR"),
        ("servfail.example", "MX", "SERVFAIL"),
    ],
)
def test_no_answer_is_said_in_the_right_way(name, kind, code):
    response = ask(name, kind)
    assert dns.rcode.to_text(response.rcode()) == code
    assert response.answer == []


def test_negative_answers_say_how_long_they_hold():
    assert ask("nowhere.example", "MX").resolve_chaining().minimum_ttl == 60


def test_a_silent_name_gets_no_answer():
    assert ask("silent.example", "MX") is None


def test_a_truncated_name_answers_in_full_over_tcp_only():
    assert ask("truncated.example", "MX").flags & dns.flags.TC
    assert ask("truncated.example", "MX", over_tcp=True).answer


def test_cnames_in_a_circle_come_to_an_end():
    circle = (
        Record("a.example", "CNAME", "b.example."),
        Record("b.example", "CNAME", "a.example."),
    )
    zone = Zone(Scenario(hosts=(), domains={}, records=circle))
    assert len(ask("a.example", "A", zone=zone).answer) == 2


def test_an_answer_too_long_for_udp_is_truncated():
    zone = Zone(Scenario((), {}, tuple(Record("a.test", "TXT", f"{n}" * 200) for n in range(9))))
    assert ask("a.test", "TXT", zone=zone).flags & dns.flags.TC
    assert len(ask("a.test", "TXT", zone=zone, over_tcp=True).answer[0]) == 9
    assert len(ask("a.test", "TXT", zone=zone, use_edns=0, payload=4096).answer[0]) == 9


def test_refused_names_and_ipv6_hosts():
    scenario = parse(
        {
            "host": [{"name": "six.example", "address": "::1"}],
            "fault": [{"name": "no.example", "kind": "refused"}],
        }
    )
    zone = Zone(scenario)
    assert ask("no.example", "A", zone=zone).rcode() == dns.rcode.REFUSED
    assert str(ask("six.example", "AAAA", zone=zone).answer[0][0]) == "::1"


@pytest.mark.parametrize("wire", [b"", b"\x00" * 5, b"\xff" * 40])
def test_what_is_no_query_gets_no_answer(wire):
    assert respond(ZONE, wire, over_tcp=False) is None


def test_a_query_without_question_is_a_format_error():
    query = dns.message.Message(id=7)
    answer = respond(ZONE, query.to_wire(), over_tcp=False)
    assert answer is not None
    assert dns.message.from_wire(answer).rcode() == dns.rcode.FORMERR


async def test_both_transports_answer_and_survive_a_rude_client():
    server = NameServer(ZONE)
    await server.open("127.0.0.1", 0)
    host, port = server.address
    reader, writer = await asyncio.open_connection(host, port)
    silent = dns.message.make_query("silent.example", "MX").to_wire()
    writer.write(struct.pack("!H", len(silent)) + silent)
    assert await reader.read() == b""
    writer.close()
    query = dns.message.make_query("au.com", "MX")
    for ask_by in (dns.asyncquery.udp, dns.asyncquery.tcp):
        assert (await ask_by(query, host, port=port, timeout=2)).answer
    server.close()
    await asyncio.sleep(0.01)
