"""What replies mean: every rule's samples, carriers by phase, and the cases that others miss."""

import pytest

from wire import replies
from wire.outcomes import Conversation, Phase, Verdict, read_reply
from wire.replies import CATEGORIES, Party, Permanence, classify, shipped
from wire.reply_rules import Rule, Sample

SAMPLES = [
    pytest.param(rule, sample, id=f"{rule.id}-{number}")
    for rule in shipped().rules
    for number, sample in enumerate(rule.samples)
]


def judged(line: str, phase: Phase = Phase.rcpt, mx: str | None = None) -> replies.Verdict:
    """By a line as it comes: "550 5.1.1 text"."""
    code, _, text = line.partition(" ")
    reply = read_reply(int(code), text)
    return classify(phase, reply.code, reply.enhanced, reply.text, mx=mx)


@pytest.mark.parametrize(("rule", "sample"), SAMPLES)
def test_each_sample_is_judged_by_its_rule(rule: Rule, sample: Sample) -> None:
    verdict = classify(sample.phase, sample.code, sample.enhanced, sample.text, mx=sample.mx)
    assert (verdict.rule, verdict.category) == (rule.id, rule.category)


def test_each_rule_has_a_source_and_an_id_of_its_own() -> None:
    rules = shipped().rules
    assert len({rule.id for rule in rules}) == len(rules)
    assert [rule.id for rule in rules if not rule.source] == []


def test_rules_with_words_have_samples() -> None:
    # One has none: Exim's own reports carry no reply code, and a sample has one.
    without = [rule.id for rule in shipped().rules if not rule.samples]
    assert without == ["exim-unrouteable-at-the-sender"]
    assert classify(Phase.rcpt, None, "", "Unrouteable address").rule == without[0]


# What went wrong in other systems: the reply, the category, whom it blames.
@pytest.mark.parametrize(
    ("line", "category", "blamed"),
    [
        ("550 5.7.606 Access denied, banned sending IP [203.0.113.7]", "ip-listed", "platform"),
        (
            ("550 5.7.1 Unfortunately, messages from [203.0.113.7] weren't sent. Please contact"
            " your Internet service provider since part of their network is on our block list"),
            "ip-listed", "platform",
        ),
        ("553 5.3.0 flpd594 DNSBL:RBL 521< 203.0.113.7 >_is_blocked", "ip-listed", "platform"),
        (
            ("550 5.7.1 [203.0.113.7] Our system has detected that this message is likely"
            " suspicious due to the very low reputation of the sending IP address."),
            "ip-reputation", "platform",
        ),
        (
            "550 5.7.1 Our system has detected that this message is likely unsolicited mail.",
            "content", "content",
        ),
        ("550 Connection frequency limited", "rate-limit", "platform"),
        (
            "553 5.7.2 [TSS09] All messages from 203.0.113.7 will be permanently deferred",
            "ip-reputation", "platform",
        ),
        (
            "553 5.7.1 [BL23] Connections not accepted from IP addresses on Spamhaus XBL",
            "ip-listed", "platform",
        ),
        (
            "550 5.7.1 Your email was rejected due to having a domain present in the Spamhaus DBL",
            "domain-listed", "sender",
        ),
        (
            "554 5.7.1 Service unavailable; Client host [m.example] blocked using multi.uribl.com",
            "domain-listed", "sender",
        ),
        ("550 5.7.1 Blacklisted by recipient", "recipient-policy", "recipient"),
        (
            "421 4.7.1 Client host [203.0.113.7] blocked using grey.rbl - Greylisting in action",
            "greylist", "receiver",
        ),
        (
            ("554 5.7.1 Client host [203.0.113.7] blocked using ee.countries.nerd.dk; Your IP is in"
            " ee, rejected based on geographical location"),
            "recipient-policy", "receiver",
        ),
        (
            ("554 5.7.1 Client host [203.0.113.7] blocked using zen.spamhaus.org; Error: open"
            " resolver; https://www.spamhaus.org/returnc/pub/198.51.100.53"),
            "network", "receiver",
        ),
    ],
)  # fmt: skip
def test_what_others_have_got_wrong(line: str, category: str, blamed: str) -> None:
    verdict = judged(line)
    assert (verdict.category, verdict.blamed) == (category, blamed)


def test_a_gateway_that_blocks_the_ip_says_so_at_the_banner() -> None:
    verdict = judged(
        "554 Blocked - see https://ipcheck.proofpoint.com/?ip=203.0.113.7", Phase.banner
    )
    assert (verdict.category, verdict.list) == ("ip-listed", "Proofpoint Dynamic Reputation")
    assert (verdict.resource, verdict.permanence) == ("203.0.113.7", Permanence.permanent)


def test_a_rate_limit_with_a_permanent_code_is_temporary() -> None:
    assert judged("550 Connection frequency limited").permanence is Permanence.temporary


