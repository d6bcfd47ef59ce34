"""What a host of the box does, as a table."""

import pytest

from sandbox.behaviour import (
    GREYLISTED,
    MAILBOX_FULL,
    UNKNOWN_USER,
    Act,
    act,
    behaviour_for,
)
from sandbox.scenario import Behaviour, Domain, Host, Rule, Scenario

MX = Host("mx.shop.example", "127.0.9.1")
RELAY = Host("relay.example", "127.0.9.2", open_relay=True)
OWN = Host("own.example", "127.0.9.3")
FILTERED = Behaviour("refuse", at="after-data", text="Unknown user {recipient}")
CLOSED = Behaviour("refuse", text="5.7.1 closed")
SCENARIO = Scenario(
    hosts=(MX, RELAY, OWN),
    domains={
        "shop.example": Domain(
            "shop.example", ((10, "mx.shop.example"),), rules=(Rule("filtered-", FILTERED),)
        ),
        "closed.example": Domain("closed.example", ((10, "mx.shop.example"),), CLOSED),
        "own.example": Domain("own.example", ()),
        "xn--wgv71a119e.example": Domain("xn--wgv71a119e.example", ((10, "mx.shop.example"),)),
    },
)


@pytest.mark.parametrize(
    ("host", "recipient", "behaviour"),
    [
        (MX, "a@shop.example", Behaviour()),
        (MX, "a@SHOP.example", Behaviour()),
        (MX, "filtered-a@shop.example", FILTERED),
        (MX, '"filtered-..a"@shop.example', FILTERED),
        (MX, "Unknown-a@shop.example", UNKNOWN_USER),
        (MX, "full-a@shop.example", MAILBOX_FULL),
        (MX, "unknown-a@closed.example", CLOSED),
        (MX, "a@日本語.example", Behaviour()),
        (OWN, "a@own.example", Behaviour()),
        (RELAY, "a@anywhere.example", Behaviour()),
    ],
)
def test_the_behaviour_for_a_recipient(host, recipient, behaviour):
    assert behaviour_for(SCENARIO, host, recipient) == behaviour


@pytest.mark.parametrize("recipient", ["a@elsewhere.example", "a@own.example", "nobody"])
def test_a_host_takes_no_mail_for_others(recipient):
    refused = act([behaviour_for(SCENARIO, MX, recipient)], "rcpt", recipient=recipient)
    assert refused.reply == f"554 5.7.1 <{recipient}>: Relay access denied"


GREY = Behaviour("greylist", seconds=10)
SLOW = Behaviour("slow", seconds=3)


@pytest.mark.parametrize(
    ("behaviour", "moment", "waited", "expected"),
    [
        (Behaviour(), "rcpt", None, Act()),
        (GREY, "rcpt", None, Act(GREYLISTED)),
        (GREY, "rcpt", 9.9, Act(GREYLISTED)),
        (GREY, "rcpt", 10.0, Act()),
        (GREY, "after-data", None, Act()),
        (SLOW, "connect", None, Act(wait=3)),
        (SLOW, "after-data", None, Act(wait=3)),
        (Behaviour("drop", at="data"), "rcpt", None, Act()),
        (Behaviour("drop", at="data"), "data", None, Act(drop=True)),
        (Behaviour("refuse", code=451, text="no"), "rcpt", None, Act("451 no")),
        (Behaviour("refuse", at="after-data"), "rcpt", None, Act()),
        (FILTERED, "after-data", None, Act("550 Unknown user a@b")),
    ],
)
def test_the_act_at_a_moment(behaviour, moment, waited, expected):
    assert act([behaviour], moment, recipient="a@b", waited=waited) == expected


def test_the_slowest_recipient_sets_the_pace_and_the_first_refusal_decides():
    both = [SLOW, Behaviour("refuse", text="no"), Behaviour("drop")]
    assert act(both, "rcpt") == Act("550 no", wait=3)
