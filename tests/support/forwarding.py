"""A way to PostgreSQL that can be cut: a TCP port that leads to the real server."""

import os
import select
import socket
import threading
from contextlib import suppress
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.workers import database_url


class Way:
    """`open` and `cut` it, any number of times; the port stays the same."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = int(server.getsockname()[1])
        self._server: socket.socket | None = None
        self._open: list[socket.socket] = []

    @property
    def url(self) -> str:
        """The test database, by this way."""
        parts = urlsplit(database_url())
        who = parts.netloc.rpartition("@")[0]
        return f"postgresql://{who}{'@' if who else ''}127.0.0.1:{self.port}{parts.path}"

    def open(self) -> None:
        self._server = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, args=[self._server], daemon=True).start()

    def cut(self) -> None:
        """Nobody listens any more, and who was connected is not."""
        for one in [self._server, *self._open]:
            if one is not None:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
        self._server, self._open = None, []

    def _serve(self, server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _peer = server.accept()
                far = _real_server()
                self._open += [near, far]
                threading.Thread(target=_carry, args=[near, far], daemon=True).start()


def _real_server() -> socket.socket:
    parts = urlsplit(os.environ["DATABASE_URL"])
    place = parse_qs(parts.query).get("host", [unquote(parts.hostname or "")])[0]
    if not place.startswith("/"):
        return socket.create_connection((place or "127.0.0.1", parts.port or 5432))
    far = socket.socket(socket.AF_UNIX)
    far.connect(f"{place}/.s.PGSQL.{parts.port or 5432}")
    return far


def _carry(near: socket.socket, far: socket.socket) -> None:
    with suppress(OSError, ValueError):
        while True:
            for one in select.select([near, far], [], [])[0]:
                data = one.recv(65536)
                if not data:
                    return
                (far if one is near else near).sendall(data)
