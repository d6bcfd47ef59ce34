"""The shape of a reply: what stays the same when the same receiver says the same thing again."""

import re
from typing import Final

from wire.reply_text import LONGEST

_PARTS: Final = (
    (re.compile(r"(?m)^[245]\d\d[ -](?:#?[245]\.\d{1,3}\.\d{1,3}[ :]?)?"), ""),
    (re.compile(r"https?://[^\s<>\"']{3,500}", re.IGNORECASE), "URL"),
    (re.compile(r"[^\s<>(),;:\"\[\]]{1,64}@[^\s<>(),;:\"\[\]]{1,255}"), "ADDRESS"),
    (re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d)"), "IP"),
    (
        re.compile(r"(?<![\w:.])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])", re.IGNORECASE),
        "IP",
    ),
    (re.compile(r"\b(?:[a-z0-9_-]{1,63}\.){1,8}[a-z]{2,24}\b", re.IGNORECASE), "HOST"),
    # Queue ids and the like: letters and digits mixed, or long runs of digits and hex.
    (re.compile(r"\b(?=[a-z_-]{0,40}\d)[a-z0-9_+/=-]{8,200}", re.IGNORECASE), "ID"),
    (re.compile(r"\d{1,40}"), "N"),
    (re.compile(r"\s{1,200}"), " "),
)


def shape(text: str) -> str:
    """Addresses, IPs, hosts, URLs, ids and numbers are replaced by their kinds; at most 300 signs.

    Enhanced codes at the beginning stay, since they tell replies apart.
    """
    text = text[:LONGEST].replace("\r", "\n")
    code = re.match(r"\s{0,9}#?([245]\.\d{1,3}\.\d{1,3})\b", text)
    body = text[code.end() :] if code else text
    for pattern, kind in _PARTS:
        body = pattern.sub(kind, body)
    return f"{code[1] if code else ''} {body.strip()}".strip()[:300]
