"""DMARC (RFC 9989, which took the place of RFC 7489 and RFC 9091): policy, alignment, reports.

The organizational domain is found by the tree walk, which needs no list of public suffixes.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from wire.dns import Resolver, Texts, Unknown
from wire.health import tags
from wire.health.findings import Finding, Remark, judged, missing, unanswered

MOST_LABELS = 8  # section 4.10: of longer names only the first and the last seven are asked for
POLICIES = ("none", "quarantine", "reject")


class NoAnswer(Exception):
    """The tree walk met a nameserver that did not answer."""

    def __init__(self, answer: Unknown) -> None:
        super().__init__(answer.why)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """The record of one domain; `tags` is empty where it cannot be read."""

    domain: str
    text: str
    tags: dict[str, str]


def walk(domain: str) -> list[str]:
    """The domain and its parents in the order of the tree walk (section 4.10)."""
    labels = domain.lower().rstrip(".").split(".")
    parents = labels[1:] if len(labels) <= MOST_LABELS else labels[-(MOST_LABELS - 1) :]
    return [".".join(labels)] + [".".join(parents[start:]) for start in range(len(parents))]


async def _records(resolver: Resolver, domain: str) -> AsyncIterator[DmarcRecord]:
    """What the walk finds, up to the record that ends it."""
    for name in walk(domain):
        texts = await texts_of(resolver, name)
        if len(texts) == 1:  # several are as none
            record = DmarcRecord(name, texts[0], _read(texts[0]))
            yield record
            if record.tags.get("psd", "").lower() in {"y", "n"}:
                return


async def texts_of(resolver: Resolver, domain: str) -> tuple[str, ...]:
    """TXT records at `_dmarc.` that say they are DMARC. NoAnswer."""
    answer = await resolver.txt(f"_dmarc.{domain}")
    if isinstance(answer, Unknown):
        raise NoAnswer(answer)
    return tags.versioned(answer.values, "DMARC1") if isinstance(answer, Texts) else ()


def _read(text: str) -> dict[str, str]:
    try:
        return tags.parse(text)
    except tags.BadTags:
        return {}


async def organizational_domain(resolver: Resolver, domain: str) -> str:
    """Section 4.10.2: by psd= where it is said, else the shortest name that has a record.

    The domain itself without any. NoAnswer.
    """
    asked = domain.lower().rstrip(".")
    found = asked
    async for record in _records(resolver, asked):
        if record.tags.get("psd", "").lower() == "y" and record.domain != asked:
            depth = record.domain.count(".") + 2
            return ".".join(asked.split(".")[-depth:])
        found = record.domain
    return found


async def dmarc(resolver: Resolver, domain: str, *, envelope_domain: str, signs: bool) -> Finding:
    """For mail that is From: `domain`, signed with d=`domain` if it `signs`."""
    try:
        return await _checked(resolver, domain, envelope_domain, signs=signs)
    except NoAnswer as error:
        return unanswered(error.answer)


async def _checked(
    resolver: Resolver, domain: str, envelope_domain: str, *, signs: bool
) -> Finding:
    own = await texts_of(resolver, domain)
    if len(own) > 1:
        return judged(own, [Remark("several-records", str(len(own)))])
    record = await _policy_record(resolver, domain)
    if record is None:
        return missing(f"_dmarc.{domain}")
    policy = _policy(record, domain)
    problems = [] if policy in POLICIES else [Remark("dmarc-policy", policy or record.text[:80])]
    aligned = await _is_aligned(resolver, domain, envelope_domain, record.tags.get("aspf", "r"))
    if not aligned and not signs:
        problems.append(Remark("dmarc-alignment", envelope_domain))
    advice = _advice(record, domain, policy)
    if not aligned and signs:
        advice.append(Remark("dmarc-envelope", envelope_domain))
    advice += await _reports(resolver, record)
    return judged([record.text], problems, advice)


async def _policy_record(resolver: Resolver, domain: str) -> DmarcRecord | None:
    """The domain's own record, else that of its organizational domain (section 4.10.1)."""
    found = [record async for record in _records(resolver, domain)]
    if found and found[0].domain == domain.lower().rstrip("."):
        return found[0]
    home = await organizational_domain(resolver, domain)
    above = [record for record in found if record.domain == home]
    return next(iter(above or found[-1:]), None)


def _policy(record: DmarcRecord, domain: str) -> str:
    """p=, or sp= for what is below the record; without both, reports alone mean none (4.7)."""
    said = record.tags
    own = said.get("p", "none" if said.get("rua") else "")
    is_below = record.domain != domain.lower().rstrip(".")
    return (said.get("sp", own) if is_below else own).lower()


def _advice(record: DmarcRecord, domain: str, policy: str) -> list[Remark]:
    advice = []
    if record.domain != domain.lower().rstrip("."):
        advice.append(Remark("dmarc-inherited", f"_dmarc.{record.domain}"))
    if policy == "none":
        advice.append(Remark("dmarc-none"))
    if record.tags.get("t", "").lower() == "y":
        advice.append(Remark("dmarc-testing"))
    if not record.tags.get("rua"):
        advice.append(Remark("dmarc-no-reports"))
    return advice


async def _is_aligned(resolver: Resolver, domain: str, other: str, mode: str) -> bool:
    """Section 4.4: strict means the same name, relaxed the same organizational domain."""
    if domain.lower() == other.lower():
        return True
    if mode.lower() == "s":
        return False
    homes = [await organizational_domain(resolver, name) for name in (domain, other)]
    return homes[0] == homes[1]


async def _reports(resolver: Resolver, record: DmarcRecord) -> list[Remark]:
    """Strangers must agree to receive reports (RFC 9990 section 4)."""
    home = await organizational_domain(resolver, record.domain)
    advice = []
    for target in sorted(_report_domains(record.tags.get("rua", ""))):
        if await organizational_domain(resolver, target) == home:
            continue
        name = f"{record.domain}._report._dmarc.{target}"
        answer = await resolver.txt(name)
        if isinstance(answer, Unknown):
            raise NoAnswer(answer)
        texts = answer.values if isinstance(answer, Texts) else ()
        if not tags.versioned(texts, "DMARC1"):
            advice.append(Remark("dmarc-reports-refused", name))
    return advice


def _report_domains(rua: str) -> set[str]:
    """Domains of its mailto: addresses; `!10m` was a size (RFC 7489 6.2)."""
    addresses = [uri.strip().partition("!")[0] for uri in rua.split(",")]
    return {
        address.rpartition("@")[2].lower()
        for address in addresses
        if address.lower().startswith("mailto:") and "@" in address
    }
