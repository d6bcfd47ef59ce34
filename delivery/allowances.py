"""What counts against allowances (warm-up, customers' quotas): attempts that a receiver heard of.

An attempt that ended before MAIL, or that we gave up ourselves before saying it, used nothing of a
receiver's patience. Counted alike while a batch runs and from the books.
"""

from django.db.models import QuerySet

from delivery.models import Attempt
from wire.outcomes import Outcome, Phase

# The attempt of a lost worker has no phase: it may have been heard of, so it counts.
UNHEARD_PHASES = frozenset(
    {Phase.dns, Phase.connect, Phase.banner, Phase.ehlo, Phase.starttls, Phase.auth}
)
# These end an attempt in the phase of MAIL, before it is said (wire.envelopes, wire.smtp).
UNSAID = frozenset(
    {
        "build-failed",
        "smtputf8-not-offered",
        "too-large",
        "unsafe-address",
        "unsafe-content",
    }
)


def uses(outcome: Outcome) -> bool:
    """Whether the attempt counts. Pure."""
    return outcome.phase not in UNHEARD_PHASES and outcome.reason not in UNSAID


def used(attempts: "QuerySet[Attempt]") -> int:
    """How many of these attempts count."""
    rows = attempts.exclude(phase__in=[phase.value for phase in UNHEARD_PHASES])
    return rows.exclude(reason__in=UNSAID).count()
