"""Servers that a test may break: PostgreSQL's connections are cut, Valkey is out of reach."""

from pathlib import Path

from django.db import connection


def cut_other_connections() -> int:
    """End every other session on the test database, as a restart of PostgreSQL would; how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


def nowhere(directory: Path) -> str:
    """The URL of a Valkey that does not run."""
    return f"unix://{directory / 'nobody.sock'}"
