"""Where the mail of a domain goes: to its mail hosts or to the relay; and what it means if nowhere.

Knows RFC 5321 5.1 by its resolver; nothing of connections.
"""

from ipaddress import ip_address

from wire.dns import (
    Addresses,
    Found,
    MailAnswer,
    MailHost,
    NoMailHost,
    NoSuchDomain,
    NullMx,
    Resolver,
    Unknown,
)
from wire.letters import Relay
from wire.outcomes import Conversation, Outcome, Phase, Verdict


async def hosts_of(domain: str, *, resolver: Resolver, relay: Relay | None) -> MailAnswer:
    """The hosts to deliver to: the relay alone where there is one."""
    if relay is None:
        return await resolver.mail_hosts(domain)
    if _is_address(relay.host):
        return Found((MailHost(relay.host, 0, (relay.host,)),), implicit=True)
    answer = await resolver.addresses(relay.host)
    if not isinstance(answer, Addresses):
        return answer
    if not answer.values:
        return NoMailHost(f"{relay.host} has no address")
    return Found((MailHost(relay.host, 0, answer.values),), implicit=True)


def dead_end(
    talk: Conversation,
    domain: str,
    answer: NullMx | NoSuchDomain | NoMailHost | Unknown,
    *,
    is_relay: bool,
) -> Outcome:
    """What it means for the letters that there is no host."""
    talk.event(f"mail hosts of {domain or 'the relay'}: {answer}")
    if is_relay:  # our own setting is wrong, or our resolver: no fault of any recipient
        return talk.outcome(Verdict.deferred, Phase.dns, "relay-unresolvable")
    match answer:
        case NoSuchDomain():
            return talk.outcome(Verdict.refused, Phase.dns, "no-such-domain")
        case NullMx():
            return talk.outcome(Verdict.refused, Phase.dns, "null-mx")
        case NoMailHost():
            return talk.outcome(Verdict.refused, Phase.dns, "no-mail-host")
        case Unknown():
            return talk.outcome(Verdict.deferred, Phase.dns, "dns-failure")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
