"""`{{ delivery.reason|reason_words }}`: codes in the reader's language."""

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.formats import number_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from compliance import thresholds
from compliance.models import StandingState
from delivery import wording
from delivery.models import Delivery, Destination, IpState, PoolState, ReportKind, ReportState
from delivery.states import DeliveryState, MailingState
from wire.replies import Fault

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
def fault_words(fault: Fault) -> str:
    words = str(wording.FAULTS[fault.kind])
    return words % {"sample": fault.sample, "other": fault.other}


@register.filter
def why_words(why: str) -> str:
    """A reason: what a person wrote, or what the software measured."""
    found = thresholds.read_why(why)
    if found is None:
        return why
    return _("%(measure)s: %(rate)s%% (%(bad)s of %(total)s)") % {
        "measure": capfirst(found.measure.label),
        "rate": number_format(100 * found.rate, 2),
        "bad": intcomma(found.bad),
        "total": intcomma(found.total),
    }


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
