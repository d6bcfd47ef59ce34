"""The grammar of SPF records and their macros (RFC 7208 sections 4.6, 5, 6, 7 and 12). Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from urllib.parse import quote

_QUALIFIED = re.compile(r"([+?~-]?)([A-Za-z][A-Za-z0-9_.-]*)(.*)", re.DOTALL)
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)=(.*)", re.DOTALL)
_MACRO = r"%\{[slodiphvSLODIPHV][0-9]*[rR]?[.\-+,/_=]*\}"
_STRING = re.compile(rf"(?:{_MACRO}|%%|%_|%-|[\x21-\x24\x26-\x7e])*")
# A domain ends with a macro, or with a label that is not all digits.
_END = re.compile(rf"(?:{_MACRO}|\.(?![0-9]+\.?$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.?)$")
_LENGTHS = re.compile(r"(?:/(0|[1-9][0-9]?))?(?://(0|[1-9][0-9]{0,2}))?$")
_PARTS = re.compile(r"%\{([A-Za-z])([0-9]*)([rR]?)([.\-+,/_=]*)\}|%([%_-])")

WITH_DOMAIN = {"include", "exists"}
MAY_HAVE_DOMAIN = {"a", "mx", "ptr"}
Network = IPv4Network | IPv6Network


class SpfSyntaxError(ValueError):
    """A record that breaks the grammar; the sentence names the term."""


@dataclass(frozen=True, slots=True)
class Mechanism:
    """`domain` is a domain-spec, "" for the domain itself; lengths are of `a` and `mx`."""

    qualifier: str
    name: str
    domain: str = ""
    network: Network | None = None
    v4: int = 32
    v6: int = 128


@dataclass(frozen=True, slots=True)
class SpfRecord:
    mechanisms: tuple[Mechanism, ...]
    redirect: str = ""


def is_spf(text: str) -> bool:
    """Whether a TXT record is an SPF record at all (section 4.5)."""
    return re.match(r"v=spf1(?: |$)", text, re.IGNORECASE) is not None


def parse(text: str) -> SpfRecord:
    """Terms in their order. An error anywhere spoils the whole record (section 4.6)."""
    mechanisms: list[Mechanism] = []
    modifiers: dict[str, str] = {}
    for term in text.split(" ")[1:]:
        if modifier := _MODIFIER.fullmatch(term):
            _take(modifiers, modifier[1].lower(), modifier[2], term)
        elif term:
            mechanisms.append(_mechanism(term))
    return SpfRecord(tuple(mechanisms), modifiers.get("redirect", ""))


def _take(modifiers: dict[str, str], name: str, value: str, term: str) -> None:
    if not _STRING.fullmatch(value):
        raise SpfSyntaxError(f"{term!r} holds what is no macro string")
    if name in {"redirect", "exp"}:
        if name in modifiers:
            raise SpfSyntaxError(f"{name}= stands twice")
        _check_domain(value, term)
        modifiers[name] = value


def _mechanism(term: str) -> Mechanism:
    match = _QUALIFIED.fullmatch(term)
    if match is None:
        raise SpfSyntaxError(f"{term!r} is no mechanism")
    qualifier, name, rest = match[1] or "+", match[2].lower(), match[3]
    if name == "all" and not rest:
        return Mechanism(qualifier, name)
    if name in {"ip4", "ip6"} and rest.startswith(":"):
        return Mechanism(qualifier, name, network=_network(name, rest[1:], term))
    if name in WITH_DOMAIN and rest.startswith(":"):
        return Mechanism(qualifier, name, _check_domain(rest[1:], term))
    if name in MAY_HAVE_DOMAIN:
        return _with_lengths(qualifier, name, rest, term)
    raise SpfSyntaxError(f"{term!r} is no mechanism of SPF")


def _with_lengths(qualifier: str, name: str, rest: str, term: str) -> Mechanism:
    lengths = _LENGTHS.search(rest)
    v4, v6 = (lengths[1], lengths[2]) if lengths and name != "ptr" else (None, None)
    domain = rest[: lengths.start()] if lengths and name != "ptr" else rest
    if domain:
        if not domain.startswith(":"):
            raise SpfSyntaxError(f"{term!r} is no mechanism of SPF")
        _check_domain(domain[1:], term)
    found = Mechanism(
        qualifier, name, domain[1:], v4=int(v4) if v4 else 32, v6=int(v6) if v6 else 128
    )
    if found.v4 > 32 or found.v6 > 128:
        raise SpfSyntaxError(f"{term!r} has a prefix that is too long")
    return found


def _network(name: str, text: str, term: str) -> Network:
    kind = IPv4Network if name == "ip4" else IPv6Network
    _, slash, length = text.partition("/")
    # Python would take a netmask for the length, too.
    plain = not slash or re.fullmatch(r"0|[1-9][0-9]{0,2}", length)
    try:
        return kind(text if plain else "", strict=False)
    except ValueError:
        raise SpfSyntaxError(f"{term!r} holds no {name} network") from None


def _check_domain(text: str, term: str) -> str:
    if not _STRING.fullmatch(text) or not _END.search(text):
        raise SpfSyntaxError(f"{term!r} holds no domain")
    return text


def expand(text: str, values: Mapping[str, str]) -> str:
    """A macro string for values by their letters (section 7.3); too long a name loses labels."""
    name = _PARTS.sub(lambda match: _part(match, values), text).rstrip(".")
    while len(name) > 253 and "." in name:
        name = name.partition(".")[2]
    return name


def _part(match: re.Match[str], values: Mapping[str, str]) -> str:
    letter, digits, reverse, delimiters, escape = match.groups()
    if escape:
        return {"%": "%", "_": " ", "-": "%20"}[escape]
    if digits and int(digits) == 0:
        raise SpfSyntaxError(f"{match[0]!r} keeps no part")
    parts = re.split(f"[{re.escape(delimiters or '.')}]", values[letter.lower()])
    parts = parts[::-1] if reverse else parts
    joined = ".".join(parts[-int(digits) :] if digits else parts)
    return quote(joined, safe="-._~") if letter.isupper() else joined
