"""A refusal is not blamed on a recipient who has not been named, nor for our own listings."""

import pytest

from wire import rulebook
from wire.outcomes import Phase, read_reply
from wire.replies import Party, Verdict, classify, read_rule, shipped
from wire.reply_rules import Rule, Sample
from wire.reports import diagnosis

EARLY = (Phase.connect, Phase.banner, Phase.ehlo, Phase.starttls, Phase.auth, Phase.mail)
BLAMING = [
    pytest.param(rule, sample, id=f"{rule.id}-{number}")
    for rule in shipped().rules
    if rule.blamed is Party.recipient
    for number, sample in enumerate(rule.samples)
]
PUBLIC = [
    "; Client host [203.0.113.7] blocked using zen.spamhaus.org",
    "; see http://www.spamhaus.org/query/bl?ip=203.0.113.7",
    " (your IP 203.0.113.7 is listed in bl.spamcop.net)",
    "; see https://www.barracudacentral.org/lookups?ip=203.0.113.7",
    "; http://www.sorbs.net/lookup.shtml?203.0.113.7",
    "; listed by UCEPROTECT-Level 2",
]
PRIVATE = [
    "; blocked, see https://ipremoval.sms.symantec.com/?ip=203.0.113.7",
    "; your IP 203.0.113.7 has been blocked",
    "; your network has been blocked",
    " IP 203.0.113.7 is blacklisted",
    "; refused due to the reputation of 203.0.113.7",
    "; 203.0.113.7 blocked by Trend Micro ERS",
    "; your mail server is on our deny list",
    "; host 203.0.113.7 was banned",
    "; IPアドレス203.0.113.7はブラックリストに登録されています",
]
# It says of itself "blacklisted by recipient" and "on the block list of user", so that such words
# are no sign of a listing beside it; the name of a public list still is.
EXCEPTED = {"refused-by-the-recipients-own-list"}


def judged(line: str, phase: Phase = Phase.rcpt, mx: str | None = None) -> Verdict:
    code, _, text = line.partition(" ")
    reply = read_reply(int(code), text)
    return classify(phase, reply.code, reply.enhanced, reply.text, mx=mx)


def with_more(sample: Sample, more: str = "", phase: Phase | None = None) -> Verdict:
    text = sample.text + more
    return classify(phase or sample.phase, sample.code, sample.enhanced, text, mx=sample.mx)


@pytest.mark.parametrize(("rule", "sample"), BLAMING)
def test_nothing_is_blamed_on_a_recipient_who_has_not_been_named(
    rule: Rule, sample: Sample
) -> None:
    assert [
        phase for phase in EARLY if with_more(sample, phase=phase).blamed is Party.recipient
    ] == []


@pytest.mark.parametrize(("rule", "sample"), BLAMING)
def test_a_public_list_beside_it_takes_the_blame_off_the_recipient(
    rule: Rule, sample: Sample
) -> None:
    assert [
        more for more in PUBLIC if with_more(sample, more).blamed is Party.recipient
    ] == []  # fmt: skip


@pytest.mark.parametrize(("rule", "sample"), BLAMING)
def test_words_of_a_block_beside_it_take_the_blame_off_the_recipient(
    rule: Rule, sample: Sample
) -> None:
    verdicts = [with_more(sample, more) for more in PRIVATE]
    assert {verdict.rule for verdict in verdicts if verdict.blamed is Party.recipient} <= EXCEPTED


def test_the_exceptions_are_those_that_say_so() -> None:
    assert {rule.id for rule in shipped().rules if rule.above_listings} == EXCEPTED


def test_an_operators_rule_may_speak_in_the_words_of_a_listing() -> None:
    rule = read_rule(
        {"id": "own-1", "category": "recipient-policy", "words": ["blocked using acme"]}
    )
    book = shipped().with_own([rule])
    line = "Recipient refused, blocked using ACME list"
    assert shipped().classify(Phase.rcpt, 550, "", line).category == "ip-listed"
    assert book.classify(Phase.rcpt, 550, "", line).rule == "own-1"
    at_spamhaus = f"{line} and zen.spamhaus.org"
    assert book.classify(Phase.rcpt, 550, "", at_spamhaus).list == "zen.spamhaus.org"
    assert book.classify(Phase.banner, 550, "", line).blamed is Party.platform


