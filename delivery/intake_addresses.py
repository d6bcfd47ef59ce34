"""Which recipients the intake takes mail for: addresses that we signed, and a few roles.

A decision on an address and what is known of the platform; it asks nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from wire import tokens

# Where people and feedback loops write: RFC 2142, and names in use for the latter. What comes to
# them is found again by the bounce address or the Message-ID that it quotes.
ROLES = frozenset({"postmaster", "abuse", "fbl", "unsubscribe"})

NO_RELAY = "550 5.7.1 We take mail for our own bounce domains only"
NO_SUCH_ADDRESS = "550 5.1.1 No such address here"

_SIGNED = (tokens.read_bounce_address, tokens.read_unsubscribe_address)


@dataclass(frozen=True, slots=True)
class Directory:
    """`bounce_domains` have signed addresses and roles, `other_domains` roles only; lower case.

    `keys`: the one that signs first, then those that only verify.
    """

    bounce_domains: frozenset[str]
    other_domains: frozenset[str]
    keys: Sequence[bytes]

    def refusal(self, address: str) -> str:
        """The reply to a recipient that is not ours; "" for one that is.

        Bounce and unsubscribe addresses have to be signed: who makes one up learns at once that
        nobody will read it.
        """
        local, _at, domain = address.rpartition("@")
        local, domain = local.lower(), domain.lower()
        if not local and domain == "postmaster":  # RFC 5321 4.5.1: the one without a domain
            return ""
        if domain not in self.bounce_domains and domain not in self.other_domains:
            return NO_RELAY
        if local in ROLES:
            return ""
        signed = domain in self.bounce_domains and any(
            read(address, key=key) is not None for key in self.keys for read in _SIGNED
        )
        return "" if signed else NO_SUCH_ADDRESS
