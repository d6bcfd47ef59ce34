"""What a reply means: a category from its code, its enhanced code and the phase.

Enhanced status codes (RFC 3463, RFC 7505, RFC 7372) decide where there is one. Words are read only
for requests to slow down (wire.slowing); what else the codes do not say stays "unclassified".
"""

from typing import Final

from wire.outcomes import Phase, Reply
from wire.slowing import asks_to_slow_down

# RFC 3463 sections 3.2 to 3.8; RFC 7372 section 3 for X.7.20 and up.
_BY_ENHANCED: Final = {
    "1.1": "unknown-user",
    "1.2": "no-such-domain",
    "1.10": "no-such-domain",
    "2.1": "mailbox-disabled",
    "2.2": "mailbox-full",
    "2.3": "too-large",
    "3.4": "too-large",
    "4.4": "network",
    "4.7": "network",
    "5.3": "rate-limit",
    "7.5": "authentication",
    "7.20": "authentication",
    "7.23": "authentication",
    "7.24": "authentication",
    "7.25": "authentication",
    "7.26": "authentication",
    "7.28": "rate-limit",
}
_BY_CODE: Final = {
    421: "rate-limit",
    452: "mailbox-full",
    552: "mailbox-full",
}


def category(phase: Phase, reply: Reply | None, reason: str) -> str:
    """A kebab-case category. Without a reply it is our own reason: nothing a receiver said."""
    if reply is None:
        return reason
    if 200 <= reply.code < 300:
        return "accepted"
    if asks_to_slow_down(reply):
        return "rate-limit"
    if reply.enhanced:
        return _BY_ENHANCED.get(reply.enhanced.partition(".")[2], "unclassified")
    if phase == Phase.rcpt and reply.code in _BY_CODE:
        return _BY_CODE[reply.code]
    return "unclassified"