@pytest.mark.parametrize(
    ("line", "phase", "mx", "category"),
    [
        ("550 Unknown user taro@docomo.ne.jp", "rcpt", "mfsmax.docomo.ne.jp", "unknown-user"),
        (
            "550 Unknown user taro@docomo.ne.jp", "end-of-data", "mfsmax.docomo.ne.jp",
            "recipient-policy",
        ),
        ("552 too much mail data", "rcpt", "mfsmax.docomo.ne.jp", "mailbox-full"),
        ("552 too many recipients", "rcpt", "mfsmax.docomo.ne.jp", "rate-limit"),
        ("500 Line Too Long", "data", "mfsmax.docomo.ne.jp", "content"),
        ("503 Bad sequence of commands", "data", "mfsmax.docomo.ne.jp", "protocol"),
        ("504 Command parameter not implemented", "mail", "mfsmax.docomo.ne.jp", "protocol"),
        ("550 <a@ezweb.ne.jp>: User unknown", "rcpt", "lsean.ezweb.ne.jp", "unknown-user"),
        ("550 : User unknown", "rcpt", "lsean.ezweb.ne.jp", "recipient-policy"),
        ("554 <a!b@au.com>: Relay access denied", "rcpt", "msmx.au.com", "unknown-user"),
        ("550 Invalid recipient: <a@softbank.ne.jp>", "rcpt", "mx.softbank.ne.jp", "unknown-user"),
        ("553 news.example does not exist", "mail", "mx.softbank.ne.jp", "authentication"),
        ("553 Mail from 192.0.2.7 not allowed - VS98-IP0 deferred", "mail", None, "ip-reputation"),
        ("421 #4.x.2 Too many messages for this session", "mail", None, "rate-limit"),
        ("550 5.5.0 mailbox unavailable (S2017062302)", "rcpt", None, "unknown-user"),
        ("550 5.1.1 <a@icloud.com>: user does not exist", "rcpt", None, "unknown-user"),
    ],
)  # fmt: skip
def test_japanese_carriers_by_phase_and_exact_text(
    line: str, phase: str, mx: str | None, category: str
) -> None:
    verdict = judged(line, Phase(phase), mx)
    assert verdict.category == category
    if category != "unclassified":
        assert verdict.rule


def test_lines_are_joined_with_and_without_their_codes() -> None:
    text = "The email account that you\n550-5.1.1 tried to reach does not exist. Please\ntry again"
    assert classify(Phase.rcpt, 550, "5.1.1", text).rule == "google-no-such-user"
    again = (
        "550-5.7.1 [203.0.113.7] very low\r\n550-5.7.1 reputation of the sending\r\n550 5.7.1 IP"
    )
    verdict = classify(Phase.end_of_data, 550, "5.7.1", again)
    assert (verdict.category, verdict.resource) == ("ip-reputation", "203.0.113.7")


def test_what_the_address_says_is_not_what_the_receiver_says() -> None:
    line = "550 5.1.1 <blocked.using.spamhaus@listed-at.example>: Recipient address rejected"
    assert judged(line).category == "unknown-user"


def test_the_host_that_speaks_is_not_what_it_says_and_not_what_is_listed() -> None:
    said = "host spam.relay.example[192.0.2.1] said: 554 Client host [203.0.113.7] blocked using"
    verdict = classify(
        Phase.rcpt, 554, "", f"{said} list.example.org (in reply to RCPT TO command)"
    )
    assert (verdict.category, verdict.resource) == ("ip-listed", "203.0.113.7")
    assert verdict.list == "list.example.org"
    unknown = "host spam.example[192.0.2.1] said: 550 mailbox unavailable (in reply to RCPT TO)"
    assert classify(Phase.rcpt, 550, "", unknown).category == "unknown-user"


def test_the_frame_that_mailers_put_around_a_reply_is_left_out() -> None:
    exim = "SMTP error from remote mail server after MAIL FROM:<a@b.example> SIZE=9: No such user"
    assert classify(Phase.rcpt, 550, "", exim).category == "unknown-user"
    postfix = "host mx.example[192.0.2.1] refused to talk to me: 554 Blocked"
    assert classify(Phase.banner, 554, "", postfix).category == "ip-listed"


def test_words_that_nobody_has_said_yet_are_judged_by_their_families() -> None:
    assert judged("550 We have no living customer of that name").rule == "family-no-such"
    assert judged("550 5.2.2 We have no living customer of that name").category == "mailbox-full"
    assert judged("552 We have no living customer of that name").category == "unknown-user"


def test_words_come_before_enhanced_codes_and_these_before_plain_ones() -> None:
    assert judged("550 5.1.1 Mail from 203.0.113.7 listed at zen.spamhaus.org").blamed == "platform"
    assert judged("552 5.1.1 Nope").category == "unknown-user"
    assert judged("552 Nope").category == "mailbox-full"
    assert judged("552 Nope", Phase.end_of_data).category == "unclassified"
    assert judged("550 Nope (#5.1.1)").category == "unknown-user"


