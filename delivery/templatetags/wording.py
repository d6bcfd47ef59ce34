"""`{{ delivery.reason|reason_words }}`: codes in the reader's language."""

from django import template

from delivery import wording
from delivery.states import DeliveryState, MailingState

register = template.Library()


@register.filter
def reason_words(code: str) -> str:
    return wording.words_for(code, wording.REASONS)


@register.filter
def phase_words(code: str) -> str:
    return wording.words_for(code, wording.PHASES)


@register.filter
def verdict_words(code: str) -> str:
    return wording.words_for(code, wording.VERDICTS)


@register.filter
def verb_words(code: str) -> str:
    return wording.words_for(code, wording.VERBS)


@register.filter
def actor_words(name: str) -> str:
    return wording.words_for(name, wording.ACTORS)


@register.filter
def state_words(code: str) -> str:
    """A state of deliveries or mailings, or anything else as it stands."""
    for states in (DeliveryState, MailingState):
        if code in states.values:
            return str(states(code).label)
    return code
