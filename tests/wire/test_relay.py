"""A courier whose letters all go to one relay."""

import asyncio

import pytest

from tests.support.names import nameserver
from tests.support.post import carry, letter, letters
from tests.support.smtp_script import FRIENDLY, Script, scripted
from tests.support.tls import server_context
from wire.letters import Relay
from wire.outcomes import Phase


@pytest.mark.parametrize("host", ["127.0.9.1", "relay.example"])
async def test_a_relay_takes_the_letters_of_all_domains(host):
    async with (
        nameserver("relay.example A 127.0.9.1") as names,
        scripted(host="127.0.9.1") as script,
    ):
        relay = Relay(host, script.port, "none")
        batch = [letter("a@one.example"), letter("b@two.example")]
        post = await carry(batch, relay=relay, names=names.address)
    assert post.verdicts == ["accepted"] * 2
    assert len(script.sessions) == 1
    assert post["a@one.example"].mx_host == host


async def test_a_relay_with_starttls_is_never_spoken_to_in_the_clear():
    async with scripted() as script:
        relay = Relay(script.host, script.port, "starttls", "ship", "secret")
        post = await carry([letter()], relay=relay)
    assert post.only.reason == "tls-required"
    assert script.lines == ["EHLO mta1.sender.example"]


async def test_a_relay_may_speak_tls_from_the_first_octet():
    server = await asyncio.start_server(
        scripted_replies := Implicit(), "127.0.0.1", 0, ssl=server_context()
    )
    port = server.sockets[0].getsockname()[1]
    relay = Relay("127.0.0.1", port, "implicit", "ship", "secret")
    post = await carry([letter()], relay=relay)
    server.close()
    await asyncio.sleep(0.01)
    assert post.verdicts == ["accepted"]
    assert post.only.tls.startswith("TLSv1.3")
    assert "AUTH PLAIN AHNoaXAAc2VjcmV0" in scripted_replies.script.lines


class Implicit:
    """A scripted server behind a TLS listener."""

    def __init__(self):
        offers = {"EHLO": "250-fake.example\n250 AUTH PLAIN", "AUTH": "235 welcome"}
        self.script = Script({**FRIENDLY, **offers})

    async def __call__(self, reader, writer):
        await self.script.serve(reader, writer)


async def test_a_relay_that_does_not_speak_tls_defers():
    async with scripted() as script:
        post = await carry([letter()], relay=Relay(script.host, script.port, "implicit"))
    assert (post.only.phase, post.only.reason) == (Phase.starttls, "tls-failed")


@pytest.mark.parametrize("host", ["nowhere.example", "text.example", "broken.example"])
async def test_a_relay_that_cannot_be_found_is_no_fault_of_the_recipients(host):
    async with nameserver("text.example TXT x", faults={"broken.example": "servfail"}) as names:
        post = await carry(letters(2), relay=Relay(host, 25, "none"), names=names.address)
    assert post.verdicts == ["deferred"] * 2
    assert post["u0@shop.example"].reason == "relay-unresolvable"


def test_a_relay_does_not_show_its_password():
    assert "secret" not in repr(Relay("relay.example", 587, "starttls", "ship", "secret"))
