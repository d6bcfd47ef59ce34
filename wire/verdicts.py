"""The vocabulary of verdicts: what a reply can mean, and whom it blames. Values only."""

from enum import StrEnum
from typing import Final, NamedTuple


class Party(StrEnum):
    """Whose doing a failure is."""

    recipient = "recipient"  # the address, its mailbox, its owner's or its domain's choice
    content = "content"  # this message: its words, links, attachments, size
    sender = "sender"  # the customer: its domain, its authentication
    platform = "platform"  # our IPs, host names, shared domains, our pace
    receiver = "receiver"  # the receiving system is out of order, or wants us to wait
    network = "network"
    unknown = "unknown"


class Permanence(StrEnum):
    permanent = "permanent"
    temporary = "temporary"
    unknown = "unknown"


class Verdict(NamedTuple):
    """What one reply means.

    `category` is one of CATEGORIES (or, for a failure without a reply, our own reason for it).
    `list` is the zone ("zen.spamhaus.org") or the provider's name of its list; `resource` the IP,
    domain or URL that the reply names; `rule` the id of the rule that decided, "" if none did.
    """

    category: str
    permanence: Permanence
    blamed: Party
    list: str = ""
    resource: str = ""
    lookup_url: str = ""
    rule: str = ""


# Every category, and whom it blames unless a rule says otherwise.
BLAMED: Final = {
    "accepted": Party.unknown,
    "unknown-user": Party.recipient,
    "no-such-domain": Party.recipient,  # does not exist, or takes no mail
    "mailbox-full": Party.recipient,
    "mailbox-disabled": Party.recipient,  # suspended, unused, moved away
    "recipient-policy": Party.recipient,  # the recipient or its organisation chose so
    "content": Party.content,
    "ip-listed": Party.platform,
    "domain-listed": Party.sender,
    "url-listed": Party.content,
    "ip-reputation": Party.platform,
    "domain-reputation": Party.sender,
    "authentication": Party.sender,  # SPF, DKIM, DMARC, PTR, HELO, TLS, the sender's DNS
    "rate-limit": Party.platform,
    "greylist": Party.receiver,
    "too-large": Party.content,
    "relay-denied": Party.receiver,  # the domain's MX does not take its mail
    "protocol": Party.unknown,
    "network": Party.network,  # the way to the receiver, or (blaming it) the receiver's system
    "unclassified": Party.unknown,
}
CATEGORIES: Final = frozenset(BLAMED)
LISTINGS: Final = frozenset({"ip-listed", "domain-listed", "url-listed"})
REPUTATIONS: Final = frozenset({"ip-reputation", "domain-reputation"})

# Failures without a reply (Outcome.reason). They never meet the rules: nobody has said anything.
OWN_REASONS: Final = {
    "connection-refused": Party.network,
    "connection-failed": Party.network,
    "connection-lost": Party.network,
    "timeout": Party.network,
    "dns-failure": Party.network,
    "protocol-error": Party.receiver,
    "tls-required": Party.receiver,
    "tls-failed": Party.receiver,
    "sts-mismatch": Party.receiver,
    "sts-tls-failed": Party.receiver,
    "dane-failed": Party.receiver,
    "no-mail-host": Party.recipient,
    "no-such-domain": Party.recipient,
    "null-mx": Party.recipient,
    "no-usable-address": Party.recipient,
    "refused-destination": Party.recipient,
    "unsafe-address": Party.recipient,
    "smtputf8-not-offered": Party.receiver,
    "auth-failed": Party.platform,
    "relay-unresolvable": Party.platform,
    "source-unusable": Party.platform,
    "build-failed": Party.content,
    "too-large": Party.content,
    "unsafe-content": Party.content,
}
