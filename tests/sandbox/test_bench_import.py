"""The benchmark of imports: its file, its verdict, and the whole command on its own instance."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from customers.models import Contact, ImportBatch
from sandbox.bench import contact_files, contact_import, throwaway
from sandbox.bench.contact_files import Expected
from sandbox.bench.result import Result

EXPECTED = Expected(rows=10, distinct=7, duplicates=2, rejected=1)
RIGHT = {
    "state": "done",
    "rows_read": 10,
    "added": 7,
    "duplicates": 2,
    "rejected": 1,
    "bytes_total": 700,
}


def judged(*, seconds: float = 3.0, stored: int = 7, **changes: object) -> Result:
    return contact_import.judge(
        batch=ImportBatch(**(RIGHT | changes)),
        expected=EXPECTED,
        stored=stored,
        seconds={"plain": 0.5, "constrained": 1.0, "import": seconds},
        peak_mb=99.6,
    )


def test_the_file_has_the_faults_that_it_is_said_to_have(tmp_path):
    path, distinct = tmp_path / "all.csv", tmp_path / "distinct.csv"
    expected = contact_files.write(path, distinct=distinct, rows=3000, seed=7)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    with distinct.open(encoding="utf-8", newline="") as file:
        good = {row[0] for row in list(csv.reader(file))[1:]}
    assert len(rows) == expected.rows == 3000
    assert sum(row[0].lower() in good for row in rows) == expected.distinct + expected.duplicates
    assert len(good) == expected.distinct
    assert min(expected.duplicates, expected.rejected) > 0


def test_a_seed_gives_the_same_file_again(tmp_path):
    path: Path = tmp_path / "all.csv"

    def made(seed: int) -> bytes:
        contact_files.write(path, distinct=tmp_path / "d.csv", rows=200, seed=seed)
        return path.read_bytes()

    assert made(1) == made(1) != made(2)


def test_three_times_a_bare_copy_is_good_enough():
    result = judged(seconds=3.0)
    assert result.ok
    assert result.figures["ratio_to_constrained_copy"] == 3.0
    assert result.figures["ratio_to_plain_copy"] == 6.0
    assert result.figures["import_rows_per_second"] == 3
    assert json.loads(result.as_json("import"))["ok"] is True


@pytest.mark.parametrize(
    "changes",
    [{"seconds": 3.01}, {"stored": 6}, {"added": 6}, {"rejected": 2}, {"state": "failed"}],
)
def test_a_slow_or_wrong_import_is_not(changes):
    assert not judged(**changes).ok


def test_wrong_counts_are_explained():
    result = judged(state="failed", failure="Row 3 is broken.")
    assert result.lines[-1].endswith("the import is failed. Row 3 is broken.")


@pytest.mark.django_db
def test_all_three_are_measured(tmp_path, settings):
    settings.VAR_DIR = tmp_path
    result = contact_import.run({"rows": 1000, "seed": 1})
    assert result.figures["counts_right"] is True
    assert result.figures["added"] == Contact.objects.count()
    assert not [name for name in connection.introspection.table_names() if "bench" in name]


def test_the_process_that_measures_knows_no_database_of_the_user():
    found = {"DATABASE_URL": "postgresql://theirs", "REDIS_URL_FILE": "/x", "PATH": "/bin"}
    made = throwaway.environment(found, Path("/tmp/x"))
    assert made["VAR_DIRECTORY"] == "/tmp/x"
    assert made["PATH"] == "/bin"
    assert not {"DATABASE_URL", "REDIS_URL_FILE"} & set(made)


def test_data_kept_beside_the_directory_go_with_it(tmp_path):
    var, beside = tmp_path / "var", tmp_path / "beside"
    (beside / "postgres").mkdir(parents=True)
    var.mkdir()
    (var / "postgres").symlink_to(beside / "postgres")
    throwaway.remove(var)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_benchmark_is_refused():
    with pytest.raises(CommandError, match="invalid choice: 'nonsense'"):
        call_command("bench", "nonsense")


@pytest.mark.scenario
def test_the_command_measures_on_an_instance_of_its_own(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "manage.py", "bench", "import", "--rows", "2000", "--json"],
        cwd=settings.BASE_DIR,
        env=environment | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["counts_right"] is True, done.stderr
    assert done.returncode == (0 if figures["ok"] else 1)
    assert list(tmp_path.glob("hatobin-bench-*")) == []
