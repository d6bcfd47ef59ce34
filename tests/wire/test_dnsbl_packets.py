"""DNS messages, octets to values."""

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.dnsbl_names import TXT, A, plain_question
from wire.dnsbl_packets import Absent, Broken, Denied, Found, Truncated, query, read

NAME = "2.0.0.127.bl.example."
ASKED = plain_question(NAME, A)
SOA = "ns.example. host.example. 1 2 3 4 {}"


def message(*answer, rcode="NOERROR", soa=None, ns=None, kind="A", name=NAME, flags=0):
    response = dns.message.make_response(dns.message.make_query(name, kind, id=7))
    response.set_rcode(dns.rcode.from_text(rcode))
    response.flags |= flags
    response.answer = [dns.rrset.from_text(*rrset) for rrset in answer]
    if soa is not None:
        text = SOA.format(soa)
        response.authority = [dns.rrset.from_text("example.", 900, "IN", "SOA", text)]
    if ns is not None:
        response.authority = [dns.rrset.from_text("example.", 900, "IN", "NS", ns)]
    return response.to_wire()


CNAME = (NAME, 60, "IN", "CNAME", "other.example.")


@pytest.mark.parametrize(
    ("octets", "reply"),
    [
        (message((NAME, 60, "IN", "A", "127.0.0.2")), Found(("127.0.0.2",))),
        (message(CNAME, ("other.example.", 60, "IN", "A", "127.0.0.2")), Found(("127.0.0.2",))),
        (message(rcode="NXDOMAIN", soa=30), Absent(30)),
        (message(rcode="NXDOMAIN", soa=5000), Absent(900)),
        (message(rcode="NXDOMAIN"), Absent(0)),
        (message(CNAME, rcode="NXDOMAIN", soa=30), Absent(30)),
        (message(soa=30), Absent(30)),
        (message(), Absent(0)),
        (message(CNAME), Absent(60)),
        (message(ns="ns.example."), Broken("a referral")),
        (message(rcode="NXDOMAIN", ns="ns.example."), Absent(0)),
        (message(rcode="REFUSED"), Denied("REFUSED")),
        (message(rcode="NOTAUTH"), Denied("NOTAUTH")),
        (message(rcode="SERVFAIL"), Broken("SERVFAIL")),
        (message(rcode="YXDOMAIN"), Broken("rcode 6")),
        (message(flags=dns.flags.TC), Truncated()),
        (message(rcode="NXDOMAIN", soa=30)[:-9], Broken("a message cut short")),
        (message(rcode="NXDOMAIN", soa=30)[:60], Broken("a message cut short")),
    ],
)  # fmt: skip
def test_a_message_says(octets, reply):
    assert read(octets, ASKED) == reply


def test_a_name_may_have_several_addresses():
    reply = read(message((NAME, 60, "IN", "A", "127.0.0.2", "127.0.0.4")), ASKED)
    assert isinstance(reply, Found)
    assert set(reply.values) == {"127.0.0.2", "127.0.0.4"}


def test_a_text_comes_as_one_printable_line():
    octets = message((NAME, 60, "IN", "TXT", '"listed \\010" "see x"'), kind="TXT")
    assert read(octets, plain_question(NAME, TXT)) == Found(("listed see x",))


def test_an_answer_cut_short_is_no_answer():
    octets = message((NAME, 60, "IN", "A", "127.0.0.2"))[:-2]
    assert isinstance(read(octets, ASKED), Broken)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        dns.message.make_query(NAME, "A").to_wire(),
        message(name="3.0.0.127.bl.example.", rcode="NXDOMAIN"),
        message(kind="TXT"),
        b"\0\7\x81\x83" + b"\0" * 8,
    ],
    ids=["nothing", "a question", "another name", "another kind", "no question"],
)
def test_what_answers_no_question_of_ours_is_passed_over(octets):
    assert read(octets, ASKED) is None


def test_case_does_not_matter():
    octets = message(name=NAME.upper(), rcode="NXDOMAIN", soa=9)
    assert read(octets, ASKED) == Absent(9)


def test_a_server_that_could_not_read_us_need_not_repeat_us():
    assert read(b"\0\7\x81\x81" + b"\0" * 8, ASKED) == Broken("FORMERR")


def test_a_query_is_sound():
    asked = dns.message.from_wire(query(b"\x12\x34", ASKED))
    assert (asked.id, asked.flags, str(asked.question[0].name)) == (0x1234, dns.flags.RD, NAME)


@given(st.binary(max_size=200))
def test_no_octets_behind_a_question_break_the_reader(rest):
    head = b"\0\7\x81\x80\0\1\0\1\0\2\0\0"
    read(head + ASKED + rest, ASKED)
    read(rest, ASKED)
