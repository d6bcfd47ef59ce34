"""Hostile peers and content: what leaves us cannot be misread, what comes cannot hold us."""

import asyncio
import re
import ssl
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.hostile import (
    HELLO,
    LINE,
    attacked,
    dribbled,
    flood,
    hostile,
    listening,
    opened,
    said,
    silence,
)
from tests.support.names import nameserver
from tests.support.post import carry, letter
from tests.support.sessions import HASTY, POLICY, knock, send
from tests.support.smtp_script import SILENCE, START_TLS, scripted
from tests.support.tls import server_context
from wire.addresses import InvalidAddress, parse
from wire.envelopes import dot_stuffed, with_crlf
from wire.letters import TlsMode, is_safe
from wire.outcomes import LONGEST_TALK, Outcome, Phase, Reply, Verdict, read_reply
from wire.smtp import Session
from wire.stream import MAX_LINE, MAX_REPLY, ReplyStream, StreamBroken

# --- what leaves us: smuggling (SEC Consult, December 2023; RFC 5321 4.5.2) -------------------

SECOND = b"MAIL FROM:<ceo@victim.example>\r\nRCPT TO:<x@y.example>\r\nDATA\r\nsmuggled\r\n"
ENDS = [b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\r\n", b"\r.\r\n", b"\r\n.\r",
        b"\r\r\n.\r\r\n", b"\n\n.\n\n"]  # fmt: skip
BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


async def octets_of(message, *offers):
    """All that a host hears after its 354, or from BDAT on."""
    heard = bytearray()

    async def hear(reader, writer):
        while not heard.endswith(b"\r\n.\r\n"):
            heard.extend(await reader.read(65_536))
        writer.write(b"250 ok\r\n")

    steps = [*opened(*offers), *said("250 ok", "250 ok", "354 go"), hear, LINE]
    async with hostile(*steps) as port, scripted() as script:
        script.host, script.port = "127.0.9.1", port
        session = await knock(script)
        outcome = await session.deliver(letter(message=message))
        await session.close()
    assert outcome.verdict is Verdict.accepted
    return bytes(heard)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("padding", [b"", b"x" * 200 + b"\r\n"], ids=["short", "long"])
async def test_no_content_can_end_the_data(end, padding):
    message = b"Subject: a\r\n\r\n" + padding * 500 + b"b" + end + SECOND + b"c" + end
    heard = await octets_of(message)
    assert not BARE.search(heard)
    assert heard.endswith(b"\r\n.\r\n")
    assert b"\r\n.\r\n" not in heard[:-3]
    assert heard.count(b"smuggled") == 1


@pytest.mark.parametrize("end", ENDS)
async def test_in_chunks_content_is_counted_and_has_no_bare_line_ends(end):
    chunking = {"EHLO": "250-fake.example\n250-CHUNKING\n250 PIPELINING"}
    message = b"Subject: a\r\n\r\nb" + end + SECOND
    _, script = await send(chunking, letter(message=message))
    (heard,) = script.messages
    assert not BARE.search(heard)
    assert f"BDAT {len(heard)} LAST" in script.lines
    assert not any("victim" in line for line in script.lines)


@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"a", b"\r\n", b"\x85"])).map(b"".join))
def test_what_leaves_us_reads_back_and_ends_once(message):
    sent = dot_stuffed(with_crlf(message))
    assert not BARE.search(sent)
    assert b"\r\n.\r\n" not in b"\r\n" + sent
    lines = [line.removeprefix(b".") for line in sent.split(b"\r\n")]
    assert b"\r\n".join(lines) == with_crlf(message)


async def test_a_message_with_nul_is_refused_before_anything_is_said():
    outcome, script = await send(None, letter(message=b"a: b\r\n\r\n\x00.\r\n"))
    assert (outcome.verdict, outcome.reason) == (Verdict.refused, "unsafe-content")
    assert script.lines == ["EHLO mta1.sender.example", "QUIT"]


# --- addresses ------------------------------------------------------------------------------

EVIL = [
    "a@shop.example\r\nRCPT TO:<x@y.example>", "a\r@shop.example", "a\n@shop.example",
    "a\x00@shop.example", "a\x7f@shop.example", "a\t@shop.example", "a b@shop.example",
    "a>@shop.example", "<a@shop.example>", "a@shop.example> SIZE=1", "a@shop example",
    "a@<shop.example", '"a\r\nb"@shop.example', '"a\x00b"@shop.example', '"a" b@shop.example',
    "a@b@shop.example", "a\u2028@shop.example", "a@shop.example\r\n", "", "@", "a@",
    "@shop.example", "a\ud800@shop.example",
]  # fmt: skip


