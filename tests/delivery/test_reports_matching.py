"""Whose delivery a report is about, and whether to believe it."""

import pytest

from customers.unsubscribes import OptOut
from delivery.models.report import ReportState
from delivery.reports_matching import Claim, Known, Proof, Signed, claim, judge
from delivery.states import DeliveryState
from wire.reports import Form, Kind, Report

SIGNED = Signed(
    bounce_address={"b-seven@bounce.example": 7}.get,
    unsubscribe_address={"u-seven@bounce.example": 7}.get,
    message_id={"<seven@shop.example>": 7}.get,
    seems_ours=lambda text: text.startswith("<seven"),
)
OURS = "b-seven@bounce.example"
FORGED = "b-eight@bounce.example"
CLAIM = Claim(7, Proof.bounce_address, null_sender=True)
BY_PERSON = Claim(7, Proof.bounce_address)  # from an ordinary sender
QUOTING = Claim(7, Proof.bounce_address, quotes_ours=True)
LINK = OptOut(2, 1, "hanako@r.example")


LEAVE = "u-seven@bounce.example"
BY_ADDRESS = Claim(7, Proof.unsubscribe_address)
REFUSED = Claim(None, state=ReportState.REFUSED, reason="forged-bounce-address")


@pytest.mark.parametrize(
    ("kind", "rcpt_to", "token", "found"),
    [
        (Kind.unsubscribe, LEAVE, "", BY_ADDRESS),
        (Kind.unsubscribe, "unsubscribe@a.example", LEAVE, BY_ADDRESS),
        (Kind.unsubscribe, "unsubscribe@a.example", "u-eight@bounce.example", REFUSED),
        (Kind.bounce, LEAVE, "", Claim(None, reason="names-no-delivery")),
        (Kind.complaint, "fbl@a.example", LEAVE, REFUSED),
    ],
)
def test_an_unsubscribe_address_proves_an_opt_out_and_nothing_else(kind, rcpt_to, token, found):
    report = Report(kind, verp_token=token)
    assert claim(report, rcpt_to=rcpt_to, mail_from="h@r.example", signed=SIGNED) == found


def known(state: DeliveryState = DeliveryState.ACCEPTED, **changes) -> dict[int, Known]:
    found = Known(7, "hanako@r.example", state, 1, 2, changes.pop("attempt_id", 70), **changes)
    return {7: found}


def bounce(**fields) -> Report:
    return Report(Kind.bounce, **{"recipient": "hanako@r.example", **fields})


@pytest.mark.parametrize(
    ("rcpt_to", "fields", "found"),
    [
        (OURS, {}, Claim(7, Proof.bounce_address)),
        (OURS, {"verp_token": FORGED}, Claim(7, Proof.bounce_address)),
        ("fbl@a.example", {"verp_token": OURS}, Claim(7, Proof.bounce_address)),
        ("fbl@a.example", {"original_message_id": "<seven@shop.example>"},
         Claim(7, Proof.message_id, quotes_ours=True)),
        (OURS, {"original_message_id": "<seven@shop.example>"}, QUOTING),
        ("fbl@a.example", {"verp_token": FORGED, "original_message_id": "<seven@shop.example>"},
         Claim(None, state=ReportState.REFUSED, reason="forged-bounce-address")),
        ("fbl@a.example", {"original_message_id": "<seven.forged@shop.example>"},
         Claim(None, state=ReportState.REFUSED, reason="forged-message-id")),
        ("fbl@a.example", {"original_message_id": "<x@elsewhere.example>"},
         Claim(None, reason="names-no-delivery")),
        ("fbl@a.example", {}, Claim(None, reason="names-no-delivery")),
    ],
)  # fmt: skip
def test_only_what_we_signed_names_a_delivery(rcpt_to, fields, found):
    assert claim(bounce(**fields), rcpt_to=rcpt_to, mail_from="m@r.example", signed=SIGNED) == found
    null = claim(bounce(**fields), rcpt_to=rcpt_to, mail_from="", signed=SIGNED)
    assert null.null_sender == (found.delivery_id is not None)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"recipient": "HANAKO@R.Example"},
        {"recipient": "hanako"},
        {"recipient": ""},
        {"recipient": "h.new@phone.example", "original_recipient": "hanako@r.example"},
    ],
)
def test_a_bounce_for_the_recipient_returns_the_delivery(fields):
    finding = judge(bounce(**fields), CLAIM, known())
    assert (finding.state, finding.reason) == (ReportState.MATCHED, "")
    assert finding.counts
    assert finding.returns


