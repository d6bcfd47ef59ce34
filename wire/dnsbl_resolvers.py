"""Which resolvers may be asked: none that are open to everybody, if one can help it. Pure.

Blocklists refuse to answer through those, or lie: Spamhaus says 127.255.255.254 or that nobody is
listed, URIBL and SURBL refuse them for their volume. The addresses are those that the operators
publish.
"""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from wire.dns import is_loopback

_PUBLISHED: Mapping[str, tuple[str, ...]] = {
    "Google Public DNS": ("8.8.8.8", "8.8.4.4", "2001:4860:4860::/48"),
    "Cloudflare": ("1.1.1.0/24", "1.0.0.0/24", "2606:4700:4700::/48"),
    "Quad9": ("9.9.9.0/24", "149.112.112.0/24", "2620:fe::/48"),
    "Cisco OpenDNS": ("208.67.216.0/21", "2620:119::/32"),
    "Level 3": ("4.2.2.0/29", "209.244.0.3", "209.244.0.4"),
    "AdGuard": ("94.140.14.0/24", "94.140.15.0/24", "2a10:50c0::/32"),
    "CleanBrowsing": ("185.228.168.0/23",),
    "Verisign": ("64.6.64.6", "64.6.65.6"),
    "Yandex": ("77.88.8.0/24",),
    "Control D": ("76.76.2.0/24", "76.76.10.0/24"),
    "Hurricane Electric": ("74.82.42.42",),
    "DNS.SB": ("185.222.222.222", "45.11.45.11"),
    "114DNS": ("114.114.114.114", "114.114.115.115"),
    "AliDNS": ("223.5.5.5", "223.6.6.6"),
}


def public_operator(address: str) -> str | None:
    """Who runs this resolver for everybody; None for one of your own, as far as we know."""
    asked = ip_address(address)
    for operator, networks in _networks():
        if any(asked in network for network in networks if network.version == asked.version):
            return operator
    return None


def _networks() -> list[tuple[str, list[IPv4Network | IPv6Network]]]:
    return [(name, [ip_network(text) for text in texts]) for name, texts in _PUBLISHED.items()]


def require_loopback(resolvers: Sequence[tuple[str, int]]) -> None:
    """ValueError names a resolver (address, port) outside 127/8 and ::1."""
    for address, port in resolvers:
        if not is_loopback(address):
            raise ValueError(
                f"resolver {address}:{port} is outside loopback, where this installation may not "
                "ask; name one in 127.0.0.0/8 or ::1"
            )
