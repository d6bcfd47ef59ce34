"""Time-ordered ids: 31 bits of seconds since 2026-01-01 UTC, then 32 bits of a sequence.

The big tables are partitioned by day of this id, so one bigint is primary key, partition key and
clock. The same arithmetic stands in SQL in the first migration (`hatobin_id`).
"""

from datetime import UTC, datetime, timedelta

from django.db import models
from django.db.models import Func, Value

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
SEQUENCE_BITS = 32


class NextId(Func):
    """The database default of an id column: the next id of the named sequence."""

    function = "hatobin_id"
    output_field = models.BigIntegerField()

    def __init__(self, sequence: str) -> None:
        super().__init__(Value(sequence))


def floor_of(at: datetime) -> int:
    """The smallest id that can be given at `at` or later."""
    return max(0, int((at - EPOCH).total_seconds())) << SEQUENCE_BITS


def time_of(identity: int) -> datetime:
    """When an id was given, to the second."""
    return EPOCH + timedelta(seconds=identity >> SEQUENCE_BITS)