@pytest.mark.parametrize("address", EVIL)
async def test_an_address_that_could_be_more_than_one_never_reaches_the_wire(address):
    by_recipient = letter(address, domain="good.example")
    by_sender = letter("a@good.example", sender=address or " ")
    assert not is_safe(by_recipient)
    post = await carry([by_recipient, by_sender])
    assert [(o.verdict.value, o.reason) for _, o in post.reported] == [
        ("refused", "unsafe-address")
    ] * 2


@pytest.mark.parametrize("address", EVIL)
def test_such_an_address_is_none_for_the_parser_either(address):
    try:
        parsed = parse(address)
    except InvalidAddress:
        return
    # Full-width and surrounding spaces are put right; what comes out is harmless.
    assert is_safe(letter(parsed.mailbox))


@given(st.text(), st.sampled_from(["shop.example", "docomo.ne.jp"]))
def test_what_the_parser_takes_is_safe_to_say(local, domain):
    try:
        parsed = parse(f"{local}@{domain}")
    except InvalidAddress:
        return
    assert is_safe(letter(parsed.mailbox))
    assert not re.search(r"[\x00-\x20<>]", parsed.mailbox)


# --- replies: endless, slow, surplus, odd ---------------------------------------------------

LONG_LINE, LONG_REPLY = b"2" * 80, b"250-" + b"x" * 70 + b"\r\n"


@pytest.mark.parametrize(
    ("steps", "phase"),
    [
        ([flood(LONG_LINE)], "banner"),
        ([flood(b"220-" + LONG_LINE + b"\r\n")], "banner"),
        ([flood(b"\x00\xff\r\n")], "banner"),
        ([HELLO, LINE, flood(LONG_LINE)], "ehlo"),
        ([HELLO, LINE, flood(LONG_REPLY)], "ehlo"),
        ([*opened(), LINE, flood(LONG_LINE)], "mail"),
        ([*opened(), LINE, flood(LONG_REPLY)], "mail"),
        ([*opened(), LINE, flood(b"250-\r\n")], "mail"),
        ([*opened(), *said("250 ok", "250 ok"), LINE, flood(LONG_REPLY)], "data"),
    ],
)
async def test_endless_replies_are_cut_off(steps, phase):
    outcome = await attacked(*steps)
    assert (outcome.verdict, outcome.phase) == (Verdict.deferred, phase)
    assert outcome.reason == "protocol-error"
    assert len(outcome.conversation) < LONGEST_TALK + MAX_REPLY


async def test_endless_replies_take_no_memory():
    tracemalloc.start()
    await attacked(*opened(), LINE, flood(LONG_REPLY))
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(5):
        await attacked(*opened(), LINE, flood(LONG_REPLY))
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 500_000


SLOW = dribbled(b"250-still here\r\n")


PIPELINING = opened("PIPELINING")
CHUNKING = opened("PIPELINING", "CHUNKING")
ENVELOPE = b"250 a\r\n250 b\r\n"


@pytest.mark.parametrize(
    ("steps", "phase", "verdict"),
    [
        ([dribbled(b"220-still here\r\n")], "banner", "deferred"),
        ([HELLO, LINE, SLOW], "ehlo", "deferred"),
        ([*opened("STARTTLS"), LINE, SLOW], "starttls", "deferred"),
        ([*opened(), LINE, SLOW], "mail", "deferred"),
        ([*opened(), *said("250 ok"), LINE, SLOW], "rcpt", "deferred"),
        ([*opened(), *said("250 ok", "250 ok"), LINE, SLOW], "data", "deferred"),
        ([*opened(), *said("250 ok", "250 ok", "354 go"), LINE, SLOW], "end-of-data", "uncertain"),
        ([*opened("PIPELINING"), LINE, SLOW], "mail", "deferred"),
        ([*CHUNKING, LINE, LINE, ENVELOPE, LINE, SLOW], "end-of-data", "uncertain"),
    ],
)
async def test_an_octet_now_and_then_does_not_hold_us(steps, phase, verdict):
    outcome = await attacked(*steps, tls=TlsMode.required if phase == "starttls" else None)
    assert (outcome.verdict, outcome.phase) == (verdict, phase)
    assert outcome.reason in {"timeout", "tls-failed"}


