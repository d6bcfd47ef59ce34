"""One small document over HTTPS from a host whose certificate is valid: no redirects, no cookies.

Bounded in time and size, and told which addresses it may speak to; made for policy files
(RFC 8461 3.3), not for browsing.
"""

import asyncio
import http.client
import io
import ssl
from dataclasses import dataclass

from wire.dns import is_loopback

MOST_OCTETS = 64 * 1024  # of headers and body together, as RFC 8461 3.3 suggests for the body
_PIECE = 16 * 1024


class NotFetched(Exception):
    """There is no document, and why; for a log or a page."""


@dataclass(frozen=True, slots=True)
class Page:
    """A body and its media type, lower case, without parameters."""

    media_type: str
    body: bytes


class _Recorded:
    """What `http.client` wants of a socket: a file to read."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._octets)


async def fetch(
    host: str,
    path: str,
    *,
    address: str,
    port: int,
    context: ssl.SSLContext,
    seconds: float,
    loopback_only: bool,
) -> Page:
    """GET from one address of `host`; NotFetched for anything but a 200 within `seconds`."""
    if loopback_only and not is_loopback(address):
        raise NotFetched(f"{host} is at {address}, outside loopback: not contacted")
    try:
        async with asyncio.timeout(seconds):
            octets = await _exchange(host, path, address, port, context)
    except TimeoutError:
        raise NotFetched(f"{host} did not answer within {seconds:g} s") from None
    except (OSError, ValueError) as error:  # ValueError: a name that is none in a certificate
        raise NotFetched(f"{host} [{address}]: {error}") from error
    return _read(octets, host)


async def _exchange(
    host: str, path: str, address: str, port: int, context: ssl.SSLContext
) -> bytes:
    reader, writer = await asyncio.open_connection(
        address, port, ssl=context, server_hostname=host, limit=_PIECE
    )
    try:
        request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/plain\r\n"
        writer.write(f"{request}User-Agent: Hatobin\r\nConnection: close\r\n\r\n".encode())
        octets = bytearray()
        while piece := await reader.read(_PIECE):
            octets += piece
            if len(octets) > MOST_OCTETS:
                raise ValueError(f"the answer is longer than {MOST_OCTETS} octets")
        return bytes(octets)
    finally:
        writer.transport.abort()  # a polite end would wait for the host's


def _read(octets: bytes, host: str) -> Page:
    response = http.client.HTTPResponse(_Recorded(octets))  # type: ignore[arg-type]
    try:
        response.begin()
        body = response.read()
    except (http.client.HTTPException, ValueError) as error:
        raise NotFetched(f"{host}: the answer is no HTTP ({error!r})") from error
    if response.status != http.client.OK:
        raise NotFetched(f"{host}: status {response.status}, where only 200 counts")
    return Page(response.headers.get_content_type(), body)
