"""Settings that are each fine and yet cannot be used together; said in one sentence at the start.

Pure: knows the values only, nothing of where they come from.
"""

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

# A lease is renewed each third of it; what cannot be renewed in time is given to others.
MIN_LEASE_SECONDS = 5
# A host that has taken a message may try for five days to pass it on (RFC 5321 4.5.4.1), and its
# bounce may be a while on its way: until then the delivery has to be there.
BOUNCE_DAYS = 7
DAY = 86_400


def disagreement(
    *,
    production: bool,
    base_url: str,
    loopback_only: bool,
    dns_servers: Sequence[tuple[str, int]],
    lease: int,
    retry_limit: int,
    retention_days: int,
) -> str:
    """What is wrong and what to do, or "" when all is well; lease and retry limit in seconds."""
    outside = [host for host, _ in dns_servers if not ip_address(host).is_loopback]
    if loopback_only and outside:
        return (
            f"DNS_SERVERS names {outside[0]}, which is outside this machine, while LOOPBACK_ONLY "
            "is true: use a server on 127.0.0.0/8 or ::1, or set LOOPBACK_ONLY=false."
        )
    if production and urlsplit(base_url).scheme != "https":
        return (
            "BASE_URL has to begin with https:// in production: one-click unsubscribe links work "
            "with https only (RFC 8058 section 3.1)."
        )
    if lease < MIN_LEASE_SECONDS:
        return (
            f"LEASE is {lease} s and has to be {MIN_LEASE_SECONDS} s or more: workers renew it, "
            "and a shorter one would be lost in any delay, and mail sent twice."
        )
    return _forgotten_too_soon(retry_limit, retention_days)


def _forgotten_too_soon(retry_limit: int, retention_days: int) -> str:
    needed = -(-retry_limit // DAY) + BOUNCE_DAYS
    if retention_days >= needed:
        return ""
    return (
        f"RETENTION_DAYS is {retention_days} and has to be {needed} or more: a delivery is tried "
        f"until RETRY_LIMIT, its bounce may come {BOUNCE_DAYS} days later, and would find nothing."
    )
