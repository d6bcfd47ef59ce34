"""Which delivery a report is about, and whether to believe it. Decisions only: nobody is asked.

A report counts only when it carries something that we signed: the bounce address it was sent to or
quotes, or the Message-ID. Anybody can write the rest of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from delivery.models.report import ReportKind, ReportState
from delivery.states import DeliveryState
from wire.addresses import InvalidAddress, parse
from wire.reports import Kind, Report

# Kinds that have consequences; a delay, an automatic reply and ordinary mail have none.
COUNTED = frozenset({Kind.bounce, Kind.complaint, Kind.unsubscribe})
# What is about one recipient and says so. A complaint need not: feedback loops black it out.
NAMES_ITS_RECIPIENT = frozenset({Kind.bounce, Kind.delayed})
# From these a bounce moves a delivery (delivery.states).
RETURNABLE = frozenset({DeliveryState.ACCEPTED, DeliveryState.DEFERRED})


class Proof(StrEnum):
    """What of ours the report carries."""

    bounce_address = "bounce-address"
    message_id = "message-id"
    none = ""


@dataclass(frozen=True, slots=True)
class Signed:
    """What reads our signatures: each gives the delivery's id, or None.

    `seems_ours` tells a Message-ID of our form, be it signed or not.
    """

    bounce_address: Callable[[str], int | None]
    message_id: Callable[[str], int | None]
    seems_ours: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Claim:
    """The delivery that a report names; `delivery_id` None with the reason why there is none."""

    delivery_id: int | None
    proof: Proof = Proof.none
    state: ReportState = ReportState.UNMATCHED
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """A delivery that reports name. `attempt_id`: the last in which a host took the message, or may
    have. `told`: the kinds of report that have counted for it.
    """

    delivery_id: int
    address: str
    state: DeliveryState
    mailing_id: int
    customer_id: int
    attempt_id: int | None
    told: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Finding:
    """What becomes of a report. `counts`: it has consequences; `returns`: its delivery bounced."""

    state: ReportState
    reason: str = ""
    proof: Proof = Proof.none
    known: Known | None = None
    counts: bool = False
    returns: bool = False


def claim(report: Report, *, rcpt_to: str, signed: Signed) -> Claim:
    """The delivery that a report, sent to `rcpt_to`, has a right to speak about.

    A signature that does not hold is not passed over in favour of the next: it is a forgery, or
    signed with a key that was given up.
    """
    if found := signed.bounce_address(rcpt_to):
        return Claim(found, Proof.bounce_address)
    if report.verp_token:
        if found := signed.bounce_address(report.verp_token):
            return Claim(found, Proof.bounce_address)
        return Claim(None, state=ReportState.REFUSED, reason="forged-bounce-address")
    if found := signed.message_id(report.original_message_id):
        return Claim(found, Proof.message_id)
    if signed.seems_ours(report.original_message_id):
        return Claim(None, state=ReportState.REFUSED, reason="forged-message-id")
    return Claim(None, reason="names-no-delivery")


def judge(report: Report, claim: Claim, known: Mapping[int, Known]) -> Finding:
    """What becomes of it. Of several of a kind about one delivery, only the first counts.

    The state is NEW when a bounce was faster than the record of its attempt: ask again later.
    """
    if claim.delivery_id is None:
        return Finding(claim.state, claim.reason)
    found = known.get(claim.delivery_id)
    if found is None:
        return Finding(ReportState.UNMATCHED, "delivery-gone", claim.proof)
    if report.kind in NAMES_ITS_RECIPIENT and not _is_about(report, found.address):
        return Finding(ReportState.REFUSED, "another-recipient", claim.proof, found)
    if report.kind == Kind.bounce:
        return _judge_bounce(claim, found)
    if report.kind not in COUNTED:
        return Finding(ReportState.MATCHED, "", claim.proof, found)
    is_first = report.kind.value not in found.told
    reason = "" if is_first else "repeated"
    return Finding(ReportState.MATCHED, reason, claim.proof, found, counts=is_first)


def _judge_bounce(claim: Claim, found: Known) -> Finding:
    """A receiver that never took a message cannot return it."""
    if found.state == DeliveryState.SENDING:
        return Finding(ReportState.NEW, "", claim.proof, found)
    if found.attempt_id is None:
        return Finding(ReportState.REFUSED, "never-taken", claim.proof, found)
    returns = found.state in RETURNABLE
    reason = "" if returns else "repeated" if Kind.bounce.value in found.told else "ended-before"
    return Finding(ReportState.MATCHED, reason, claim.proof, found, returns, returns)


def kind_of(report: Report) -> ReportKind:
    return ReportKind(report.kind.value)


def _is_about(report: Report, address: str) -> bool:
    """A forwarded message bounces for another address, but then names the original one too."""
    named = [name for name in (report.recipient, report.original_recipient) if name]
    return not named or any(_is_same(name, address) for name in named)


def _is_same(named: str, address: str) -> bool:
    """A host that serves one domain may name the local part alone."""
    if "@" not in named:
        return named.lower() == address.rpartition("@")[0].lower()
    return _key(named) == _key(address)


def _key(address: str) -> str:
    """The form that all spellings of an address share."""
    try:
        return parse(address).key
    except InvalidAddress:
        return address.lower()
