"""Whether a temporary refusal asks the sending host to slow down. Pure.

Not meant are refusals of one mailbox (too much mail for it, full) and greylisting: these say
nothing about the pace of the host.
"""

import re
from typing import Final

from wire.outcomes import Reply

# RFC 3463 3.6: 4.5 is "system not accepting network messages", 5.3 "too many recipients";
# RFC 7372-style registrations: 7.28 "mail flood detected".
_ENHANCED: Final = frozenset({"3.2", "4.5", "5.3", "7.28"})
_WORDS: Final = re.compile(
    r"""
      too\ (?:many|much|fast|quickly|frequent)
    | rate[ -]?limit | (?:unusual|excessive|sending|message|connection|mail)\ rate
    | throttl | slow\ down
    | temporarily\ (?:deferred|rate|suspended|blocked)
    | (?:connection|message|session|rate)s?\ (?:limit|quota)\ (?:is\ )?exceeded
    | exceed\w*\ (?:the\ |our\ |your\ |its\ )?(?:max\w*\ )?(?:number\ of\ |concurrent\ )?
      (?:rate|connection|message|session|limit|sending)
    | server\ busy | resources\ (?:temporarily\ )?unavailable
    | \[ (?: TSS?\d\d | IPTS\d\d | HCM\d ) \]      # Yahoo, Yahoo! JAPAN, Apple
    | VS\d\d-IP\d\ deferred                          # Yahoo! JAPAN
    """,
    re.IGNORECASE | re.VERBOSE,
)
_ONE_MAILBOX: Final = re.compile(
    r"gr[ae]y-?list|mailbox|(?:user|recipient|account)\b.{0,60}\breceiving"
    r"|over\ ?quota",
    re.IGNORECASE,
)


def asks_to_slow_down(reply: Reply) -> bool:
    """A reply of the 4xx kind, or Yahoo! JAPAN's 553 that says "deferred"."""
    if not 400 <= reply.code < 500 and "deferred" not in reply.text:
        return False
    if _ONE_MAILBOX.search(reply.text) or reply.enhanced.startswith(("4.2.", "5.2.")):
        return False
    if reply.enhanced.startswith("4.") and reply.enhanced[2:] in _ENHANCED:
        return True
    return _WORDS.search(reply.text) is not None