@pytest.mark.parametrize(
    ("line", "found", "resource"),
    [
        ("554 blocked using zen.spamhaus.org [2001:db8::7]", "zen.spamhaus.org", "2001:db8::7"),
        ("554 127.0.0.2: [203.0.113.7] listed at bl.example.net", "bl.example.net", "203.0.113.7"),
        ("554 IP 999.1.1.1 or 203.0.113.7 is blacklisted", "", "203.0.113.7"),
        ("554 Your IP is blacklisted: a::b::c:::", "", ""),
        ("554 Sender address [a@news.example] blocked using dbl.spamhaus.org", "dbl.spamhaus.org",
         "news.example"),
        ("554 A URL in this email (shop.example) is listed on https://spamrl.com/", "spamrl.com",
         "shop.example"),
        ("550 rejected due to spam URL in content", "", ""),
        ("550 Your IP was blocked by rbl at protection.outlook.com", "", ""),
    ],
)  # fmt: skip
def test_list_and_resource_are_picked_out(line: str, found: str, resource: str) -> None:
    verdict = judged(line)
    assert verdict.category in {"ip-listed", "domain-listed", "url-listed"}
    assert (verdict.resource, verdict.list) == (resource, found)


def test_the_lookup_page_is_picked_out() -> None:
    line = "554 blocked (see https://www.spamhaus.org/query/ip/203.0.113.7)."
    assert judged(line).lookup_url == "https://www.spamhaus.org/query/ip/203.0.113.7"


def test_an_acceptance_is_no_failure() -> None:
    assert judged("250 2.0.0 OK, not blocked using any list").category == "accepted"


@pytest.mark.parametrize(
    ("code", "enhanced", "permanence"),
    [
        (550, "", "permanent"), (451, "", "temporary"), (None, "5.9.9", "permanent"),
        (None, "4.9.9", "temporary"), (None, "", "unknown"), (354, "", "unknown"),
    ],
)  # fmt: skip
def test_permanence_is_what_the_code_says(code: int | None, enhanced: str, permanence: str) -> None:
    verdict = classify(Phase.rcpt, code, enhanced, "Nobody can tell what this is")
    assert (verdict.category, verdict.permanence) == ("unclassified", permanence)


@pytest.mark.parametrize(
    ("line", "asks"),
    [
        (
            "421 4.7.0 [TSS04] Messages from 127.0.0.1 temporarily deferred due to user complaints",
            1,
        ),
        ("421 [IPTS04] Messages from 127.0.0.1 temporarily deferred", 1),
        ("553 Mail from 127.0.0.1 not allowed - VS98-IP0 deferred", 1),
        ("421 4.7.28 Our system has detected an unusual rate of unsolicited mail", 1),
        ("451 4.7.650 The mail server [127.0.0.1] has been temporarily rate limited", 1),
        ("421 #4.4.5 Too many connections from your host.", 1),
        ("450 4.3.2 Please slow down", 1),
        ("452 4.5.3 Too many recipients", 1),
        ("421 [HCM1] Your mail from 127.0.0.1 was deferred", 1),
        ("451 4.7.1 Greylisted, please try again later", 0),
        ("452 4.2.2 Mailbox full, too many messages", 0),
        ("421 Service not available, closing transmission channel", 0),
        ("451 4.3.0 Temporary lookup failure", 0),
        ("550 5.1.1 User unknown", 0),
        ("550 5.7.1 Too many spam messages: your host is blocked", 0),
    ],
)
def test_requests_to_slow_down_are_told_from_other_refusals(line: str, asks: int) -> None:
    verdict = judged(line)
    about_pace = verdict.category in {"rate-limit", "ip-reputation"}
    assert (about_pace and verdict.permanence is Permanence.temporary) == bool(asks)


def test_a_mailbox_that_gets_too_much_mail_is_not_our_pace() -> None:
    verdict = judged("450 4.2.1 The user you are trying to contact is receiving mail too quickly")
    assert (verdict.category, verdict.blamed) == ("rate-limit", Party.recipient)


@pytest.mark.parametrize(
    ("reason", "acceptance", "blamed", "permanence"),
    [
        ("no-such-domain", Verdict.refused, Party.recipient, Permanence.permanent),
        ("timeout", Verdict.deferred, Party.network, Permanence.temporary),
        ("connection-lost", Verdict.uncertain, Party.network, Permanence.unknown),
        ("source-unusable", Verdict.deferred, Party.platform, Permanence.temporary),
        ("something-new", Verdict.deferred, Party.unknown, Permanence.temporary),
    ],
)
def test_our_own_failures_never_meet_the_rules(
    reason: str, acceptance: Verdict, blamed: Party, permanence: Permanence
) -> None:
    outcome = Conversation().outcome(acceptance, Phase.connect, reason)
    assert replies.judge(outcome) == replies.Verdict(reason, permanence, blamed)
    assert replies.category(Phase.connect, None, reason) == reason


def test_an_outcome_with_a_reply_is_judged_by_its_host_too() -> None:
    reply = read_reply(553, "news.example does not exist")
    outcome = Conversation().outcome(
        Verdict.refused, Phase.mail, "smtp-reply", reply=reply, host="mx.softbank.ne.jp"
    )
    assert replies.judge(outcome).rule == "softbank-no-sender-domain"
    assert replies.category(Phase.rcpt, reply, "smtp-reply") == "unknown-user"


def test_all_categories_have_a_rule_or_need_none() -> None:
    assert CATEGORIES - {rule.category for rule in shipped().rules} == {"accepted", "unclassified"}