@pytest.mark.parametrize(
    ("line", "category", "party"),
    [
        (("554 5.7.1 <a@b.example>: Recipient address rejected: Access denied; see"
         " http://www.spamhaus.org/query/bl?ip=203.0.113.7"), "ip-listed", "platform"),
        ("554 5.7.1 <a@b.example>: Recipient address rejected: Access denied",
         "recipient-policy", "unknown"),
        ("554 5.7.1 <a@b.example>: Recipient address rejected: 203.0.113.7 not permitted here",
         "recipient-policy", "unknown"),
        ("554 5.7.1 <a@b.example>: Recipient address rejected: Policy Rejection- Quota Exceeded.",
         "rate-limit", "platform"),
        ("550 The DNS record of 203.0.113.7 does not exist", "unclassified", "unknown"),
        ("550 5.7.1 Access denied - your server is not recognized", "recipient-policy", "unknown"),
        ("554 host mx.example.com refuses to accept your mail", "recipient-policy", "unknown"),
        ("550 5.7.1 recipient refused: host 203.0.113.7 untrusted", "ip-listed", "platform"),
        ("550 5.1.1 Denied: invalid user or IP on deny list", "ip-listed", "platform"),
        ("511 sorry, your envelope sender is unknown", "authentication", "sender"),
        ("550 <a@b.example>: Recipient address rejected: User unknown in virtual mailbox table",
         "unknown-user", "recipient"),
        ("550 <a@b.example>: Recipient address rejected", "unknown-user", "recipient"),
        ("550 Requested action not taken: mailbox unavailable", "unknown-user", "recipient"),
        ("550 5.1.1 recipient refused", "unknown-user", "recipient"),
        ("550 <a@b.example> does not exist", "unknown-user", "recipient"),
        ("550 5.4.1 Recipient address rejected: Access denied. [x.prod.outlook.com]",
         "unknown-user", "recipient"),
    ],
)  # fmt: skip
def test_words_that_many_use_are_held_against_their_codes(
    line: str, category: str, party: str
) -> None:
    verdict = judged(line)
    assert (verdict.category, verdict.blamed) == (category, party)


@pytest.mark.parametrize(
    "text",
    [
        "host mx.example.com[192.0.2.1] refused to talk to me: 554 mailbox unavailable",
        "host mx.example.com[192.0.2.1] said: 550 Rejected. (in reply to MAIL FROM command)",
        "host mx.example.com[192.0.2.1] said: 550 recipient rejected (in reply to EHLO command)",
        "SMTP error from remote mail server after MAIL FROM:<a@b.example> SIZE=9: 550 No such user",
        "SMTP error from remote mail server after initial connection: 554 no such user",
    ],
)
def test_reports_say_in_their_own_words_that_no_recipient_had_been_named(text: str) -> None:
    assert diagnosis.of(text, book=rulebook.shipped()).verdict.blamed is Party.unknown


@pytest.mark.parametrize(
    "text",
    [
        "host mx.example.com[192.0.2.1] said: 550 no such user (in reply to RCPT TO command)",
        "SMTP error from remote mail server after RCPT TO:<a@b.example>: 550 No such user",
        "550 5.1.1 <a@b.example>: user unknown; see the greeting of this banner, EHLO or MAIL FROM",
        "550 5.1.1 user unknown",
    ],
)
def test_what_reports_quote_of_a_recipient_is_still_blamed_on_it(text: str) -> None:
    assert diagnosis.of(text, book=rulebook.shipped()).verdict.category == "unknown-user"


def test_the_command_may_be_named_in_the_words_around_the_reply() -> None:
    context = "550 no such user (in reply to MAIL FROM command)"
    found = diagnosis.of("550 no such user", book=rulebook.shipped(), context=context)
    assert found.verdict.blamed is Party.unknown
