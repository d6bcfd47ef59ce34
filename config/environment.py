"""Reads settings from the environment: typed, with one clear sentence for each bad value.

Knows nothing of Django, so that it can speak before Django is loaded.
"""

import contextlib
import os
import secrets
import sys
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import NoReturn
from urllib.parse import parse_qs, urlsplit

from cryptography.fernet import Fernet, MultiFernet

TRUE_WORDS = ("1", "true", "yes", "on")
FALSE_WORDS = ("0", "false", "no", "off")
MIN_KEY = 32  # characters
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class BadSetting(Exception):
    """One environment variable cannot be used; the text is one sentence for the operator."""


def refuse(sentence: str) -> NoReturn:
    raise BadSetting(sentence)


def stop(sentence: str) -> NoReturn:
    """Ends the process with exit code 2: a traceback would bury the sentence that helps."""
    print(f"hatobin: {sentence}", file=sys.stderr, flush=True)
    raise SystemExit(2)


class Environment:
    """Typed readers over a mapping of variables; a bad value goes to `fail` as one sentence.

    An empty value counts as unset: compose and unit files pass `NAME=` to mean the default.
    """

    def __init__(
        self, variables: Mapping[str, str], *, fail: Callable[[str], NoReturn] = refuse
    ) -> None:
        self.variables = variables
        self.fail = fail

    def text(self, name: str, default: str = "") -> str:
        return self.variables.get(name, "").strip() or default

    def boolean(self, name: str, *, default: bool) -> bool:
        word = self.text(name).lower()
        if not word:
            return default
        if word not in TRUE_WORDS + FALSE_WORDS:
            self.reject(name, word, "true or false")
        return word in TRUE_WORDS

    def integer(
        self, name: str, default: int, *, minimum: int = 0, maximum: int = 2**31 - 1
    ) -> int:
        word = self.text(name)
        if not word:
            return default
        if not (word.isascii() and word.isdigit() and minimum <= int(word) <= maximum):
            self.reject(name, word, f"a whole number from {minimum} to {maximum}")
        return int(word)

    def duration(self, name: str, default: str) -> int:
        """Seconds, from a number with a unit: 30s, 5m, 72h, 3d."""
        return self._seconds(name, self.text(name, default))

    def durations(self, name: str, default: str) -> list[int]:
        """A comma-separated list of durations, in seconds."""
        return [self._seconds(name, item) for item in self.items(name, default.split(","))]

    def choice(self, name: str, default: str, *, choices: Iterable[str]) -> str:
        allowed = tuple(choices)
        word = self.text(name, default)
        if word not in allowed:
            self.reject(name, word, "one of " + ", ".join(allowed))
        return word

    def items(self, name: str, default: Iterable[str] = ()) -> list[str]:
        """A comma-separated list; blanks around the items are dropped."""
        word = self.text(name)
        return [part.strip() for part in word.split(",") if part.strip()] or list(default)

    def endpoints(self, name: str) -> list[tuple[str, int]]:
        """A comma-separated list of IP:port; an IPv6 address stands in brackets."""
        return [self._endpoint(name, item) for item in self.items(name)]

    def address(self, name: str, default: str, *, schemes: Iterable[str]) -> str:
        """A URL with one of the schemes and a host, and no query; its value is never shown."""
        value, allowed = self.text(name, default), tuple(schemes)
        if not value:
            self.fail(f"{name} is not set: expected an address such as {allowed[-1]}://host.")
        try:
            parts = urlsplit(value)
            fits = parts.scheme in allowed and bool(parts.hostname) and (parts.port or 1) > 0
            fits = fits and not (parts.query or parts.fragment or "@" in parts.netloc)
        except ValueError:
            fits = False
        if not fits:
            kinds = " or ".join(f"{scheme}://" for scheme in allowed)
            self.fail(
                f"{name} cannot be used: expected an address that begins with {kinds} and a host, "
                "without user, query or fragment."
            )
        return value

    def secret(self, name: str) -> str:
        """The value of NAME, or the contents of the file that NAME_FILE names; "" if neither."""
        path = self.text(f"{name}_FILE")
        if not path:
            return self.text(name)
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except UnicodeDecodeError:
            self.fail(f"{name}_FILE={path} cannot be read: it is not text.")
        except OSError as error:
            self.fail(f"{name}_FILE={path} cannot be read: {error.strerror}.")
        return value or self.fail(f"{name}_FILE={path} is empty: expected the secret in it.")

    def secrets(self, name: str) -> list[str]:
        """Like `secret`, of several values separated by commas."""
        return [part.strip() for part in self.secret(name).split(",") if part.strip()]

    def require_strong(self, name: str, keys: Iterable[str]) -> None:
        """Keys that sign need MIN_KEY characters; the sentence shows none of them."""
        for key in keys:
            if len(key) < MIN_KEY:
                self.fail(
                    f"{name} cannot be used: a key of {len(key)} characters can be guessed. Use "
                    f"{MIN_KEY} or more random characters."
                )

    def kept_secret(self, name: str, *, path: Path, make: Callable[[], str]) -> str:
        """Like `secret`; if unset, the one kept in `path` (mode 0600), made on first use."""
        value = self.secret(name)
        if value:
            return value
        try:
            if not path.exists():
                _write_once(path, make())
            return path.read_text(encoding="ascii").strip()
        except OSError as error:
            self.fail(
                f"{name} is not set and {path} cannot be written or read: {error.strerror}. "
                f"Make {path.parent} writable for this user, or set {name}."
            )

    def field_keys(self, text: str) -> list[str]:
        """Fernet keys separated by commas. They are secrets: the sentence shows none of them."""
        keys = [key.strip() for key in text.split(",")]
        try:
            MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            self.fail(
                "FIELD_KEY cannot be used: expected one or more Fernet keys (32 bytes, url-safe "
                "base64), separated by commas. `python -m config.fieldkey` makes one."
            )
        return keys

    def reject(self, name: str, value: str, expected: str) -> NoReturn:
        self.fail(f"{name}={value!r} cannot be used: expected {expected}.")

    def _seconds(self, name: str, item: str) -> int:
        number, unit = item[:-1], item[-1:]
        if not (number.isascii() and number.isdigit() and unit in UNITS and int(number)):
            self.reject(name, item, "a number with a unit: 30s, 5m, 72h or 3d")
        return int(number) * UNITS[unit]

    def _endpoint(self, name: str, item: str) -> tuple[str, int]:
        try:
            parts = urlsplit(f"//{item}")
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or not port or item.rstrip("]")[-1:] == "/" or "@" in item:
            self.reject(name, item, "IP:port, for example 127.0.0.1:5300 or [::1]:53")
        try:
            return str(ip_address(host)), port
        except ValueError:
            self.reject(name, item, "IP:port; a name would have to be looked up first")


def broker_address(redis_url: str) -> str:
    """Celery's way of writing a Redis address: unix:///path?db=3 is redis+socket:///path?...=3."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{parts.path}?virtual_host={database}"


def _write_once(path: Path, value: str) -> None:
    """Two processes that start at once agree: the file appears complete, and only one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(value + "\n")
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