async def test_a_host_that_is_slow_at_every_step_does_not_hold_us_at_the_door():
    async def late(_reader, _writer):
        await asyncio.sleep(0.2)

    steps = [late, *opened("STARTTLS")[:2], late, opened("STARTTLS")[2], LINE, late, b"220 go\r\n"]
    outcome = await attacked(*steps, listening, tls=TlsMode.required, opening_timeout=0.5)
    assert (outcome.verdict, outcome.reason) == (Verdict.deferred, "timeout")
    assert "nobody has let us in within 0.5 s" in outcome.conversation


async def test_a_host_that_stops_reading_a_long_letter_does_not_hold_us():
    deaf = [*opened(), *said("250 ok", "250 ok", "354 go"), silence]
    outcome = await attacked(*deaf, message=b"a: b\r\n\r\n" + b"x" * 70 + b"\r\n" * 4_000_000)
    assert (outcome.verdict, outcome.phase, outcome.reason) == (
        Verdict.deferred, Phase.data, "timeout",
    )  # fmt: skip


@pytest.mark.parametrize(
    "code", ["100", "199", "354", "300", "600", "999", "000", "25", "2500", "-50"]
)
@pytest.mark.parametrize("phase", ["banner", "EHLO", "MAIL", "RCPT", "DATA", "."])
async def test_codes_that_no_question_asked_for_defer(code, phase):
    if (code, phase) in {("354", "DATA"), ("2500", "EHLO")}:
        return  # the right answer; and aiosmtplib takes 250 with anything behind it
    outcome, _ = await answered({phase: f"{code} hm"})
    assert outcome.verdict in {Verdict.deferred, Verdict.uncertain}
    assert (outcome.verdict is Verdict.uncertain) == (phase == ".")
    assert outcome.reason == "protocol-error"


async def answered(replies, **options):
    """The outcome of a letter, or why there was no session."""
    async with scripted(replies) as script:
        session = await knock(script, policy=options.pop("policy", HASTY))
        if isinstance(session, Outcome):
            return session, script
        outcome = await session.deliver(letter())
        await session.close()
    return outcome, script


@pytest.mark.parametrize(
    ("steps", "verdict"),
    [
        ([*PIPELINING, b"250 a\r\n250 b\r\n250 c\r\n250 d\r\n", listening], "deferred"),
        ([*PIPELINING, LINE, b"250 a\r\n250 b\r\n250 c\r\n250 d\r\n", listening], "deferred"),
        ([*PIPELINING, LINE, b"354 go\r\n250 b\r\n250 c\r\n", listening], "deferred"),
        ([*PIPELINING, LINE, b"250 a\r\n354 go\r\n250 b\r\n", listening], "deferred"),
        ([*PIPELINING, LINE, b"250 a\r\n250 b\r\n354 go\r\n250 early\r\n", listening], "deferred"),
        ([*CHUNKING, LINE, b"250 a\r\n354 go\r\n250 b\r\n", listening], "deferred"),
        ([*CHUNKING, LINE, b"250 a\r\n250 b\r\n", listening], "uncertain"),
    ],
)
async def test_surplus_missing_and_misordered_replies_accept_nothing(steps, verdict):
    outcome = await attacked(*steps)
    assert outcome.verdict == verdict
    assert outcome.reason in {"protocol-error", "timeout", "connection-lost"}


@pytest.mark.parametrize("pause", [0, 0.002])
async def test_replies_split_in_odd_places_are_whole_again(pause):
    async def piecemeal(reader, writer):
        for octets in (HELLO, b"250-bad.example\r\n250 PIPELINING\r\n"):
            await slowly(writer, octets)
            await reader.readline()
        await slowly(writer, b"250-2.1.0 one\r\n250 2.1.0 two\r\n250 2.1.5 ok\r\n354 go\r\n")
        await reader.readuntil(b"\r\n.\r\n")
        await slowly(writer, b"250-2.0.0 it is\r\n250 2.0.0 here\r\n")
        await reader.readline()

    async def slowly(writer, octets):
        for octet in octets:
            writer.write(bytes([octet]))
            await asyncio.sleep(pause)

    outcome = await attacked(piecemeal)
    assert (outcome.verdict, outcome.reply) == (
        Verdict.accepted, read_reply(250, "2.0.0 it is\n2.0.0 here"),
    )  # fmt: skip


ROUND = [HELLO, *said("250-bad.example\r\n250 PIPELINING", "250 ok"), b"250 ok\r\n354 go\r\n",
         LINE, LINE, LINE, LINE, LINE, LINE, LINE, b"250 ok\r\n"]  # fmt: skip


