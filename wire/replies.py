"""What a reply means: the entrance to verdicts (wire.verdicts) and rules (wire.rulebook).

Rules are data, `wire/rules/*.toml`; docs/replies.md tells how they are ordered and written.
"""

from wire import rulebook
from wire.outcomes import Outcome, Phase, Reply
from wire.outcomes import Verdict as Acceptance
from wire.reply_rules import Rule, RuleRefused, read_rule
from wire.reply_shapes import shape
from wire.rulebook import Fault, Rulebook, faults_of, shipped
from wire.verdicts import CATEGORIES, OWN_REASONS, Party, Permanence, Verdict

__all__ = [
    "CATEGORIES", "Fault", "Party", "Permanence", "Rule", "RuleRefused", "Rulebook", "Verdict",
    "category", "classify", "faults_of", "judge", "read_rule", "shape", "shipped",
]  # fmt: skip

_PERMANENCE = {
    Acceptance.accepted: Permanence.permanent,
    Acceptance.refused: Permanence.permanent,
    Acceptance.deferred: Permanence.temporary,
    Acceptance.uncertain: Permanence.unknown,
}


def classify(
    phase: Phase, code: int | None, enhanced: str, text: str, *, mx: str | None = None
) -> Verdict:
    """By the shipped rules. `mx` is the receiving host, where it is known."""
    return rulebook.shipped().classify(phase, code, enhanced, text, mx=mx)


def judge(outcome: Outcome, *, book: Rulebook | None = None) -> Verdict:
    """What became of an attempt. Without a reply it is our own reason, which no rule may touch."""
    reply = outcome.reply
    if reply is None:
        return _own(outcome.reason, _PERMANENCE[outcome.verdict])
    return (book or rulebook.shipped()).classify(
        outcome.phase, reply.code, reply.enhanced, reply.text, mx=outcome.mx_host
    )


def _own(reason: str, permanence: Permanence) -> Verdict:
    return Verdict(reason, permanence, OWN_REASONS.get(reason, Party.unknown))


def category(phase: Phase, reply: Reply | None, reason: str) -> str:
    """The category alone."""
    if reply is None:
        return reason
    return classify(phase, reply.code, reply.enhanced, reply.text).category
