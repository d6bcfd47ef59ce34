"""Turning a mailing's recipients into deliveries, in one statement on the server.

Given recipients come in by COPY when the mailing is made; lists are read in place, so that a
million contacts never travel to Python and back.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from customers import suppressions
from delivery.destinations import REMEMBERED
from delivery.drafts import BUILT_IN_FIELDS, Given
from delivery.models import Mailing, MailingKind
from wire.addresses import Address


@dataclass(frozen=True, slots=True)
class Expansion:
    """What `expand` wrote. `first`/`last` are delivery ids, None when there were none."""

    handed_in: int
    duplicates: int
    suppressed: int
    first: int | None
    last: int | None


def store_given(*, mailing_id: int, given: Sequence[Given], addresses: Sequence[Address]) -> None:
    """COPY the recipients given with a mailing to where release finds them."""
    columns = "(mailing_id, address, key, domain, fields)"
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY delivery_mailingrecipient {columns} FROM STDIN") as copy,
    ):
        for recipient, address in zip(given, addresses, strict=True):
            fields = json.dumps(dict(recipient.fields), ensure_ascii=False)
            copy.write_row((mailing_id, address.text, address.key, address.domain, fields))


_SOURCES = """
    SELECT key, NULL::bigint AS contact_id, address, domain, fields AS attributes
    FROM delivery_mailingrecipient WHERE mailing_id = %(mailing)s
    UNION ALL
    SELECT key, id, address, domain, attributes
    FROM customers_contact WHERE recipient_list_id = ANY(%(lists)s)
"""

# Put together from the constants of this module only.
_OFFERED = f"SELECT count(*) FROM ({_SOURCES}) s"  # noqa: S608
_DISTINCT = f"SELECT DISTINCT ON (key) * FROM ({_SOURCES}) s ORDER BY key, contact_id"  # noqa: S608

_EXPAND = """
WITH recipient AS ({recipients}),
-- A domain that stands in two groups is of the first: it must not double its recipients.
grouped AS (
    SELECT DISTINCT ON (domain) domain, slug
    FROM delivery_destination, unnest(domains) AS domain ORDER BY domain, id
),
written AS (
    INSERT INTO delivery_delivery (mailing_id, customer_id, contact_id, address, domain,
        destination, fields, state, reason, attempts, next_attempt_at, claimed_by,
        queued_at, finished_at)
    SELECT %(mailing)s, %(customer)s, r.contact_id, r.address, r.domain,
        COALESCE(g.slug, f.destination, 'other'), {fields},
        CASE WHEN s.reason IS NULL THEN 'queued' ELSE 'suppressed' END,
        COALESCE(s.reason, ''), 0, %(now)s, '', %(now)s,
        CASE WHEN s.reason IS NULL THEN NULL ELSE %(now)s END
    FROM recipient r
    LEFT JOIN grouped g ON g.domain = r.domain
    LEFT JOIN delivery_domaingroup f ON f.domain = r.domain AND f.seen_at > %(remembered)s
    LEFT JOIN LATERAL (
        SELECT reason FROM customers_suppression x
        WHERE x.key = r.key AND (x.customer_id = %(customer)s OR x.customer_id IS NULL)
          AND x.lifted_at IS NULL AND (x.expires_at IS NULL OR x.expires_at > %(now)s)
          AND x.reason <> ALL(%(spared)s)
        LIMIT 1
    ) s ON true
    RETURNING id, state
)
SELECT count(*), count(*) FILTER (WHERE state = 'suppressed'), min(id), max(id) FROM written
"""


def expand(*, mailing: Mailing, used_fields: frozenset[str], now: datetime) -> Expansion:
    """Write one delivery for each distinct recipient. Call inside a transaction."""
    lists = list(mailing.lists.values_list("id", flat=True))
    params: dict[str, Any] = {
        "mailing": mailing.pk,
        "customer": mailing.customer_id,
        "lists": lists,
        "now": now,
        "remembered": now - REMEMBERED,
        "spared": sorted(suppressions.spared(is_bulk=mailing.kind == MailingKind.BULK)),
    }
    fields, names = _fields(used_fields)
    with connection.cursor() as cursor:
        cursor.execute(_OFFERED, params)
        offered = cursor.fetchone()[0]
        statement = _EXPAND.format(recipients=_DISTINCT, fields=fields)
        cursor.execute(statement, params | names)
        written, suppressed, first, last = cursor.fetchone()
        cursor.execute("DELETE FROM delivery_mailingrecipient WHERE mailing_id = %s", [mailing.pk])
    return Expansion(written, offered - written, suppressed, first, last)


def _fields(used: frozenset[str]) -> tuple[str, dict[str, str]]:
    """SQL that keeps only the merge fields in use, and its parameters."""
    names = sorted(used - BUILT_IN_FIELDS)
    if not names:
        return "'{}'::jsonb", {}
    params = {f"field{number}": name for number, name in enumerate(names)}
    pairs = ", ".join(f"%({key})s::text, r.attributes->>%({key})s::text" for key in params)
    return f"jsonb_strip_nulls(jsonb_build_object({pairs}))", params
