"""What the hosts of the box took: one index of JSON lines, one file of raw messages for each host.

Append-only. A message is in its file, and its line in the index, before the host says 250; so the
index is the truth that `reconcile` compares with.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Self

INDEX = "index.jsonl"


@dataclass(frozen=True, slots=True)
class Stored:
    """One message as it was taken. `peer` is the IP address it came from, `tls` "" or the
    protocol, `mail_from` "" for the null sender; `size`, `offset` in octets, within `path`.
    """

    at: datetime
    host: str
    address: str
    peer: str
    helo: str
    tls: str
    mail_from: str
    recipients: tuple[str, ...]
    message_id: str
    size: int
    offset: int
    sha256: str
    path: Path


# In the index; the path is where the index lies.
WRITTEN = tuple(field.name for field in fields(Stored) if field.name != "path")


class Store:
    """The writing side; one process writes."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        _end_last_line(directory / INDEX)
        self._index = (directory / INDEX).open("ab")
        self._files: dict[str, IO[bytes]] = {}

    def append(
        self,
        content: bytes,
        *,
        at: datetime,
        host: str,
        address: str,
        peer: str,
        helo: str,
        tls: str,
        mail_from: str,
        recipients: tuple[str, ...],
    ) -> Stored:
        """Keep one message; it is in the files when this returns."""
        file = self._file(host)
        stored = Stored(
            at=at,
            host=host,
            address=address,
            peer=peer,
            helo=helo,
            tls=tls,
            mail_from=mail_from,
            recipients=recipients,
            message_id=_message_id(content),
            size=len(content),
            offset=file.tell(),
            sha256=hashlib.sha256(content).hexdigest(),
            path=Path(file.name),
        )
        file.write(content)
        file.flush()
        self._index.write(_line(stored))
        self._index.flush()
        return stored

    def close(self) -> None:
        self._index.close()
        for file in self._files.values():
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _file(self, host: str) -> IO[bytes]:
        if host not in self._files:
            self._files[host] = (self.directory / f"{host}.messages").open("ab")
        return self._files[host]


def read(directory: Path) -> Iterator[Stored]:
    """All that was taken, in order; a line that is still being written is left out."""
    index = directory / INDEX
    if not index.exists():
        return
    with index.open("rb") as lines:
        for line in lines:
            if line.endswith(b"}\n"):
                yield _stored(json.loads(line), directory)


def raw(stored: Stored) -> bytes:
    """The message as it came, without transparency dots."""
    with stored.path.open("rb") as file:
        file.seek(stored.offset)
        return file.read(stored.size)


def _line(stored: Stored) -> bytes:
    values = {name: getattr(stored, name) for name in WRITTEN}
    values["at"] = stored.at.isoformat()
    return json.dumps(values, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n"


def _stored(values: dict[str, Any], directory: Path) -> Stored:
    kept = {name: values[name] for name in WRITTEN}
    kept["at"] = datetime.fromisoformat(kept["at"])
    kept["recipients"] = tuple(kept["recipients"])
    return Stored(**kept, path=directory / f"{kept['host']}.messages")


def _message_id(content: bytes) -> str:
    """The Message-ID field's value, "" if the header has none."""
    header = content.partition(b"\r\n\r\n")[0]
    for line in header.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ").split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"message-id":
            return value.strip().decode("utf-8", "replace")
    return ""


def _end_last_line(index: Path) -> None:
    """A box that was killed in the middle of a line leaves it cut; ours must not be glued to it."""
    if index.exists() and index.stat().st_size and not index.read_bytes().endswith(b"\n"):
        with index.open("ab") as file:
            file.write(b"\n")