@pytest.mark.parametrize(
    "recipient", ["taro@r.example", "hanako@other.example", "taro", "two@@signs", "none at all"]
)
def test_a_message_id_alone_is_no_proof_for_somebody_else(recipient):
    by_id = Claim(7, Proof.message_id, null_sender=True, quotes_ours=True)
    finding = judge(bounce(recipient=recipient), by_id, known())
    assert (finding.state, finding.reason) == (ReportState.REFUSED, "another-recipient")
    assert (finding.counts, finding.returns) == (False, False)
    assert finding.known is not None  # so that the delivery's page shows it


@pytest.mark.parametrize("recipient", ["h.new@phone.example", "taro", "none at all"])
def test_a_bounce_to_a_signed_address_is_about_its_delivery_whoever_it_names(recipient):
    finding = judge(bounce(recipient=recipient), CLAIM, known())
    assert (finding.state, finding.reason) == (ReportState.MATCHED, "named-otherwise")
    assert (finding.counts, finding.returns) == (True, True)
    bounced = known(DeliveryState.BOUNCED, told=frozenset({"bounce"}))
    again = judge(bounce(recipient=recipient), CLAIM, bounced)
    assert (again.reason, again.counts) == ("repeated", False)


def test_a_delay_of_a_forwarded_message_is_found_with_its_delivery():
    finding = judge(Report(Kind.delayed, recipient="h@phone.example"), CLAIM, known())
    assert (finding.state, finding.reason, finding.counts) == (
        ReportState.MATCHED, "named-otherwise", False
    )  # fmt: skip


TAKEN, UNTAKEN = {"attempt_id": 70}, {"attempt_id": None}


@pytest.mark.parametrize(
    ("state", "changes", "expected", "reason"),
    [
        ("accepted", TAKEN, "matched", ""),
        ("deferred", TAKEN, "matched", ""),  # an uncertain attempt had arrived
        ("deferred", UNTAKEN, "refused", "never-taken"),
        ("refused", UNTAKEN, "refused", "never-taken"),
        ("bounced", TAKEN | {"told": frozenset({"bounce"})}, "matched", "repeated"),
        ("expired", TAKEN, "matched", "ended-before"),
        ("cancelled", TAKEN, "matched", "ended-before"),
        ("sending", UNTAKEN, "new", ""),
        ("sending", TAKEN, "new", ""),
    ],
)
def test_a_bounce_counts_once_and_only_for_what_was_taken(state, changes, expected, reason):
    finding = judge(bounce(), CLAIM, known(DeliveryState(state), **changes))
    assert (finding.state, finding.reason) == (expected, reason)
    assert finding.counts == finding.returns == (expected == "matched" and not reason)


def test_a_blacked_out_recipient_does_not_spoil_a_complaint():
    report = Report(Kind.complaint, recipient="redacted@r.example")
    first = judge(report, CLAIM, known())
    again = judge(report, CLAIM, known(told=frozenset({"complaint"})))
    assert (first.state, first.counts, first.returns) == (ReportState.MATCHED, True, False)
    assert (again.reason, again.counts) == ("repeated", False)


