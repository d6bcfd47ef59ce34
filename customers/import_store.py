"""The one transaction of an import: sorted lines become contacts of a list.

A list without contacts takes them by COPY in the order of its unique index, which is several
times as fast as INSERT or a random order. Otherwise they go to a temporary table first, for the
known ones have to be told from the new ones.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from django.db import connection
from django.db.backends.utils import CursorWrapper

from customers.csv_reading import Header
from customers.import_rejections import Rejection, RejectionSpool
from customers.import_rows import distinct
from customers.models import ContactStatus, ImportBatch, RecipientList, SuppressionReason

# What a socket's buffer holds at once: so the server works on one piece while we make the next.
_PIECE: Final = 500  # rows

_COLUMNS: Final = (
    "recipient_list_id, customer_id, basis, status, batch_id, created_at,"
    " key, address, domain, attributes"
)
# The name is the session's own, and no table of the schema has it.
_INCOMING: Final = f"""
CREATE TEMPORARY TABLE incoming ON COMMIT DROP AS
SELECT {_COLUMNS} FROM customers_contact WITH NO DATA
"""  # noqa: S608  our own words
_UPDATE: Final = """
UPDATE customers_contact c
SET attributes = c.attributes || i.attributes,
    basis = CASE WHEN c.basis = 'unknown' THEN i.basis ELSE c.basis END
FROM incoming i
WHERE c.recipient_list_id = %s AND c.key = i.key AND (
    c.attributes || i.attributes <> c.attributes
    OR (c.basis = 'unknown' AND i.basis <> 'unknown'))
"""
_INSERT: Final = f"""
INSERT INTO customers_contact ({_COLUMNS})
SELECT {_COLUMNS} FROM incoming i
WHERE NOT EXISTS (
    SELECT FROM customers_contact c WHERE c.recipient_list_id = %s AND c.key = i.key)
ORDER BY key
"""  # noqa: S608  our own words
_UNSUBSCRIBE: Final = """
UPDATE customers_contact c SET status = %s
FROM customers_suppression s
WHERE s.key = c.key AND s.reason = %s AND (s.customer_id = %s OR s.customer_id IS NULL)
    AND s.lifted_at IS NULL AND c.recipient_list_id = %s AND c.status <> %s
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """Rows by what became of them."""

    added: int
    updated: int
    duplicates: int


def store(
    *,
    batch: ImportBatch,
    lines: Iterator[bytes],
    header: Header,
    spool: RejectionSpool,
    now: datetime,
) -> Stored:
    """Put sorted lines (customers.import_rows) into the batch's list. Call it in a transaction.

    Known contacts get the new attributes over the old, and the basis if none was recorded; their
    status stays. Whoever unsubscribed from this customer comes in as unsubscribed.
    """
    found = lock(batch.recipient_list_id)
    before = spool.count

    def reject(row: int, address: str) -> None:
        spool.add(Rejection(row, header.address_name, address, "duplicate"))

    rows = distinct(lines, reject)
    prefix = _prefix(batch, found, now)
    if found.contacts.exists():
        added, updated = _merge(rows, prefix, found.pk)
    else:
        added, updated = _copy("customers_contact", rows, prefix), 0
    _keep_unsubscribed(found)
    if added or updated:  # a header alone gives no contact a field
        _add_fields(found, header.fields)
    return Stored(added, updated, spool.count - before)


def lock(list_id: int) -> RecipientList:
    """The list, to which nobody else adds contacts until the transaction ends.

    Two who add the same address at once would else meet at the unique constraint.
    """
    return RecipientList.objects.select_for_update(no_key=True).get(pk=list_id)


def _add_fields(found: RecipientList, names: Sequence[str]) -> None:
    found.fields = [*found.fields, *(name for name in names if name not in found.fields)]
    found.save(update_fields=["fields"])


def _prefix(batch: ImportBatch, found: RecipientList, now: datetime) -> bytes:
    constant = (
        found.pk, found.customer_id, batch.basis, ContactStatus.ACTIVE, batch.pk, now.isoformat()
    )  # fmt: skip
    return "".join(f"{value}\t" for value in constant).encode()


def _copy(table: str, rows: Iterator[bytes], prefix: bytes) -> int:
    count, between = 0, b"\n" + prefix
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({_COLUMNS}) FROM STDIN") as copy,
    ):
        while piece := list(islice(rows, _PIECE)):
            copy.write(prefix + between.join(piece) + b"\n")
            count += len(piece)
    return count


def _merge(rows: Iterator[bytes], prefix: bytes, list_id: int) -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(_INCOMING)
        _copy("incoming", rows, prefix)
        cursor.execute("ANALYZE incoming")
        updated = _changed(cursor, _UPDATE, [list_id])
        added = _changed(cursor, _INSERT, [list_id])
        cursor.execute("DROP TABLE incoming")
    return added, updated


def _keep_unsubscribed(found: RecipientList) -> None:
    ended = ContactStatus.UNSUBSCRIBED
    with connection.cursor() as cursor:
        _changed(
            cursor,
            _UNSUBSCRIBE,
            [ended, SuppressionReason.UNSUBSCRIBED, found.customer_id, found.pk, ended],
        )


def _changed(cursor: CursorWrapper, statement: str, parameters: list[int | str]) -> int:
    cursor.execute(statement, parameters)
    return int(cursor.rowcount)
