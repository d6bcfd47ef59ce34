"""Lists of `tag=value;`, the common form of DKIM, DMARC and TLS-RPT records (RFC 6376 3.2)."""

import re

_TAG = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=\s*([^;]*?)\s*", re.DOTALL)


class BadTags(ValueError):
    """A record that is no list of tags; the sentence names the part."""


def parse(text: str) -> dict[str, str]:
    """Tag, lower case, to value. A tag that stands twice is an error (RFC 6376 3.2)."""
    found: dict[str, str] = {}
    for part in text.split(";"):
        if not part.strip():
            continue
        match = _TAG.fullmatch(part)
        if match is None:
            raise BadTags(f"{part.strip()[:60]!r} is no tag=value")
        name = match[1].lower()
        if name in found:
            raise BadTags(f"{name}= stands twice")
        found[name] = match[2]
    return found


def versioned(texts: tuple[str, ...], version: str) -> tuple[str, ...]:
    """Those TXT records that begin with `v=` and this version."""
    begin = re.compile(rf"\s*v\s*=\s*{re.escape(version)}\s*(?:;|$)")
    return tuple(text for text in texts if begin.match(text))