def test_an_opt_out_counts_however_often_it_comes():
    for told in (frozenset(), frozenset({"unsubscribe"})):
        finding = judge(Report(Kind.unsubscribe), BY_PERSON, known(told=told))
        assert (finding.state, finding.reason, finding.counts) == (ReportState.MATCHED, "", True)


@pytest.mark.parametrize("rcpt_to", [LEAVE, "unsubscribe@a.example"])
def test_an_opt_out_with_its_token_needs_no_delivery(rcpt_to):
    report = Report(Kind.unsubscribe)
    named = claim(report, rcpt_to=rcpt_to, mail_from="h@x.example", signed=SIGNED, opt_out=LINK)
    finding = judge(report, named, {})
    assert (finding.state, finding.proof) == (ReportState.MATCHED, Proof.unsubscribe_link)
    assert (finding.counts, finding.opt_out, finding.known) == (True, LINK, None)


def test_a_token_of_an_opt_out_is_no_proof_for_anything_else():
    named = claim(bounce(), rcpt_to="fbl@a.example", mail_from="", signed=SIGNED, opt_out=LINK)
    assert named == Claim(None, reason="names-no-delivery")


def test_an_opt_out_whose_delivery_is_gone_asks_for_a_person():
    finding = judge(Report(Kind.unsubscribe), BY_ADDRESS, {})
    assert (finding.state, finding.reason) == (ReportState.UNMATCHED, "opt-out-by-hand")


@pytest.mark.parametrize(
    ("about", "fields", "doubt"),
    [
        # it names our recipient, or nobody
        (BY_PERSON, {}, ""),  # carriers and old gateways write so
        (BY_PERSON, {"recipient": "", "form": Form.status}, ""),
        (BY_PERSON, {"recipient": ""}, "ordinary-mail"),
        (QUOTING, {"recipient": ""}, ""),
        (Claim(7, Proof.message_id, quotes_ours=True), {}, "ordinary-mail"),
        (Claim(7, Proof.message_id, quotes_ours=True), {"form": Form.status}, ""),
        # it names somebody else
        (CLAIM, {"recipient": "bob@x.example"}, ""),
        (BY_PERSON, {"recipient": "bob@x.example"}, "another-recipient"),
        (BY_PERSON, {"recipient": "bob@x.example", "form": Form.status}, "another-recipient"),
        (QUOTING, {"recipient": "bob@x.example"}, "another-recipient"),
        (QUOTING, {"recipient": "bob@x.example", "form": Form.status}, ""),
    ],
)
def test_ordinary_mail_in_the_words_of_a_bounce_is_not_believed(about, fields, doubt):
    finding = judge(bounce(**fields), about, known())
    assert finding.state == (ReportState.REFUSED if doubt else ReportState.MATCHED)
    assert finding.returns != bool(doubt)
    assert not doubt or finding.reason == doubt


@pytest.mark.parametrize(
    ("about", "fields", "doubt"),
    [
        (BY_PERSON, {"form": Form.feedback}, ""),
        (QUOTING, {}, ""),  # of loops that write no ARF
        (BY_PERSON, {"verp_token": OURS}, ""),
        (BY_PERSON, {}, "ordinary-mail"),
        (CLAIM, {}, ""),
    ],
)
def test_a_complaint_in_words_gives_our_message_back(about, fields, doubt):
    finding = judge(Report(Kind.complaint, **fields), about, known())
    assert (finding.reason, finding.counts) == (doubt, not doubt)


@pytest.mark.parametrize("kind", [Kind.delayed, Kind.auto_reply, Kind.other])
def test_what_changes_nothing_is_still_found_with_its_delivery(kind):
    finding = judge(Report(kind), CLAIM, known())
    assert (finding.state, finding.counts, finding.returns) == (ReportState.MATCHED, False, False)


def test_a_delivery_past_retention_is_gone():
    finding = judge(bounce(), CLAIM, {})
    assert (finding.state, finding.reason) == (ReportState.UNMATCHED, "delivery-gone")
