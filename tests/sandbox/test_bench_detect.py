"""The benchmark of detection: its bars, its receivers, the lists of the box."""

import asyncio
import smtplib
from dataclasses import replace
from typing import Any

import pytest

from blacklist.catalogue_reading import shipped
from blacklist.models import Listing, ListSetting, OwnList
from sandbox.bench import detect
from sandbox.bench.detect import Seen
from sandbox.bench.detect_box import HOSTS, NAMED, QUIET, box
from sandbox.own_lists import alive, with_own_lists
from sandbox.scenario import Blocklist, Scenario
from wire.sink import Ledger, serve

GOOD = Seen(after_refusal=(0.5,) * 99 + (4.0,), after_entry=(60.0, 64.9), per_second=500)


@pytest.mark.parametrize(
    ("seen", "ok"),
    [
        (GOOD, True),
        (replace(GOOD, after_refusal=(0.5, 6.0)), False),
        (replace(GOOD, after_refusal=(2.0,)), True),
        (replace(GOOD, after_entry=(65.1,)), False),
        (replace(GOOD, per_second=440.0), False),
    ],
)
def test_all_bars_have_to_be_held(seen: Seen, ok: bool) -> None:
    result = detect.judge(seen, rate=500)
    assert result.ok is ok
    assert (
        result.figures["refusal_to_listed_p50_seconds"]
        == sorted(seen.after_refusal)[len(seen.after_refusal) // 2]
    )


@pytest.mark.scenario
def test_the_receivers_refuse_whom_the_list_holds() -> None:
    host = next(iter(HOSTS.values()))
    with box() as receivers, smtplib.SMTP(host, receivers.smtp_port) as client:
        assert client.mail("a@b.example")[0] == 250
        assert client.rcpt("u@r.example")[0] == 250
        receivers.enter(NAMED, "127.0.0.1")
        code, words = client.rcpt("u@r.example")
        assert (code, words.decode()) == (
            554, f"5.7.1 Service unavailable; Client host [127.0.0.1] blocked using {NAMED}",
        )  # fmt: skip


def test_a_sink_that_refuses_takes_no_data_from_a_pipelining_client() -> None:
    async def talk() -> bytes:
        server = await serve("127.0.0.1", 0, Ledger(refuses=lambda peer: f"550 {peer}".encode()))
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nQUIT\r\n")
        said = await reader.read(-1)
        writer.close()
        server.close()
        return said

    assert asyncio.run(talk()).splitlines()[1:] == [
        b"250 ok", b"550 127.0.0.1", b"503 5.5.1 no valid recipients", b"221 bye",
    ]  # fmt: skip


@pytest.mark.django_db
def test_only_the_lists_of_the_box_are_asked(now: Any) -> None:
    detect.ask_only_these(now)
    asked = set(ListSetting.objects.filter(enabled=True).values_list("ident", flat=True))
    assert asked == {NAMED}
    assert OwnList.objects.get().ident == QUIET
    assert not detect.swept()
    assert detect.first_refusal("127.0.10.1") is None
    assert not detect.is_listed(NAMED, "127.0.10.1")
    Listing.objects.create(
        resource="127.0.10.1", blocklist=NAMED, state="listed", since=now, opened_at=now,
        impact="critical",
    )  # fmt: skip
    assert detect.is_listed(NAMED, "127.0.10.1")


def test_what_takes_too_long_is_said() -> None:
    with pytest.raises(TimeoutError, match="took too long"):
        detect.wait_for(lambda: False, seconds=0.03)


def test_the_box_holds_the_lists_that_are_watched_from_the_start() -> None:
    own = Blocklist("zen.spamhaus.org", entries={"127.0.10.1": "127.0.0.2"})
    held = {one.zone: one for one in with_own_lists(Scenario((), {}, blocklists=(own,))).blocklists}
    wanted = {one.zone for one in shipped().lists.values() if one.default and not one.key}
    assert set(held) == wanted
    assert held["zen.spamhaus.org"] is own
    dbl = shipped().lists["dbl.spamhaus.org"]
    assert set(alive(dbl).tests) == set(dbl.listed.values())
    assert alive(replace(dbl, listed={})).tests.keys() >= {"127.0.0.2", "test"}
