"""Mail addresses in running text. They are found, not judged: what a receiver says is taken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

MOST_IN_A_LINE: Final = 100
_MOST_SIGNS: Final = 200  # @ signs that are looked at

# Letters of Latin, Greek and Cyrillic count, and pictures (RFC 6531); Japanese and Chinese ones do
# not, since running text puts them beside an address without a space. A local part may have dots
# anywhere, as old Japanese carriers allow it, or be quoted.
_LOCAL: Final = (
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\u00c0-\u02af\u0370-\u1fff\U0001f300-\U0001faff-]{1,64}"
)
_DOMAIN: Final = r"[A-Za-z0-9\u00c0-\u02af\u0370-\u1fff_.-]{1,253}"
ADDRESS: Final = rf"(?:\"[^\"\s@<>]{{1,62}}\"|{_LOCAL})@(?:\[[0-9A-Fa-f.:]{{3,60}}\]|{_DOMAIN})"
_ADDRESS: Final = re.compile(ADDRESS)
_AROUND: Final = 330  # characters around an @ sign that can belong to an address
_NO_DOMAIN: Final = frozenset("@ .,;:<>()\"'\t") | {""}  # after an @ sign
_ENDS: Final = ".-_"
_PREFIXES: Final = re.compile(r"^(?:smtp|rfc822|mailto|to)[:;=]", re.IGNORECASE)


def found(text: str) -> Iterator[str]:
    """The addresses of a text of one line, without repetition, at most 100.

    Only the neighbourhood of each @ sign is looked at: time is linear whatever the text.
    """
    seen: set[str] = set()
    begin = signs = 0
    while (at := text.find("@", begin)) >= 0 and len(seen) < MOST_IN_A_LINE:
        if text[at + 1 : at + 2] in _NO_DOMAIN:
            begin = at + 1
            continue
        signs += 1
        if signs > _MOST_SIGNS:
            return
        match = _ADDRESS.search(text, max(begin, at - 66), at + _AROUND)
        begin = max(match.end(), at + 1) if match else at + 1
        if match and (address := clean(match[0])) and address not in seen:
            seen.add(address)
            yield address


def clean(address: str) -> str:
    """Without the punctuation of the sentence around it; "" if no address is left."""
    address = _PREFIXES.sub("", address.strip().strip("<>")).lstrip("'`=*|{").rstrip(_ENDS + "'`")
    local, _, domain = address.rpartition("@")
    return address if local and domain and not domain.startswith((".", "-")) else ""


def local_part(address: str) -> str:
    return address.rpartition("@")[0] or address
