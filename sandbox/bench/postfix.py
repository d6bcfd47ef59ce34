"""The rival: a Postfix of our own, in a temporary directory, that relays to the same sink."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from sandbox.bench.processes import Meter
from sandbox.bench.sinks import Sink, free_port, wait_for

SESSIONS = 20
QUEUES = ("maildrop", "incoming", "active", "deferred")
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_MASTER = Path("/usr/share/postfix/master.cf.dist")
_FILES = Path("/etc/postfix/postfix-files")

_MAIN = """\
compatibility_level = 3.6
queue_directory = {queue}
data_directory = {data}
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = postfix.bench.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
relayhost = [{host}]:{port}
smtp_tls_security_level = none
smtpd_tls_security_level = none
smtp_destination_concurrency_limit = 20
disable_dns_lookups = yes
smtp_host_lookup = native
alias_maps =
local_recipient_maps =
"""


class NoPostfix(RuntimeError):
    """Postfix is not installed, or we may not run it; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Postfix:
    """A running Postfix."""

    directory: Path
    port: int

    def queued(self) -> int:
        """Messages in its queues."""
        return sum(
            len(files)
            for name in QUEUES
            for _, _, files in os.walk(self.directory / "queue" / name)
        )

    def processes(self) -> list[psutil.Process]:
        """Its master; all else descends from it."""
        pid = (self.directory / "queue" / "pid" / "master.pid").read_text()
        return [psutil.Process(int(pid))]

    def command(self, *words: str) -> None:
        subprocess.run(
            ["postfix", "-c", str(self.directory / "etc"), *words],
            check=True, env={"PATH": _PATH}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def set(self, **settings: str) -> None:
        for name, value in settings.items():
            subprocess.run(
                ["postconf", "-c", str(self.directory / "etc"), f"{name}={value}"],
                check=True, env={"PATH": _PATH},
            )  # fmt: skip
        self.command("reload")


def measure(target: Sink, count: int, size: int) -> dict[str, float]:
    """Relay (inject and drain at once) and drain alone, of `count` messages each."""
    with running(target) as rival:
        seconds, cpu = _timed(rival, lambda: inject(rival, count, size))
        figures = {
            "postfix_relay_seconds": seconds,
            "postfix_relay_per_second": count / seconds,
            "postfix_relay_cpu_per_1000": cpu / count * 1000,
        }
        rival.set(defer_transports="smtp")
        inject(rival, count, size)
        rival.set(defer_transports="")
        seconds, cpu = _timed(rival, lambda: rival.command("flush"))
    return figures | {
        "postfix_drain_seconds": seconds,
        "postfix_drain_per_second": count / seconds,
        "postfix_drain_cpu_per_1000": cpu / count * 1000,
    }


def inject(rival: Postfix, count: int, size: int) -> None:
    """smtp-source, as many sessions as Postfix's own default destination concurrency."""
    subprocess.run(
        ["smtp-source", "-s", str(SESSIONS), "-m", str(count), "-l", str(size),
         "-f", "news@bench.example", "-t", "user@r.example", f"127.0.0.1:{rival.port}"],
        check=True, env={"PATH": _PATH},
    )  # fmt: skip


def _timed(rival: Postfix, begin: Callable[[], None]) -> tuple[float, float]:
    """Seconds and Postfix's CPU seconds (not smtp-source's) until the queue is empty again."""
    with Meter(rival.processes) as meter:
        began = time.perf_counter()
        begin()
        while rival.queued():
            time.sleep(0.05)
        seconds = time.perf_counter() - began
    return seconds, meter.cpu


@contextmanager
def running(target: Sink) -> Iterator[Postfix]:
    """Start it; stop it and remove its files at the end."""
    if os.geteuid() != 0 or not shutil.which("postfix", path=_PATH):
        raise NoPostfix(
            "The rival needs root and the postfix package (apt-get install postfix); "
            "leave out --rival to measure Hatobin alone."
        )
    directory = Path(tempfile.mkdtemp(prefix="hatobin-postfix-"))
    directory.chmod(0o755)
    rival = Postfix(directory, free_port("127.0.0.1"))
    try:
        _configure(rival, target)
        rival.command("start")
        wait_for("127.0.0.1", rival.port)
        yield rival
    finally:
        rival.command("stop")
        shutil.rmtree(directory, ignore_errors=True)


def _configure(rival: Postfix, target: Sink) -> None:
    etc, queue, data = (rival.directory / name for name in ("etc", "queue", "data"))
    for one in (etc, queue, data):
        one.mkdir()
    shutil.chown(data, "postfix")
    main = _MAIN.format(queue=queue, data=data, host=target.host, port=target.port)
    (etc / "main.cf").write_text(main)
    (etc / "master.cf").write_text(_master(_MASTER.read_text(), rival.port))
    if _FILES.exists():
        shutil.copy(_FILES, etc)


def _master(text: str, port: int) -> str:
    """Listen on our port; no chroot, which would need copies of the system's files. Pure."""
    lines = [
        line.replace("smtp      inet", f"127.0.0.1:{port} inet", 1)
        if line.startswith("smtp      inet")
        else line
        for line in text.splitlines()
    ]
    return "\n".join(lines).replace("  y       -  ", "  n       -  ") + "\n"
