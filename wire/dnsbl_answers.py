"""What a DNS blocklist says of a resource, and how its answers are judged. Pure.

Four answers are kept apart. Only a code that the list publishes is a listing, and only a name that
does not exist is clean; a refusal, a lying resolver and a lost packet are neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

# Spamhaus and others answer from here when they did not look (blocklist policies since 2019): on
# no list is it a listing.
REFUSALS = "127.255.255."


class Kind(StrEnum):
    """What can be asked about."""

    ip4 = "ip4"
    ip6 = "ip6"
    domain = "domain"


class Trouble(StrEnum):
    """Why an answer tells nothing, or why a list or a resolver is out of use."""

    refused = "refused"  # it answers others, not us: no key, a public resolver, too many questions
    rewritten = "rewritten"  # addresses outside 127/8: a rewriting resolver, a parked domain
    lists_all = "lists-all"  # it lists what cannot be listed
    lists_none = "lists-none"  # its test entry is not there: dead, or the key is wrong
    odd_code = "odd-code"  # an answer in 127/8 that the list does not publish
    failing = "failing"  # SERVFAIL, or what is no sound DNS message
    no_answer = "no-answer"  # nothing came in time, several times
    lossy = "lossy"  # a resolver that leaves many questions unanswered; it is still asked
    over_quota = "over-quota"  # our own limit of questions a day for this list
    unaskable = "unaskable"  # the name would be longer than DNS allows


@dataclass(frozen=True, slots=True)
class Listed:
    """The resource is on the list. `codes` are published ones; `text` is the list's TXT record."""

    codes: tuple[str, ...]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Clean:
    """The list works, and the resource is not on it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The list did not look, for a reason of its own."""

    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody could tell."""

    trouble: Trouble
    why: str


Result = Listed | Clean | Refused | Unknown
CLEAN = Clean()


@dataclass(frozen=True, slots=True)
class Rule:
    """One list, as it is to be asked and understood.

    `name` identifies it, in words for people too; `zone` is where it is asked and may hold a key,
    which is why no text shows it. `codes` map published answers to meanings; with `bitmask` the
    last octet is a sum of theirs, with `any_code` each of 127.0.0.2 to 127.0.0.254 is a listing.
    `refused` are refusals beyond 127.255.255.x, `ignored` are neither listing nor refusal.

    Test entries (RFC 5782 5), by kind: `listed` has to be on the list, `unlisted` must not;
    `random` asks for made-up resources too. `per_second` and `per_day` are the list's policy, 0 for
    none; `parallel` bounds the questions that wait for it at once.
    """

    name: str
    zone: str = field(repr=False)
    kinds: frozenset[Kind]
    codes: Mapping[str, str]
    refused: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    bitmask: bool = False
    any_code: bool = False
    listed: Mapping[Kind, str] = field(default_factory=dict)
    unlisted: Mapping[Kind, str] = field(default_factory=dict)
    random: bool = True
    per_second: float = 0.0
    per_day: int = 0
    parallel: int = 8

    def without_key(self, text: str) -> str:
        """A text that the list sent, without the key that its zone may hold."""
        key = self.zone.removesuffix(self.name).rstrip(".")
        return text.replace(key, "{key}") if key else text


def judge(rule: Rule, addresses: Sequence[str]) -> Result:
    """What the A records of a name on a list mean. At least one address."""
    outside = [address for address in addresses if not address.startswith("127.")]
    if outside:
        why = f"{rule.name} answers {outside[0]}, outside 127.0.0.0/8"
        return Unknown(Trouble.rewritten, why)
    denied = [address for address in addresses if _is_refusal(rule, address)]
    if denied:
        return Refused(f"{rule.name} refuses to answer us, with {denied[0]}")
    codes = [code for address in addresses for code in _codes(rule, address)]
    if codes:
        return Listed(tuple(dict.fromkeys(codes)))
    odd = [address for address in addresses if address not in rule.ignored]
    if odd:
        why = f"{rule.name} answers {odd[0]}, which is none of its codes"
        return Unknown(Trouble.odd_code, why)
    return CLEAN


def _is_refusal(rule: Rule, address: str) -> bool:
    if address.startswith(REFUSALS) or address in rule.refused:
        return True
    return rule.bitmask and any(_has_bit(address, code) for code in rule.refused)


def _codes(rule: Rule, address: str) -> list[str]:
    if rule.bitmask:
        return [code for code in rule.codes if _has_bit(address, code)]
    if address in rule.ignored:
        return []
    network, _, last = address.rpartition(".")
    by_range = rule.any_code and network == "127.0.0" and 2 <= int(last) <= 254
    return [address] if by_range or address in rule.codes else []


def _has_bit(address: str, code: str) -> bool:
    network, _, last = address.rpartition(".")
    wanted, _, bits = code.rpartition(".")
    return network == wanted and int(last) & int(bits) != 0