@pytest.mark.parametrize("steps", range(len(ROUND)))
@pytest.mark.parametrize("cut", [0, 2])
async def test_a_host_that_leaves_at_any_point_leaves_a_named_outcome(steps, cut):
    """`cut`: also in the middle of its last word."""
    begun = ROUND[:steps]
    last = ROUND[steps]
    if cut and isinstance(last, bytes):
        begun = [*begun, last[:cut]]
    outcome = await attacked(*begun)
    assert outcome.verdict in {Verdict.deferred, Verdict.uncertain}
    assert outcome.reason in {"connection-lost", "protocol-error"}


async def test_garbage_in_replies_is_shown_harmlessly():
    noise = bytes(octet for octet in range(256) if octet not in b"\r\n")
    outcome = await attacked(*opened(), LINE, b"550 5.1.1 " + noise + b"\r\n", LINE, listening)
    assert (outcome.verdict, outcome.phase) == (Verdict.refused, Phase.mail)
    assert outcome.reply is not None
    for text in (outcome.reply.text, outcome.conversation):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", text)


async def test_a_large_answer_to_ehlo_is_read_and_a_huge_one_is_not():
    large = "\n".join(f"250-X{number}" for number in range(3_000)) + "\n250 SIZE 1000000"
    outcome, _ = await answered({"EHLO": large}, policy=POLICY)
    assert outcome.verdict is Verdict.accepted
    assert len(outcome.conversation) < LONGEST_TALK + MAX_REPLY
    huge = "\n".join(f"250-X{number}" for number in range(9_000)) + "\n250 SIZE 1000000"
    outcome, _ = await answered({"EHLO": huge}, policy=POLICY)
    assert (outcome.phase, outcome.reason) == (Phase.ehlo, "protocol-error")


async def test_a_host_that_never_answers_quit_costs_one_wait():
    async with scripted({"QUIT": SILENCE}) as script:
        session = await knock(script, policy=HASTY)
        assert isinstance(session, Session)
        assert (await session.deliver(letter())).verdict is Verdict.accepted
        async with asyncio.timeout(1):
            await session.close()


async def test_a_conversation_is_bounded():
    outcome, _ = await answered({"MAIL": "\n".join(["250-x"] * 5000) + "\n250 ok",
                                 "RCPT": "\n".join(["550-y"] * 5000) + "\n550 no"})  # fmt: skip
    assert outcome.verdict is Verdict.refused
    assert len(outcome.conversation) < LONGEST_TALK + MAX_REPLY
    assert outcome.conversation.endswith("-- the rest is left out, it is too long")


# --- STARTTLS -------------------------------------------------------------------------------


TLS = {"EHLO": "250-fake.example\n250 STARTTLS", "STARTTLS": START_TLS}


async def test_plain_text_behind_starttls_is_forgotten():
    """RFC 3207 section 4.2; CVE-2011-0411 and its like, on the client's side."""

    async def inject(reader, writer):
        writer.write(b"220 go\r\n250-evil.example\r\n250 SIZE 1\r\n")
        await writer.start_tls(server_context())
        await reader.readline()
        writer.write(b"250 bad.example\r\n")

    steps = [*opened("STARTTLS"), LINE, inject, *said("250 ok", "250 ok", "354 go")]
    outcome = await attacked(*steps, listening)
    assert "evil" not in outcome.conversation
    assert outcome.tls.startswith("TLSv1.3 ")
    assert (outcome.phase, outcome.reason) == (Phase.end_of_data, "timeout")


@pytest.mark.parametrize(
    "answer",
    [b"220 go\r\n" + b"\x00garbage\xff" * 50, b"220 go\r\n\x15\x03\x01\x00\x02\x02\x28",
     b"junk\r\n", b"220-go\r\n220 \r\n", b"220 go\r\n"],
)  # fmt: skip
async def test_garbage_in_place_of_a_handshake_is_no_tls(answer):
    steps = [*opened("STARTTLS"), LINE, answer, listening]
    outcome = await attacked(*steps, tls=TlsMode.required)
    assert (outcome.verdict, outcome.phase, outcome.reason) == (
        Verdict.deferred, Phase.starttls, "tls-failed",
    )  # fmt: skip


async def test_a_host_name_that_sni_cannot_carry_is_no_host():
    names = ("bad.example MX 10 a\\000b.example.", "a\\000b.example A 127.0.9.1")
    async with nameserver(*names) as server:
        post = await carry([letter("a@bad.example")], names=server.address)
    assert post.only.reason == "no-mail-host"


