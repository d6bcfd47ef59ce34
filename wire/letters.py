"""What is to be carried, from where, and on what terms: the values a courier is given."""

import re
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from typing import Literal

# A Dot-string or a Quoted-string, then a domain (RFC 5321 4.1.2, RFC 6531 3.3), taken widely: what
# matters is that no control, space or angle bracket can end the path and begin something else.
_NEVER = r"\x00-\x1f\x7f\ud800-\udfff"  # controls; lone surrogates, which have no octets
_PATH = re.compile(
    rf'(?:"(?:[^"\\{_NEVER}]|\\[^{_NEVER}])*"|[^\s"<>@{_NEVER}]+)@[^\s"<>@{_NEVER}]+'
)
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.IPv]+\]")


class TlsMode(StrEnum):
    none = "none"
    # STARTTLS where offered, certificates not looked at (RFC 7435); in the clear otherwise.
    opportunistic = "opportunistic"
    required = "required"


@dataclass(frozen=True, slots=True)
class Source:
    """Where we speak from: an IP address to bind ("" leaves it to the system) and its HELO name."""

    address: str
    helo: str

    def __post_init__(self) -> None:
        if not _HOST.fullmatch(self.helo):
            raise ValueError(f"HELO name {self.helo!r} is no host name; give the source one")
        if self.address:
            ip_address(self.address)  # says itself what is wrong


@dataclass(frozen=True, slots=True)
class Relay:
    """A host that takes all letters, whatever their domain. TLS other than "none" is a must."""

    host: str
    port: int
    tls: Literal["none", "starttls", "implicit"]
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Policy:
    """Terms for all letters of a courier; timeouts in seconds, defaults of RFC 5321 4.5.3.2.

    `pace` gives 0.0 when one letter may go now (it is counted as gone), else the seconds until it
    is worth asking again; None: as fast as it goes. `admits` is told a domain and the names of its
    first MX hosts (of the lowest preference); when it says no, the letters come back untried.
    Neither may wait for anything.
    """

    port: int = 25
    tls: TlsMode = TlsMode.opportunistic
    connect_timeout: float = 30
    opening_timeout: float = 120  # all hosts, addresses and steps of one opening together
    command_timeout: float = 300
    data_timeout: float = 600
    max_connections: int = 5  # to one set of MX hosts
    max_sessions: int = 50  # to all of them
    messages_per_connection: int = 100
    loopback_only: bool = False
    verify_tls: bool = False
    tls_minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    pace: Callable[[], float] | None = None
    admits: Callable[[str, Sequence[str]], bool] | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one recipient.

    `key` is the caller's; `sender` is the envelope sender, "" for the null one; `recipient` is in
    the form for SMTP; `build` gives the message just before it is sent; `tls` None leaves it to
    the policy.
    """

    key: int
    sender: str
    recipient: str
    domain: str
    build: Callable[[], bytes]
    needs_smtputf8: bool = False
    tls: TlsMode | None = None


def is_safe(letter: Letter) -> bool:
    """Whether sender and recipient can stand in a command and mean nothing but an address."""
    if letter.sender and not _PATH.fullmatch(letter.sender):
        return False
    return _PATH.fullmatch(letter.recipient) is not None
