"""Whose delivery a report is about, and whether to believe it."""

import pytest

from delivery.models.report import ReportState
from delivery.reports_matching import Claim, Known, Proof, Signed, claim, judge
from delivery.states import DeliveryState
from wire.reports import Kind, Report

SIGNED = Signed(
    bounce_address={"b-seven@bounce.example": 7}.get,
    message_id={"<seven@shop.example>": 7}.get,
    seems_ours=lambda text: text.startswith("<seven"),
)
OURS = "b-seven@bounce.example"
FORGED = "b-eight@bounce.example"
CLAIM = Claim(7, Proof.bounce_address)


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
         Claim(7, Proof.message_id)),
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
    assert claim(bounce(**fields), rcpt_to=rcpt_to, signed=SIGNED) == found


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
def test_a_bounce_for_somebody_else_is_refused(recipient):
    finding = judge(bounce(recipient=recipient), CLAIM, known())
    assert (finding.state, finding.reason) == (ReportState.REFUSED, "another-recipient")
    assert (finding.counts, finding.returns) == (False, False)
    assert finding.known is not None  # so that the delivery's page shows it


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


@pytest.mark.parametrize("kind", [Kind.complaint, Kind.unsubscribe])
def test_a_blacked_out_recipient_does_not_spoil_a_complaint(kind):
    report = Report(kind, recipient="redacted@r.example")
    first = judge(report, CLAIM, known())
    again = judge(report, CLAIM, known(told=frozenset({kind.value})))
    assert (first.state, first.counts, first.returns) == (ReportState.MATCHED, True, False)
    assert (again.reason, again.counts) == ("repeated", False)


@pytest.mark.parametrize("kind", [Kind.delayed, Kind.auto_reply, Kind.other])
def test_what_changes_nothing_is_still_found_with_its_delivery(kind):
    finding = judge(Report(kind), CLAIM, known())
    assert (finding.state, finding.counts, finding.returns) == (ReportState.MATCHED, False, False)


def test_a_delivery_past_retention_is_gone():
    finding = judge(bounce(), CLAIM, {})
    assert (finding.state, finding.reason) == (ReportState.UNMATCHED, "delivery-gone")
