"""What bench dnsbl measures against: pydnsbl, and dnsperf as the limit.

`python -m sandbox.bench.dnsbl_rivals` is the process in which pydnsbl runs: its work comes as JSON
on standard input, its figures leave as JSON.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from django.conf import settings

_RATE: Final = re.compile(r"Queries per second:\s+([\d.]+)")
_LOST: Final = re.compile(r"Queries lost:\s+(\d+)")
# As pydnsbl itself sets them.
TIMEOUT, TRIES = 5, 2


class NoRival(RuntimeError):
    """A rival could not be installed; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is asked of pydnsbl: each IP of each IP list, each domain of each domain list."""

    host: str
    port: int
    ips: Sequence[str]
    ip_lists: Sequence[str]
    domains: Sequence[str]
    domain_lists: Sequence[str]


@dataclass(frozen=True, slots=True)
class Figures:
    """`listed` resources and `failed` questions, as pydnsbl counts them."""

    seconds: float
    cpu_seconds: float
    listed: int
    failed: int


def install(directory: Path) -> None:
    """Pydnsbl and what it needs, with checked hashes; NoRival when the index is out of reach."""
    wanted = str(settings.BASE_DIR / "requirements" / "bench.txt")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--no-deps", "--require-hashes", "--target", str(directory), "-r", wanted],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise NoRival(f"pydnsbl cannot be installed; --no-rival goes without it. {done.stderr}")


def pydnsbl(directory: Path, work: Work) -> Figures:
    """One run of pydnsbl, in a process of its own."""
    path = os.pathsep.join([str(directory), str(settings.BASE_DIR)])
    done = subprocess.run(
        [sys.executable, "-m", "sandbox.bench.dnsbl_rivals"], input=json.dumps(asdict(work)),
        env=os.environ | {"PYTHONPATH": path}, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return Figures(**json.loads(done.stdout))


def dnsperf(host: str, port: int, questions: Path) -> float | None:
    """Questions a second, one process, each question once; None where it is not installed."""
    found = shutil.which("dnsperf")
    if found is None:
        return None
    done = subprocess.run(
        [found, "-s", host, "-p", str(port), "-d", str(questions), "-n", "1"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return rate(done.stdout)


def rate(report: str) -> float:
    """The figure in dnsperf's report; a run that lost questions counts for nothing."""
    speed, lost = _RATE.search(report), _LOST.search(report)
    return float(speed[1]) if speed and lost and lost[1] == "0" else 0.0


def _run(work: Mapping[str, Any]) -> Figures:
    """Within the rival's process. Its resolver is replaced only to name our port."""
    checker: Any = import_module("pydnsbl.checker")
    provider: Any = import_module("pydnsbl.providers").Provider
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    resolver = import_module("aiodns").DNSResolver(
        nameservers=[work["host"]], udp_port=work["port"], tcp_port=work["port"],
        timeout=TIMEOUT, tries=TRIES, loop=loop,
    )  # fmt: skip
    results = []
    began, cpu = time.perf_counter(), time.process_time()
    for kind, resources, lists in (
        (checker.DNSBLIpChecker, work["ips"], work["ip_lists"]),
        (checker.DNSBLDomainChecker, work["domains"], work["domain_lists"]),
    ):
        one = kind(providers=[provider(zone) for zone in lists], loop=loop)
        one._resolver = resolver  # noqa: SLF001  # it offers no way to name one
        results += one.bulk_check(resources)
    return Figures(
        time.perf_counter() - began,
        time.process_time() - cpu,
        listed=sum(len(result.detected_by) for result in results),
        failed=sum(len(result.failed_providers) for result in results),
    )


if __name__ == "__main__":
    print(json.dumps(asdict(_run(json.load(sys.stdin)))))
