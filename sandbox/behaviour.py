"""How a host of the box answers at each moment of a session: decisions only, no sockets."""

from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.scenario import Behaviour, Domain, Host, Moment, Scenario, as_dns_has_it

GREYLISTED = "451 4.7.1 Greylisted, please try again later"
NO_RELAY = "554 5.7.1 <{recipient}>: Relay access denied"

# These prefixes work on every domain of the box that accepts mail.
UNKNOWN_USER = Behaviour("refuse", code=550, text="5.1.1 <{recipient}>: User unknown")
MAILBOX_FULL = Behaviour("refuse", code=452, text="4.2.2 <{recipient}>: Mailbox full")
EVERYWHERE = (("unknown-", UNKNOWN_USER), ("full-", MAILBOX_FULL))

# "slow" waits once before the banner, the reply to a recipient and the reply to the data.
UNHURRIED: tuple[Moment, ...] = ("connect", "rcpt", "after-data")


@dataclass(frozen=True, slots=True)
class Act:
    """Wait so many seconds, then hang up or say the reply; "" goes on as if nothing were."""

    reply: str = ""
    wait: float = 0.0
    drop: bool = False


def behaviour_for(scenario: Scenario, host: Host, recipient: str) -> Behaviour:
    """What applies to a recipient: the domain's rules by prefix, then everybody's, then its own."""
    local, _, domain_name = recipient.rpartition("@")
    domain = scenario.domains.get(as_dns_has_it(domain_name))
    if domain is None or not _serves(host, domain):
        accepts = Behaviour()
        return accepts if host.open_relay else Behaviour("refuse", code=554, text=NO_RELAY[4:])
    start = local.strip('"').lower()
    for rule in domain.rules:
        if start.startswith(rule.prefix):
            return rule.behaviour
    if domain.behaviour.kind != "refuse":
        for prefix, behaviour in EVERYWHERE:
            if start.startswith(prefix):
                return behaviour
    return domain.behaviour


def act(
    behaviours: Iterable[Behaviour],
    moment: Moment,
    *,
    recipient: str = "",
    waited: float | None = None,
) -> Act:
    """What to do at a moment; the first behaviour that stops the letter decides.

    `waited` is in seconds since the first try of this sender, recipient and peer; None is it.
    """
    wait = 0.0
    for behaviour in behaviours:
        if behaviour.kind == "slow" and moment in UNHURRIED:
            wait = max(wait, behaviour.seconds)
        if behaviour.kind == "greylist" and moment == "rcpt" and _is_new(behaviour, waited):
            return Act(reply=GREYLISTED, wait=wait)
        if behaviour.at != moment:
            continue
        if behaviour.kind == "drop":
            return Act(wait=wait, drop=True)
        if behaviour.kind == "refuse":
            text = behaviour.text.replace("{recipient}", recipient)
            return Act(reply=f"{behaviour.code} {text}", wait=wait)
    return Act(wait=wait)


def _is_new(behaviour: Behaviour, waited: float | None) -> bool:
    return waited is None or waited < behaviour.seconds


def _serves(host: Host, domain: Domain) -> bool:
    return any(name == host.name for _, name in domain.mx) or host.name == domain.name
