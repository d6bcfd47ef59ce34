"""`{{ delivery.reason|reason_words }}`: codes in the reader's language."""

from django import template

from compliance.models import StandingState
from delivery import wording
from delivery.models import Delivery, Destination, IpState, PoolState, ReportKind, ReportState
from delivery.states import DeliveryState, MailingState

register = template.Library()

# What the audit log calls a state; where two say the same word, they mean the same.
_STATES = (
    DeliveryState, MailingState, PoolState, IpState, StandingState, ReportState, ReportKind,
)  # fmt: skip


@register.filter
def reason_words(code: str) -> str:
    return wording.words_for(code, wording.REASONS)


@register.filter
def outcome_words(delivery: Delivery) -> str:
    """Why it is where it is; nothing for what is on its way, whatever an earlier attempt said."""
    is_outcome = delivery.state not in {DeliveryState.QUEUED, DeliveryState.SENDING}
    return reason_words(delivery.reason) if is_outcome else ""


@register.filter
def phase_words(code: str) -> str:
    return wording.words_for(code, wording.PHASES)


@register.filter
def verdict_words(code: str) -> str:
    return wording.words_for(code, wording.VERDICTS)


@register.filter
def proof_words(code: str) -> str:
    return wording.words_for(code, wording.PROOFS)


@register.filter
def party_words(code: str) -> str:
    return wording.words_for(code, wording.PARTIES)


@register.filter
def verb_words(code: str) -> str:
    return wording.words_for(code, wording.VERBS)


@register.filter
def actor_words(name: str) -> str:
    return wording.words_for(name, wording.ACTORS)


@register.filter
def group_words(group: Destination) -> str:
    """A destination group's name; that of the catch-all in the page's language."""
    return str(wording.DESTINATIONS.get(group.slug, group.name))


@register.filter
def state_words(code: str) -> str:
    """A state of deliveries, mailings, pools, IPs or customers; anything else as it stands."""
    for states in _STATES:
        if code in states.values:
            return str(states(code).label)
    return code
