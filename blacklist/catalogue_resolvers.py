"""The resolvers through which lists are asked, from the settings or the system."""

import dns.resolver
from django.conf import settings

Address = tuple[str, int]


def resolvers() -> list[Address]:
    """DNS_SERVERS, else those of the system's resolv.conf."""
    return list(settings.DNS_SERVERS) or _of_the_system()


def _of_the_system() -> list[Address]:
    try:
        found = dns.resolver.Resolver()
    except dns.resolver.NoResolverConfiguration:
        return []
    return [(str(address), 53) for address in found.nameservers]
