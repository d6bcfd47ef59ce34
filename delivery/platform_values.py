"""What may stand behind a key of a platform file: each reader takes a TOML value and returns it in
its one normal form, or raises `Wrong` with what is allowed.
"""

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from customers import people
from wire import dkim
from wire.addresses import InvalidAddress, parse
from wire.letters import Source

Reader = Callable[[Any], Any]

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


class Wrong(ValueError):
    """A value that cannot be used: what it is, and what is allowed."""


def text(*, most: int = 60, least: int = 1) -> Reader:
    """A text of `least` to `most` characters without controls; spaces around it do not count."""

    def read(value: Any) -> str:
        if isinstance(value, str):
            plain = value.strip()
            if least <= len(plain) <= most and plain.isprintable():
                return plain
        raise Wrong(f"{value!r} cannot be used; use a text of {least} to {most} characters")

    return read


def one_of(*allowed: str) -> Reader:
    def read(value: Any) -> str:
        if value not in allowed:
            raise Wrong(f"{value!r} is not known; use {', '.join(allowed)}")
        return str(value)

    return read


def number(least: int, most: int) -> Reader:
    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise Wrong(f"{value!r} cannot be used; use a whole number from {least} to {most}")
        return value

    return read


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong(f"{value!r} cannot be used; use true or false")
    return value


def texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Wrong(f'{value!r} cannot be used; use a list of names, for example ["B", "C"]')
    return tuple(value)


def texts_by_name(*allowed: str) -> Reader:
    """A table of name -> one of the allowed words."""

    def read(value: Any) -> dict[str, str]:
        if not isinstance(value, dict):
            raise Wrong(f"{value!r} cannot be used; use a table of slug = role")
        return {name: one_of(*allowed)(word) for name, word in value.items()}

    return read


def domain_name(value: Any) -> str:
    """A lower-case A-label name of two labels or more (IDNA 2008)."""
    try:
        return parse(f"x@{value}").domain
    except InvalidAddress:
        raise Wrong(f"{value!r} is no domain name; use one such as mail.example.jp") from None


def host_name(value: Any) -> str:
    """A name to say HELO with: full, with a dot (RFC 5321 section 2.3.5)."""
    try:
        Source("", str(value))
        return domain_name(value)
    except ValueError:
        raise Wrong(f"{value!r} is no host name; use one such as out1.mail.example.jp") from None


def host(value: Any) -> str:
    """Where to connect to: a full name or an IP address."""
    try:
        return str(ip_address(value if isinstance(value, str) else ""))
    except ValueError:
        return host_name(value)


def or_nothing(read: Reader) -> Reader:
    """The same, or "" for none."""
    return lambda value: "" if value == "" else read(value)


def address(value: Any) -> str:
    try:
        found = ip_address(value if isinstance(value, str) else "")
    except ValueError:
        raise Wrong(f"{value!r} is no IP address; use one such as 192.0.2.1 or 2001:db8::1") from (
            None
        )
    if getattr(found, "scope_id", None) or getattr(found, "ipv4_mapped", None):
        raise Wrong(f"{value!r} cannot be used; write the address without a zone, IPv4 as IPv4")
    return str(found)


def network(value: Any) -> str:
    try:
        return str(ip_network(value if isinstance(value, str) else ""))
    except ValueError as error:
        raise Wrong(f"{value!r} is no network ({error}); use CIDR such as 192.0.2.0/26") from None


def slug(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 60 or not _SLUG.fullmatch(value):
        raise Wrong(f"{value!r} is no slug; use lower-case letters, digits and single hyphens")
    return value


def selector(value: Any) -> str:
    if not isinstance(value, str) or not _LABEL.fullmatch(value):
        raise Wrong(f"{value!r} is no selector; use letters, digits and hyphens, such as h1")
    return value


def email(value: Any) -> str:
    try:
        return people.checked_email(value if isinstance(value, str) else "")
    except people.PersonRefused as error:
        raise Wrong(str(error)) from None


def pem_file(directory: Path) -> Reader:
    """The private key in the file of that name, as PEM; relative names begin in `directory`."""

    def read(value: Any) -> str:
        pem = _contents(directory, value)
        try:
            dkim.dns_record(pem)
        except dkim.DkimError as error:
            raise Wrong(f"{value}: {error}") from None
        return pem

    return read


def password_file(directory: Path) -> Reader:
    def read(value: Any) -> str:
        return _contents(directory, value).strip() or _refuse(f"{value} is empty")

    return read


def environment_variable(variables: Mapping[str, str]) -> Reader:
    def read(value: Any) -> str:
        found = variables.get(value, "") if isinstance(value, str) else ""
        return found or _refuse(f"the environment variable {value!r} is not set; export it first")

    return read


def _contents(directory: Path, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise Wrong(f"{value!r} cannot be used; use the path of a file")
    try:
        return (directory / value).read_text(encoding="utf-8")
    except OSError as error:
        raise Wrong(f"{value} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise Wrong(f"{value} cannot be read (it is not text)") from None


def _refuse(sentence: str) -> Any:
    raise Wrong(sentence)
