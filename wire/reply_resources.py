"""What a reply about a listing names: the list, what is listed, and where to look it up."""

import re
import socket
import tomllib
from functools import cache
from pathlib import Path
from typing import Final

from wire.reply_text import KEY, Phrase, Seen, phrase
from wire.verdicts import LISTINGS

NAMES: Final = Path(__file__).parent / "rules" / "lists.toml"

_URL: Final = re.compile(r"https?://[^\s<>\"']{3,500}", re.IGNORECASE)
_IPV4: Final = re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}")
_IPV6: Final = re.compile(
    r"(?<![\w:.])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])", re.IGNORECASE
)
_HOST: Final = r"(?=[a-z0-9.-]{4,253})(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}"
_NAMED_HOST: Final = re.compile(rf"[\[(<]({_HOST})[\])>]", re.IGNORECASE)
_ADDRESS_HOST: Final = re.compile(rf"@({_HOST})", re.IGNORECASE)
_QUERY_HOST: Final = re.compile(rf"(?:domain|query)[/=: ]{{1,2}}({_HOST})", re.IGNORECASE)
# "blocked using ZONE", "listed at ZONE": lists that nobody has told us of. The words are sought
# before the expression is tried: most texts have few of them.
_BEFORE_ZONE: Final = ("using", "by", "at", "in", "on", "rbl", "dnsbl")
_ZONE: Final = re.compile(rf"[ :(]{{1,2}}(?:https?://)?({_HOST})", re.IGNORECASE)
_LAST: Final = 1_000_000
_NO_LISTS: Final = ("outlook.com", "microsoft.com", "google.com")


def named_in(category: str, seen: Seen, *, listed_at: str) -> tuple[str, str, str]:
    """The list, the resource and the page to look it up; "" for what the reply does not say.
    `listed_at` is the list if the rule knows it.
    """
    text = seen.text
    return (
        listed_at or _known_list(seen) or (_zone_in(text) if category in LISTINGS else ""),
        _resource(category, text),
        _url_in(text),
    )


def names_public(seen: Seen) -> bool:
    """Whether it names a list of lists.toml."""
    return bool(_known_list(seen))


def _url_in(text: str) -> str:
    at = text.find("http")
    if at < 0 and (at := text.find("HTTP")) < 0:
        return ""
    url = _URL.search(text, at)
    return url[0].rstrip(".,;:)]") if url else ""


def _known_list(seen: Seen) -> str:
    index, keys = _names()
    plain, best, name = seen.plain, _LAST, ""
    for key in seen.keys & keys:
        for rank, part, more, known in index[key]:
            if rank >= best:
                break
            if part in plain and (more is None or more.goes_on_in(plain)):
                best, name = rank, known
    return name


def _zone_in(text: str) -> str:
    lower = text.lower()
    zones = [found for word in _BEFORE_ZONE if (found := _zone_after(word, lower))]
    zone = min(zones)[1] if zones else ""
    return "" if zone.endswith(_NO_LISTS) else zone


def _zone_after(word: str, text: str) -> tuple[int, str] | None:
    """Where the first such word with a zone behind it is, and the zone."""
    at = text.find(word)
    while at >= 0:
        if zone := _ZONE.match(text, at + len(word)):
            return at, zone[1]
        at = text.find(word, at + 1)
    return None


def _resource(category: str, text: str) -> str:
    if category.startswith("ip-"):
        return _ip_in(text)
    for pattern in (_QUERY_HOST, _NAMED_HOST, _ADDRESS_HOST):
        found = pattern.search(text)
        if found:
            return found[1].lower()
    return ""


def _ip_in(text: str) -> str:
    found = _IPV4.search(text)
    while found:
        # 127/8 is an answer of a blocklist (RFC 5782 2.1), not what it lists.
        if not found[0].startswith("127.") and _is_ip(found[0], socket.AF_INET):
            return found[0]
        found = _IPV4.search(text, found.end())
    if "::" in text or text.count(":") > 6:
        for maybe in _IPV6.finditer(text):
            if _is_ip(maybe[0], socket.AF_INET6):
                return maybe[0].lower()
    return ""


def _is_ip(text: str, family: socket.AddressFamily) -> bool:
    try:
        socket.inet_pton(family, text)
    except OSError:
        return False
    return True


@cache
def _names() -> tuple[dict[str, list[tuple[int, str, Phrase | None, str]]], frozenset[str]]:
    """The lists' names by the first letters of one word of theirs, in the form of wire.rulebook;
    and these letters.
    """
    data = tomllib.loads(NAMES.read_text("utf-8"))
    index: dict[str, list[tuple[int, str, Phrase | None, str]]] = {}
    for rank, table in enumerate(data["list"]):
        for words in map(phrase, table["words"]):
            more = words if len(words.parts) > 1 else None
            entry = (rank, words.parts[0], more, table["name"])
            index.setdefault(words.anchors[0][:KEY], []).append(entry)
    return index, frozenset(index)
