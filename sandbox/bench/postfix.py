"""The rival: a Postfix of our own, in a temporary directory, that relays to the same sink."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.bench.processes import Meter, matching
from sandbox.bench.sinks import Sink, free_port, wait_for

SESSIONS = 20
QUEUES = ("maildrop", "incoming", "active", "deferred")
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

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


def _timed(rival: Postfix, begin: object) -> tuple[float, float]:
    """Seconds and CPU seconds from `begin` until the queue is empty."""
    mine = str(rival.directory)
    assert callable(begin)

    def processes() -> list:  # type: ignore[type-arg]
        return matching(lambda line: "postfix/sbin/master" in line and mine in line) + matching(
            lambda line: line.startswith("smtp-source")
        )

    with Meter(processes) as meter:
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
    master = Path("/usr/share/postfix/master.cf.dist").read_text()
    lines = [
        line.replace("smtp      inet", f"127.0.0.1:{rival.port} inet")
        if line.startswith("smtp      inet")
        else line
        for line in master.splitlines()
    ]
    # Not in a chroot: it would need copies of the system's files.
    (etc / "master.cf").write_text("\n".join(lines).replace("  y       -  ", "  n       -  ") + "\n")
    shutil.copy("/etc/postfix/postfix-files", etc) if Path("/etc/postfix/postfix-files").exists() else None
