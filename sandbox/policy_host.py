"""The HTTPS host of the box: it hands out the MTA-STS policies of the domains that have one."""

import asyncio
import contextlib
import ssl
from collections.abc import Mapping

from sandbox.scenario import Domain, Policy

ADDRESS = "127.0.4.80"
PREFIX = "mta-sts."
PATH = "/.well-known/mta-sts.txt"
_MOST_OCTETS = 8192


async def open_policy_host(
    domains: Mapping[str, Domain], *, port: int, context: ssl.SSLContext
) -> asyncio.Server:
    """Listen on the host's address. OSError names it when it is taken."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            request = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            writer.write(response(domains, request))
            await writer.drain()
        writer.close()

    return await asyncio.start_server(answer, ADDRESS, port, ssl=context, limit=_MOST_OCTETS)


def response(domains: Mapping[str, Domain], request: str) -> bytes:
    """200 with the policy of the domain in `Host`, or 404."""
    first, *fields = request.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)}
    domain = domains.get(headers.get("host", "").partition(":")[0].removeprefix(PREFIX))
    if first.split(" ")[:2] != ["GET", PATH] or domain is None or domain.sts is None:
        return _http("404 Not Found", "There is no policy here.\n")
    return _http("200 OK", text_of(domain.sts))


def text_of(policy: Policy) -> str:
    """The policy file (RFC 8461 3.2)."""
    lines = ["version: STSv1", f"mode: {policy.mode}", *(f"mx: {host}" for host in policy.mx)]
    return "\r\n".join([*lines, f"max_age: {policy.max_age}", ""])


def _http(status: str, body: str) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n{body}".encode()
