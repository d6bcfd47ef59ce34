"""Mail addresses: what a typed or imported text means, and how it is written on the wire."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import idna

# Carriers that gave out local parts with consecutive, leading or trailing dots before 2009.
# Source: docomo.ne.jp/service/docomo_mail/rfc_add/ ; au (ezweb.ne.jp, later au.com) did the same.
DOT_VIOLATING_DOMAINS: Final = frozenset({"docomo.ne.jp", "ezweb.ne.jp", "au.com"})

# RFC 5321 section 4.5.3.1, octets. A path is 256 with its angle brackets.
MAX_LOCAL: Final = 64
MAX_DOMAIN: Final = 255
MAX_ADDRESS: Final = 254

_ATEXT: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"  # RFC 5322 section 3.2.3

# Addresses that need no more than lower-casing their domain; groups: local part, domain. It takes
# less than what is valid: A-labels, double hyphens and domains over 63 octets go the long way.
PLAIN: Final = re.compile(
    rf"(?=[^@]{{1,{MAX_LOCAL}}}@.{{4,63}}\Z)"
    rf"({_ATEXT}++(?:\.{_ATEXT}++)*+)"
    r"@((?:[A-Za-z0-9]++(?:-[A-Za-z0-9]++)*+\.)++[A-Za-z]{2,})"
)

_UNQUOTED_ASCII: Final = re.compile(rf"(?:{_ATEXT}|\.)+")
_QUOTED_PAIR: Final = re.compile(r"\\(.)")
_IDEOGRAPHIC_STOP: Final = "\u3002"  # 。 which NFKC keeps, and makes of its half-width form


class InvalidAddress(ValueError):
    """A text that is no mail address. `str()` is one sentence that names the wrong part.

    `code` is one of: empty, control-character, no-at, bad-local-part, dots, bad-domain, too-long.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox; made by `parse`. `domain` is a lower-case A-label (IDNA 2008)."""

    local: str
    domain: str
    rfc_violation: bool = False

    @property
    def text(self) -> str:
        """The address as people write it, without quotes."""
        return f"{self.local}@{self.domain}"

    @property
    def key(self) -> str:
        """The form that is equal for all spellings of one mailbox: for opt-outs, duplicates."""
        return f"{self.local.lower()}@{self.domain}"

    @property
    def mailbox(self) -> str:
        """The form for SMTP and headers, quoted if dots break a Dot-string (RFC 5321 4.1.2)."""
        return f'"{self.local}"@{self.domain}' if self.rfc_violation else self.text

    @property
    def needs_smtputf8(self) -> bool:
        """Whether the receiver must offer SMTPUTF8 (RFC 6531)."""
        return not self.local.isascii()


def parse(text: str) -> Address:
    """Read one address; full-width forms and surrounding spaces are put right (NFKC).

    Raises `InvalidAddress`, and nothing else. Display names and angle brackets are not read.
    """
    if plain := PLAIN.fullmatch(text):
        local, domain = plain.groups()
        return Address(local, domain.lower())
    return _parse_unusual(text)


def _parse_unusual(text: str) -> Address:
    local, at, domain = _normalised(text).rpartition("@")
    if not at:
        raise InvalidAddress("no-at", f"The address {_shown(domain)} has no @ sign.")
    domain = _ascii_domain(domain)
    local = _unquoted(local)
    _check_characters(local)
    address = Address(local, domain, rfc_violation=_breaks_dot_rules(local))
    _check_dots(address)
    _check_length(address)
    return address


def _normalised(text: str) -> str:
    """NFKC without surrounding spaces. Only spaces are cut off; controls are refused anywhere."""
    normal = unicodedata.normalize("NFKC", text).replace(_IDEOGRAPHIC_STOP, ".").strip(" ")
    if not normal:
        raise InvalidAddress("empty", "The address is empty.")
    for character in normal:
        # Cc: line breaks would end an SMTP command. Cf, Cs: invisible, look-alike or not encodable.
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            found = f"U+{ord(character):04X}"
            raise InvalidAddress(
                "control-character",
                f"The address {_shown(normal)} contains the control character {found}.",
            )
    return normal


def _unquoted(local: str) -> str:
    """The meaning of a local part: quotes are only a way of writing (RFC 5321 section 4.1.2)."""
    if len(local) > 2 and local[0] == local[-1] == '"':
        return _QUOTED_PAIR.sub(r"\1", local[1:-1])
    return local


def _check_characters(local: str) -> None:
    if not local:
        raise InvalidAddress("bad-local-part", "The part before the @ sign is empty.")
    ascii_only = "".join(c for c in local if c.isascii())  # others: RFC 6531 section 3.3
    odd = any(not c.isascii() and unicodedata.category(c)[0] in "CZ" for c in local)
    if odd or (ascii_only and not _UNQUOTED_ASCII.fullmatch(ascii_only)) or not local.strip("."):
        raise InvalidAddress(
            "bad-local-part",
            f"The part before the @ sign, {_shown(local)}, has a character that is not allowed.",
        )


def _breaks_dot_rules(local: str) -> bool:
    return local.startswith(".") or local.endswith(".") or ".." in local


def _check_dots(address: Address) -> None:
    if address.rfc_violation and address.domain not in DOT_VIOLATING_DOMAINS:
        raise InvalidAddress(
            "dots",
            f"The part before the @ sign, {_shown(address.local)}, begins or ends with a dot or"
            f" has two in a row, which {_shown(address.domain)} does not allow.",
        )


def _check_length(address: Address) -> None:
    local = len(address.local.encode()) + 2 * address.rfc_violation  # the quotes count
    if local > MAX_LOCAL:
        raise InvalidAddress(
            "too-long",
            f"The part before the @ sign, {_shown(address.local)}, takes {local} octets"
            f" of at most {MAX_LOCAL}.",
        )
    whole = local + 1 + len(address.domain)
    if whole > MAX_ADDRESS:
        raise InvalidAddress(
            "too-long",
            f"The address {_shown(address.text)} takes {whole} octets of at most {MAX_ADDRESS}.",
        )


def _ascii_domain(domain: str) -> str:
    """The lower-case A-label form (IDNA 2008 after UTS 46): two labels or more, no IP address."""
    encoded = _a_label(domain)
    if encoded is None and len(domain) > MAX_DOMAIN:
        raise InvalidAddress(
            "too-long",
            f"The part after the @ sign, {_shown(domain)}, is longer than {MAX_DOMAIN} octets.",
        )
    if encoded is None:
        raise InvalidAddress(
            "bad-domain",
            f"The part after the @ sign, {_shown(domain)}, is not a valid domain name.",
        )
    return encoded


@lru_cache(maxsize=4096)  # a pure function of its text: a list has few unusual domains, many times
def _a_label(domain: str) -> str | None:
    try:
        encoded = idna.encode(domain, uts46=True, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return None
    labels = encoded.split(".")
    return encoded if len(labels) > 1 and labels[-1] and not labels[-1].isdigit() else None


def _shown(part: str) -> str:
    """A part of an address for an error sentence: short, printable, in quotes."""
    short = part if len(part) <= 80 else part[:77] + "..."
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in short) + '"'
