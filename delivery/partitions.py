"""Day partitions of deliveries, attempts and reports: made ahead, dropped when past retention."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

from django.db import connection, transaction

from delivery.ids import floor_of

PARTITIONED = ("delivery_delivery", "delivery_attempt", "delivery_report")
# One advisory lock keeps two workers from making the same partition at once.
_LOCK = 0x4841544F


def name_of(table: str, day: date) -> str:
    return f"{table}_{day:%Y%m%d}"


def bounds(day: date) -> tuple[int, int]:
    """[first, after-last) ids of a UTC day."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return floor_of(start), floor_of(start + timedelta(days=1))


def days(*, now: datetime, ahead: int) -> list[date]:
    """Yesterday to `ahead` days from now, in UTC: clocks may differ a little."""
    today = now.astimezone(UTC).date()
    return [today + timedelta(days=offset) for offset in range(-1, ahead + 1)]


def ensure(*, now: datetime, ahead: int, tables: Sequence[str] = PARTITIONED) -> list[str]:
    """Make the partitions that are missing; returns their names."""
    wanted = {name_of(table, day): (table, day) for table in tables
              for day in days(now=now, ahead=ahead)}  # fmt: skip
    missing = sorted(set(wanted) - set(existing()))
    if missing:
        _make(wanted[name] for name in missing)
    return missing


def existing() -> list[str]:
    """Names of the day partitions that are there."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT child.relname FROM pg_inherits"
            " JOIN pg_class child ON child.oid = inhrelid"
            " JOIN pg_class parent ON parent.oid = inhparent"
            " WHERE parent.relname = ANY(%s) AND child.relkind = 'r'",
            [list(PARTITIONED)],
        )
        return sorted(row[0] for row in cursor.fetchall())


def oldest() -> datetime:
    """The beginning of the oldest day of deliveries that is kept; now when there is none."""
    days = [name.rsplit("_", 1)[1] for name in existing() if name.startswith("delivery_delivery_")]
    first = min(days, default=f"{datetime.now(UTC):%Y%m%d}")
    return datetime.strptime(first, "%Y%m%d").replace(tzinfo=UTC)


@transaction.atomic
def _make(partitions: Iterable[tuple[str, date]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        for table, day in partitions:
            low, high = bounds(day)
            cursor.execute(
                f"CREATE TABLE IF NOT EXISTS {name_of(table, day)} PARTITION OF {table}"
                f" FOR VALUES FROM ({low}) TO ({high})"
            )


def expired(names: Iterable[str], *, today: date, keep_days: int) -> list[str]:
    """The partitions whose day is more than `keep_days` before today."""
    limit = f"{today - timedelta(days=keep_days):%Y%m%d}"
    return [name for name in names if name.rsplit("_", 1)[1] < limit]


def drop_expired(*, now: datetime, keep_days: int) -> list[str]:
    """Drop whole days past retention. Days that still hold open deliveries stay."""
    names = expired(existing(), today=now.astimezone(UTC).date(), keep_days=keep_days)
    dropped = []
    for name in names:
        with transaction.atomic(), connection.cursor() as cursor:
            if name.startswith("delivery_delivery_") and _has_open(name):
                continue
            cursor.execute(f"DROP TABLE IF EXISTS {name}")
            dropped.append(name)
    return dropped


def _has_open(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT EXISTS (SELECT 1 FROM {name}"  # noqa: S608 - the name is ours
            " WHERE state IN ('queued', 'deferred', 'sending'))"
        )
        return bool(cursor.fetchone()[0])
