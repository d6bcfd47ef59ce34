"""The whole box on loopback, spoken to by our own courier: the demo's post in small."""

import asyncio
import smtplib

import pytest

from sandbox import store
from sandbox.internet import PortTaken, Sandbox
from sandbox.scenario import Record, parse
from tests.support.post import MESSAGE, carry, letter
from wire.dns import Resolver, Texts
from wire.letters import Relay, TlsMode
from wire.outcomes import Verdict

QUICK = {
    "host": [
        {"name": "mx.shop.example", "address": "127.0.8.1", "smtputf8": True, "size": 3000},
        {"name": "mx.plain.example", "address": "127.0.8.2", "tls": "none"},
        {"name": "mx.broken.example", "address": "127.0.8.3", "tls": "broken"},
        {"name": "mx.down.example", "address": "127.0.8.4", "down": True},
        {"name": "mx.block.example", "address": "127.0.8.5",
         "banner": {"kind": "refuse", "code": 554, "text": "5.7.1 no"}},
        {"name": "mx.gone.example", "address": "127.0.8.6", "banner": {"kind": "drop"}},
        {"name": "relay.example", "address": "127.0.8.7", "open_relay": True,
         "login": "ship", "password": "secret"},
    ],
    "domain": [
        {"name": "shop.example", "mx": [[10, "mx.shop.example"]], "rule": [
            {"prefix": "grey-", "kind": "greylist", "seconds": 0.05},
            {"prefix": "slow-", "kind": "slow", "seconds": 0.05},
            {"prefix": "filtered-", "kind": "refuse", "at": "after-data", "text": "Unknown user"},
            {"prefix": "nodata-", "kind": "refuse", "at": "data", "code": 451, "text": "4.3.0 no"},
            {"prefix": "rcpt-", "kind": "drop", "at": "rcpt"},
            {"prefix": "data-", "kind": "drop", "at": "data"},
            {"prefix": "lost-", "kind": "drop", "at": "after-data"},
            {"prefix": "twice-", "kind": "drop", "at": "after-store"},
        ]},
        {"name": "docomo.ne.jp", "mx": [[10, "mx.plain.example"]]},
        {"name": "broken.example", "mx": [[10, "mx.broken.example"]]},
        {"name": "block.example", "mx": [[10, "mx.block.example"]]},
        {"name": "gone.example", "mx": [[10, "mx.gone.example"]]},
        {"name": "two.example", "mx": [[5, "mx.down.example"], [10, "mx.shop.example"]]},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with Sandbox(parse(QUICK), directory=tmp_path_factory.mktemp("box")) as opened:
        yield opened


async def post(box, *batch, **options):
    return await carry(batch, names=box.dns, port=box.port, command_timeout=5, **options)


def stored_for(box, recipient):
    return [one for one in box.store if recipient in one.recipients]


async def test_an_accepted_message_is_stored_as_it_was_sent(box):
    await post(box, letter("first@shop.example"))
    (one,) = stored_for(box, "first@shop.example")
    assert store.raw(one) == MESSAGE
    assert (one.host, one.address, one.peer) == ("mx.shop.example", "127.0.8.1", "127.0.1.5")
    assert (one.helo, one.tls) == ("mta1.sender.example", "TLSv1.3")
    assert (one.mail_from, one.message_id) == ("bounce@sender.example", "<1@sender.example>")


async def test_the_null_sender_is_stored_as_nothing(box):
    await post(box, letter("null@shop.example", sender=""))
    assert [one.mail_from for one in stored_for(box, "null@shop.example")] == [""]


@pytest.mark.parametrize(
    ("recipient", "verdict", "phase", "code"),
    [
        ("unknown-a@shop.example", "refused", "rcpt", 550),
        ("full-a@shop.example", "deferred", "rcpt", 452),
        ("filtered-a@shop.example", "refused", "end-of-data", 550),
        ("nodata-a@shop.example", "deferred", "data", 451),
        ("grey-a@shop.example", "deferred", "rcpt", 451),
        ("rcpt-a@shop.example", "deferred", "rcpt", None),
        ("data-a@shop.example", "deferred", "data", None),
        ("lost-a@shop.example", "uncertain", "end-of-data", None),
        ("a@block.example", "refused", "banner", 554),
        ("a@gone.example", "deferred", "banner", None),
    ],
)
async def test_a_letter_that_is_not_taken_is_not_stored(box, recipient, verdict, phase, code):
    outcome = (await post(box, letter(recipient))).only
    assert (outcome.verdict, outcome.phase) == (verdict, phase)
    assert (outcome.reply and outcome.reply.code) == code
    assert stored_for(box, recipient) == []


async def test_a_reply_can_be_lost_though_the_message_is_kept(box):
    outcome = (await post(box, letter("twice-a@shop.example"))).only
    assert outcome.verdict is Verdict.uncertain
    assert len(stored_for(box, "twice-a@shop.example")) == 1


async def test_a_greylisted_letter_is_taken_when_it_comes_again(box):
    first = (await post(box, letter("grey-b@shop.example"))).only
    await asyncio.sleep(0.06)
    second = (await post(box, letter("grey-b@shop.example"))).only
    assert (first.verdict, second.verdict) == (Verdict.deferred, Verdict.accepted)


async def test_a_slow_host_takes_its_time(box):
    outcome = (await post(box, letter("slow-a@shop.example"))).only
    assert outcome.seconds > 0.1


async def test_local_parts_that_break_the_dot_rules_arrive(box):
    result = await post(box, letter('"a..b."@docomo.ne.jp'), letter("c..d@docomo.ne.jp"))
    assert result.verdicts == ["accepted"] * 2
    assert len(stored_for(box, "a..b.@docomo.ne.jp")) == 1
    assert len(stored_for(box, "c..d@docomo.ne.jp")) == 1


async def test_international_local_parts_are_taken_where_they_are_offered(box):
    result = await post(box, letter("鳩@shop.example"), letter("鳩@docomo.ne.jp"))
    assert result["鳩@shop.example"].verdict is Verdict.accepted
    assert result["鳩@docomo.ne.jp"].reason == "smtputf8-not-offered"
    assert len(stored_for(box, "鳩@shop.example")) == 1


async def test_broken_tls_is_overcome_only_where_tls_is_not_required(box):
    batch = letter("a@broken.example"), letter("b@broken.example", tls=TlsMode.required)
    result = await post(box, *batch)
    assert result["a@broken.example"].verdict is Verdict.accepted
    assert result["b@broken.example"].reason == "tls-failed"
    assert [one.tls for one in stored_for(box, "a@broken.example")] == [""]


async def test_the_second_host_takes_what_the_first_cannot(box):
    outcome = (await post(box, letter("a@two.example"))).only
    assert (outcome.verdict, outcome.mx_host) == (Verdict.accepted, "mx.shop.example")
    assert "connection-refused at connect" in outcome.conversation


async def test_a_host_tells_the_size_it_takes(box):
    outcome = (await post(box, letter("a@shop.example", message=b"x\r\n" * 1500))).only
    assert (outcome.verdict, outcome.reason) == (Verdict.refused, "too-large")


@pytest.mark.parametrize(
    ("password", "verdict", "reason"),
    [("secret", "accepted", "smtp-reply"), ("wrong", "deferred", "auth-failed")],
)
async def test_a_relay_takes_mail_for_all_after_log_in(box, password, verdict, reason):
    relay = Relay("relay.example", box.port, "starttls", "ship", password)
    recipient = f"{password}@anywhere.example"
    outcome = (await post(box, letter(recipient), relay=relay)).only
    assert (outcome.verdict, outcome.reason) == (verdict, reason)
    assert len(stored_for(box, recipient)) == (verdict == "accepted")


async def test_names_can_be_added_while_it_runs(box):
    box.add_record(Record("k1._domainkey.sender.example", "TXT", "v=DKIM1"))
    answer = await Resolver([box.dns]).txt("k1._domainkey.sender.example")
    assert answer == Texts(("v=DKIM1",))


def test_a_host_takes_no_mail_for_others(box):
    with smtplib.SMTP("127.0.8.1", box.port) as client:
        client.ehlo("mta.example")
        client.mail("a@sender.example")
        assert client.rcpt("a@elsewhere.example")[0] == 554
        assert client.docmd("STARTTLS", "x")[0] == 501


def test_any_mail_program_can_speak_to_it(box):
    with smtplib.SMTP("127.0.8.2", box.port) as client:
        client.sendmail("a@sender.example", ["p@docomo.ne.jp", "q@docomo.ne.jp"], MESSAGE)
        assert client.docmd("DATA")[0] == 503
    (one,) = stored_for(box, "p@docomo.ne.jp")
    assert one.recipients == ("p@docomo.ne.jp", "q@docomo.ne.jp")


def test_a_port_that_is_taken_is_told_in_one_sentence(box, tmp_path):
    with pytest.raises(PortTaken) as caught, Sandbox(parse(QUICK), port=box.port,
                                                     directory=tmp_path):  # fmt: skip
        pass
    assert f"SMTP on a mail host, port {box.port} (" in str(caught.value)
    with pytest.raises(PortTaken, match=r"DNS on 127\.0\.0\.1"), Sandbox(
        parse(QUICK), dns_port=box.dns[1], directory=tmp_path
    ):  # fmt: skip
        pass


def test_a_box_of_its_own_leaves_nothing_behind():
    with Sandbox(parse({"host": QUICK["host"][1:2]})) as own:
        directory = own.directory
        assert (directory / store.INDEX).exists()
    assert not directory.exists()


def test_a_box_that_is_not_open_says_so():
    with pytest.raises(RuntimeError, match="not open"):
        _ = Sandbox(parse(QUICK)).port
