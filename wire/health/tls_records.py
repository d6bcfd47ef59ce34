"""What others need to send to us over TLS, and to tell when they cannot: MTA-STS and TLS-RPT."""

from wire.dns import Addresses, Resolver, Texts, Unknown
from wire.health import tags
from wire.health.findings import Finding, Remark, Verdict, judged, missing, unanswered
from wire.https import NotFetched
from wire.sts import BadPolicy, Mode, Terms, download, read_policy, record_id


async def tls_reports(resolver: Resolver, name: str) -> Finding:
    """The TLS-RPT record at `_smtp._tls.<domain>` (RFC 8460 section 3)."""
    answer = await resolver.txt(name)
    if isinstance(answer, Unknown):
        return unanswered(answer)
    texts = answer.values if isinstance(answer, Texts) else ()
    found = tags.versioned(texts, "TLSRPTv1")
    if not found:
        return missing(name)
    if len(found) > 1:  # counts as none
        return judged(found, [Remark("several-records", str(len(found)))])
    try:
        said = tags.parse(found[0])
    except tags.BadTags as error:
        return judged(found, [Remark("not-readable", str(error))])
    uris = [uri.strip().lower() for uri in said.get("rua", "").split(",")]
    usable = all(uri.startswith(("mailto:", "https:")) for uri in uris)
    return judged(found, [] if usable else [Remark("tlsrpt-rua", said.get("rua", ""))])


async def mta_sts(terms: Terms, domain: str, *, mx: str) -> Finding:
    """The record and the policy file (RFC 8461 sections 3.1 and 3.2), which has to allow `mx`."""
    name = f"_mta-sts.{domain}"
    answer = await terms.resolver.txt(name)
    if isinstance(answer, Unknown):
        return unanswered(answer)
    texts = answer.values if isinstance(answer, Texts) else ()
    found = tags.versioned(texts, "STSv1")
    if not found:
        return missing(name)
    identity = record_id(found)
    if identity is None:
        return judged(found, [Remark("sts-record", str(len(found)))])
    return await _with_policy(terms, domain, mx, found, identity)


async def _with_policy(
    terms: Terms, domain: str, mx: str, found: tuple[str, ...], identity: str
) -> Finding:
    host = f"mta-sts.{domain}"
    answer = await terms.resolver.addresses(host)
    if isinstance(answer, Unknown):
        return Finding(Verdict.unknown, found, (Remark("no-answer", answer.why),))
    if not isinstance(answer, Addresses) or not answer.values:
        return judged(found, [Remark("sts-no-host", host)])
    try:
        policy = read_policy(await download(domain, terms), id=identity)
    except (NotFetched, OSError) as error:
        return judged(found, [Remark("sts-not-fetched", str(error))])
    except BadPolicy as error:
        return judged(found, [Remark("sts-policy", str(error))])
    barred = policy.mode is not Mode.none and not policy.allows(mx)
    advice = [] if policy.mode is Mode.enforce else [Remark("sts-mode", policy.mode)]
    return judged(found, [Remark("sts-host", mx)] if barred else [], advice)
