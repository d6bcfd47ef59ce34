"""`{{ delivery.address|readable }}`: addresses as people write them, not as DNS does."""

import idna
from django import template

register = template.Library()


@register.filter
def readable(address: str) -> str:
    """With the domain's A-labels (xn--...) as what they stand for, where they make sense."""
    local, at, domain = address.rpartition("@")
    if "xn--" not in domain:
        return address
    try:
        return f"{local}{at}{idna.decode(domain)}"
    except idna.IDNAError:
        return address
