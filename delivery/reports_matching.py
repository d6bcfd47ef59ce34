"""Which delivery a report is about, and whether to believe it. Decisions only: nobody is asked.

A report counts only when it carries something that we signed: the bounce address it was sent to or
quotes, or the Message-ID. Anybody can write the rest of it.

A bounce address went out with one message to one recipient, so what comes back to it is about that
delivery, whoever it names: where the recipient's mail is forwarded or its address an alias, the
hosts behind name addresses that we have never seen. A Message-ID also travels on through mailing
lists, whose bounces are not ours: with it alone the report has to name the recipient.

Bounce addresses are seen by others, and spam comes to them in a bounce's words. A report is sent
by the null sender (RFC 5321 4.5.5) or at least built like one (RFC 3464, RFC 5965); old gateways
do not keep to the first, and some receivers to neither. So what comes from an ordinary sender is
asked for more, see `_doubt`. An opt-out is never doubted: to honour one too many costs a message,
to overlook one is against the law.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from customers.unsubscribes import OptOut
from delivery.models.report import ReportKind, ReportState
from delivery.states import DeliveryState
from wire.addresses import InvalidAddress, parse
from wire.reports import Form, Kind, Report

# Kinds that have consequences; a delay, an automatic reply and ordinary mail have none.
COUNTED = frozenset({Kind.bounce, Kind.complaint, Kind.unsubscribe})
# What is about one recipient and says so. A complaint need not: feedback loops black it out.
NAMES_ITS_RECIPIENT = frozenset({Kind.bounce, Kind.delayed})
# What ordinary mail may seem to be.
DOUBTED = frozenset({Kind.bounce, Kind.delayed, Kind.complaint})
# From these a bounce moves a delivery (delivery.states).
RETURNABLE = frozenset({DeliveryState.ACCEPTED, DeliveryState.DEFERRED})


class Proof(StrEnum):
    """What of ours the report carries."""

    bounce_address = "bounce-address"
    unsubscribe_address = "unsubscribe-address"  # of an opt-out, and of nothing else
    unsubscribe_link = "unsubscribe-link"  # the same; it names the address itself
    message_id = "message-id"
    none = ""


@dataclass(frozen=True, slots=True)
class Signed:
    """What reads our signatures: each gives the delivery's id, or None.

    `seems_ours` tells a Message-ID of our form, be it signed or not.
    """

    bounce_address: Callable[[str], int | None]
    unsubscribe_address: Callable[[str], int | None]
    message_id: Callable[[str], int | None]
    seems_ours: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Claim:
    """The delivery that a report names; `delivery_id` None with the reason why there is none.

    `null_sender`: it came from none (RFC 5321 4.5.5). `quotes_ours`: it gives back the Message-ID
    of that delivery. `opt_out`: what a token in an opt-out asks for; needs no delivery.
    """

    delivery_id: int | None
    proof: Proof = Proof.none
    state: ReportState = ReportState.UNMATCHED
    reason: str = ""
    null_sender: bool = False
    quotes_ours: bool = False
    opt_out: OptOut | None = None


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
    """What becomes of a report. `counts`: it has consequences; `returns`: its delivery bounced.

    `reason` says why it does not count, or what is unusual about one that does.
    """

    state: ReportState
    reason: str = ""
    proof: Proof = Proof.none
    known: Known | None = None
    counts: bool = False
    returns: bool = False
    opt_out: OptOut | None = None  # of one whose delivery is gone


def claim(
    report: Report, *, rcpt_to: str, mail_from: str, signed: Signed, opt_out: OptOut | None = None
) -> Claim:
    """The delivery that a report from `mail_from` ("": null), sent to `rcpt_to`, may speak about.

    A signature that does not hold is not passed over in favour of the next: it is a forgery, or
    signed with a key that was given up.
    """
    found = _named(report, rcpt_to, signed)
    if found.delivery_id is None:
        token = opt_out if report.kind == Kind.unsubscribe else None
        return Claim(None, Proof.unsubscribe_link, opt_out=token) if token else found
    quoted = signed.message_id(report.original_message_id)
    return replace(
        found,
        null_sender=not mail_from,
        quotes_ours=quoted == found.delivery_id,
        opt_out=opt_out,
    )


def _named(report: Report, rcpt_to: str, signed: Signed) -> Claim:
    for address in filter(None, (rcpt_to, report.verp_token)):
        if found := signed.bounce_address(address):
            return Claim(found, Proof.bounce_address)
        if report.kind == Kind.unsubscribe and (found := signed.unsubscribe_address(address)):
            return Claim(found, Proof.unsubscribe_address)
    if report.verp_token:
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
    found = known.get(claim.delivery_id or 0)
    if report.kind == Kind.unsubscribe:
        return _judge_opt_out(claim, found)
    if found is None:
        return _not_known(claim, "delivery-gone")
    is_other = report.kind in NAMES_ITS_RECIPIENT and not is_about(report, found.address)
    if doubt := _doubt(report, claim, is_other=is_other):
        return Finding(ReportState.REFUSED, doubt, claim.proof, found)
    note = "named-otherwise" if is_other else ""
    if report.kind == Kind.bounce:
        return _judge_bounce(claim, found, note)
    if report.kind not in COUNTED:
        return Finding(ReportState.MATCHED, note, claim.proof, found)
    is_first = report.kind.value not in found.told
    reason = "" if is_first else "repeated"
    return Finding(ReportState.MATCHED, reason, claim.proof, found, counts=is_first)


def _judge_opt_out(claim: Claim, found: Known | None) -> Finding:
    """One always counts: since the last one, the recipient may have come back by consent."""
    if found is not None:
        return Finding(ReportState.MATCHED, "", claim.proof, found, counts=True)
    if claim.opt_out is not None:
        return Finding(
            ReportState.MATCHED, "", Proof.unsubscribe_link, counts=True, opt_out=claim.opt_out
        )
    return _not_known(claim, "opt-out-by-hand")


def _not_known(claim: Claim, reason: str) -> Finding:
    """Of what names no delivery, and of what names one whose row is gone (`reason`)."""
    if claim.delivery_id is None:
        return Finding(claim.state, claim.reason)
    return Finding(ReportState.UNMATCHED, reason, claim.proof)


def _doubt(report: Report, claim: Claim, *, is_other: bool) -> str:
    """Why it is not believed, "" when it is. `is_other`: it names another recipient than ours.

    From an ordinary sender, a report on another recipient has to be built as one and give our own
    message back; one that was only read from words has to name our recipient where it came to
    the bounce address, or, as a complaint, to give our message back.
    """
    if is_other and claim.proof != Proof.bounce_address:
        return "another-recipient"
    if claim.null_sender or report.kind not in DOUBTED:
        return ""
    if is_other:
        is_sound = report.form == Form.status and claim.quotes_ours
        return "" if is_sound else "another-recipient"
    if report.form != Form.words:
        return ""
    if report.kind == Kind.complaint:
        is_sound = claim.quotes_ours or bool(report.verp_token)
    else:
        names_ours = bool(report.recipient or report.original_recipient)
        is_sound = claim.proof == Proof.bounce_address and (names_ours or claim.quotes_ours)
    return "" if is_sound else "ordinary-mail"


def _judge_bounce(claim: Claim, found: Known, note: str) -> Finding:
    """A receiver that never took a message cannot return it. `note`: said of one that counts."""
    if found.state == DeliveryState.SENDING:
        return Finding(ReportState.NEW, "", claim.proof, found)
    if found.attempt_id is None:
        return Finding(ReportState.REFUSED, "never-taken", claim.proof, found)
    returns = found.state in RETURNABLE
    reason = note if returns else "repeated" if Kind.bounce.value in found.told else "ended-before"
    return Finding(ReportState.MATCHED, reason, claim.proof, found, returns, returns)


def kind_of(report: Report) -> ReportKind:
    return ReportKind(report.kind.value)


def is_about(report: Report, address: str) -> bool:
    """Whether it names that recipient, among others or as the original one; or nobody at all."""
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
