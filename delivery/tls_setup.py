"""What to publish so that others send to a sending domain over TLS, and tell when they cannot.

Bounces come to the envelope domain: that is where other hosts look for an MTA-STS policy.
"""

from dataclasses import dataclass
from hashlib import sha256

from delivery.models import SendingDomain
from wire.sts import PATH

# Short while it is in testing: a mistake is forgotten within a day (RFC 8461 2.1 and 10.2).
TESTING_MAX_AGE = 86_400


@dataclass(frozen=True, slots=True)
class TxtRecord:
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class TlsSetup:
    """The records, and the file that must be served at `url` with a valid certificate."""

    reporting: tuple[TxtRecord, ...]
    policy: TxtRecord
    url: str
    file: str


def setup(domain: SendingDomain, *, mx: str = "") -> TlsSetup:
    """TLS-RPT (RFC 8460 section 3) and MTA-STS (RFC 8461 3.1, 3.2) for a sending domain.

    `mx` is the host to which its bounces come; "": its HELO host.
    """
    names = dict.fromkeys((domain.name, domain.envelope_domain))
    report = f"v=TLSRPTv1; rua=mailto:tls-reports@{domain.name}"
    text = policy_file(mx or domain.helo)
    # The id must change with the file, and with nothing else.
    version = sha256(text.encode()).hexdigest()[:16]
    return TlsSetup(
        reporting=tuple(TxtRecord(f"_smtp._tls.{name}", report) for name in names),
        policy=TxtRecord(f"_mta-sts.{domain.envelope_domain}", f"v=STSv1; id={version};"),
        url=f"https://mta-sts.{domain.envelope_domain}{PATH}",
        file=text,
    )


def policy_file(*hosts: str) -> str:
    """A policy in testing that names the domain's MX hosts."""
    lines = ["version: STSv1", "mode: testing", *(f"mx: {host}" for host in hosts)]
    return "\n".join([*lines, f"max_age: {TESTING_MAX_AGE}", ""])