async def test_a_handshake_with_a_host_of_an_impossible_name_fails_by_name():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    async with scripted(TLS, context=context) as script:
        outcome = await knock(script, host="." + "x" * 70, tls=TlsMode.required, policy=HASTY)
    assert isinstance(outcome, Outcome)
    assert outcome.reason == "tls-failed"


# --- BDAT -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("envelope", "chunk", "verdict", "phase"),
    [
        (b"250 a\r\n250 b\r\n", b"503 5.5.1 no\r\n", "refused", "end-of-data"),
        (b"250 a\r\n250 b\r\n", b"452 4.3.1 full\r\n", "deferred", "end-of-data"),
        (b"550 5.7.1 a\r\n503 b\r\n", b"", "refused", "mail"),
        (b"250 a\r\n250 b\r\n", b"500 what\r\n500 what\r\n", "refused", "end-of-data"),
    ],
)
async def test_a_refused_chunk_is_a_named_outcome(envelope, chunk, verdict, phase):
    outcome = await attacked(*CHUNKING, LINE, LINE, envelope, LINE, chunk, listening)
    assert (outcome.verdict, outcome.phase, outcome.reason) == (verdict, phase, "smtp-reply")


# --- the stream itself, on any octets -------------------------------------------------------


class Pipe(asyncio.Transport):
    """Goes nowhere; remembers that it was cut."""

    is_cut = False

    def set_protocol(self, protocol):
        pass

    def write(self, data):
        pass

    def is_closing(self):
        return self.is_cut

    def abort(self):
        self.is_cut = True


TOKENS = st.sampled_from(
    [b"250", b"354", b"550", b"421", b"25", b"-", b" ", b"\r\n", b"\n", b"\r", b"ok", b"\x00",
     b"\xff", b"\xe3\x81\x82", b"5.1.1", b"x" * 3000, b"250 ok\r\n", b"250-a\r\n"]
)  # fmt: skip
OCTETS = st.one_of(st.lists(TOKENS, max_size=40).map(b"".join), st.binary(max_size=200))
LINE_RULE = re.compile(rb"([0-9]{3})(?:([- \t\r])(.*))?", re.DOTALL)


def replies_in(octets, most):
    """The replies that a strict reader finds, up to the first breach: code and lines."""
    found: list[tuple[int, list[bytes]]] = []
    lines: list[bytes] = []
    size = 0
    for line in octets.split(b"\n")[:-1]:
        size += len(line)
        match = LINE_RULE.fullmatch(line)
        if not match or len(line) > MAX_LINE or size > MAX_REPLY or len(found) == most:
            return found
        lines.append(line[4:].strip(b" \t\r"))
        if match[2] != b"-":
            found.append((int(match[1]), lines))
            lines, size = [], 0
    return found


async def heard(octets, cuts, expected):
    stream = ReplyStream(Pipe())
    stream.send(b"", replies=expected)
    start = 0
    for end in [*sorted(cut % (len(octets) + 1) for cut in cuts), len(octets)]:
        stream.data_received(octets[start:end])
        assert len(stream._buffer) <= MAX_LINE + len(octets[start:end])
        assert sum(map(len, stream._lines)) <= MAX_REPLY
        start = end
    found: list[Reply] = []
    while True:
        try:
            found.append(await stream.reply(0))
        except StreamBroken:
            return found


@given(OCTETS, st.lists(st.integers(0, 10_000), max_size=8), st.integers(0, 4))
def test_any_octets_in_any_pieces_are_paired_rightly_or_not_at_all(octets, cuts, expected):
    found = asyncio.run(heard(octets, cuts, expected))
    right = [
        read_reply(code, b"\n".join(lines).decode("utf-8", "surrogateescape"))
        for code, lines in replies_in(octets, expected)
    ]
    assert len(found) <= expected
    assert found == right[: len(found)]
    if len(octets) < MAX_LINE:
        assert len(found) == len(right)


@settings(max_examples=25)  # each opens a connection
@given(OCTETS, st.sampled_from([b"", HELLO, HELLO + b"250 bad.example\r\n"]))
def test_any_octets_in_place_of_a_host_end_in_an_outcome(octets, before):
    async def once():
        async with hostile(before + octets) as port, scripted() as script:
            script.host, script.port = "127.0.9.1", port
            session = await knock(script, policy=HASTY)
            if isinstance(session, Outcome):
                return session
            return await session.deliver(letter())

    outcome = asyncio.run(once())
    assert outcome.verdict in {Verdict.deferred, Verdict.refused, Verdict.uncertain}
