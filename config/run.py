"""The whole product on one machine: pages, workers, intake, watch and beat under one supervisor."""

import errno
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress

import psutil
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper

from config import static_files
from config.supervision import supervise

WEB_PROCESSES = 2
WEB_THREADS = 4
# Sweeping and closing have workers of their own: senders wait for slow receivers, and loaders are
# busy with imports and large mailings for a while.
WORKER_PROCESSES = 2
LOADER_PROCESSES = 2
CELERY = (sys.executable, "-m", "celery", "--quiet", "-A", "config")


class PortTaken(Exception):
    """A port of ours cannot be used; the text says who may hold it and what to do."""


def make_ready() -> None:
    """Brings the database to the current shape and collects the static files. Quick when both are.

    Raises PortTaken first of all: nobody should wait for a start that cannot succeed.
    """
    require_port(settings.WEB_HOST, settings.WEB_PORT)
    require_port(settings.INTAKE_HOST, settings.INTAKE_PORT, setting="INTAKE_PORT")
    call_command("migrate", verbosity=0, interactive=False)
    static_files.collect()


def run(
    processes: Mapping[str, list[str]] | None = None,
    *,
    until: Callable[[], bool] | None = None,
) -> int:
    """Runs web, worker, loader, sender, intake, watch, beat and the given processes; the exit code.

    `until` is asked twice a second from a thread of its own; once it is true all programs are
    ended and the code is 0, as after Ctrl-C and SIGTERM. 1: a program ended by itself.
    """
    for connection in connections.all(initialized_only=True):
        connection.close()  # children must not inherit connections, nor a pool's threads
        if isinstance(connection, DatabaseWrapper):
            connection.close_pool()
    return supervise(
        {**own_processes(), **(processes or {})}, cwd=str(settings.BASE_DIR), until=until
    )


def own_processes() -> dict[str, list[str]]:
    """Name -> command. The same programs as in docker/compose.yaml."""
    return {
        "web": [
            *(sys.executable, "-m", "gunicorn", "config.wsgi", "--no-control-socket"),
            *("--bind", bind_address(settings.WEB_HOST, settings.WEB_PORT)),
            *("--workers", str(WEB_PROCESSES), "--threads", str(WEB_THREADS)),
            *("--log-level", "warning"),
        ],
        "worker": celery_worker("worker", queues="default", processes=WORKER_PROCESSES),
        "loader": celery_worker("loader", queues="long", processes=LOADER_PROCESSES),
        "sender": celery_worker("sender", queues="dispatch", processes=settings.WORKERS),
        "intake": [sys.executable, "manage.py", "intake"],
        "watch": [sys.executable, "manage.py", "watch"],
        "beat": [*CELERY, "beat"],
    }


def celery_worker(name: str, *, queues: str, processes: int) -> list[str]:
    """The command of a Celery worker; `queues` are separated by commas."""
    return [
        *(*CELERY, "worker", "-n", f"{name}@%h", "-Q", queues, "--concurrency", str(processes)),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]


def bind_address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def require_port(host: str, port: int, *, setting: str = "WEB_PORT") -> None:
    """Raises PortTaken unless a server will be able to listen there; `setting` chooses the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            sentence = port_sentence(host, port, error, holder=holder_of(port), setting=setting)
            raise PortTaken(sentence) from None


def port_sentence(
    host: str, port: int, error: OSError, *, holder: str, setting: str = "WEB_PORT"
) -> str:
    way_out = f"start with another one, for example {setting}={port + 1 if port < 65535 else 8000}"
    if error.errno == errno.EADDRINUSE:
        who = f" by {holder}" if holder else ", perhaps by another `make demo` or `make run`"
        return f"Port {port} on {host} is taken{who}: stop that, or {way_out}."
    return f"Port {port} on {host} cannot be used ({error.strerror}): {way_out}."


def holder_of(port: int) -> str:
    """Name and pid of the program that listens on a port; "" when the system does not tell."""
    with suppress(psutil.Error, OSError):
        for found in psutil.net_connections("tcp"):
            if found.status == psutil.CONN_LISTEN and found.laddr.port == port and found.pid:
                return f"{psutil.Process(found.pid).name()} (pid {found.pid})"
    return ""
