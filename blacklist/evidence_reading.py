"""Reading the replies that workers have recorded: what is new since the last look."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from blacklist.evidence import SPEAKS_OF_LISTS, Said
from delivery.ids import floor_of

# An attempt gets its id when the letter is claimed, and its reply much later at slow hosts.
SLOWEST_REPLY: Final = timedelta(hours=1)

_LAST: Final = "SELECT COALESCE(max(id), 0) FROM delivery_listingevidence"
_READ: Final = """
SELECT e.category, e.matched_list, e.resource, e.source, COALESCE(d.name, ''), e.destination,
    COALESCE(a.mx_host, ''), e.at, count(*), max(e.lookup_url)
FROM delivery_listingevidence e
LEFT JOIN delivery_attempt a ON a.id = e.attempt_id AND a.id >= %(floor)s
LEFT JOIN delivery_pool p ON p.id = e.pool_id
LEFT JOIN delivery_sendingdomain d ON d.id = p.domain_id
WHERE e.id > %(after)s AND e.id <= %(last)s AND e.at >= %(since)s AND e.category = ANY(%(of)s)
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """What was read, and the id behind which the next look begins."""

    replies: list[Said]
    last_id: int


def read(*, after: int, since: datetime) -> Batch:
    """Replies that speak of lists, recorded with an id above `after` and not before `since`.

    Ids are given before the commit: what is committed late may be passed by. So the reader begins
    anew, with `after` 0, every while.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LAST)
        last = int(cursor.fetchone()[0])
        if last <= after:
            return Batch([], after)
        parameters: dict[str, Any] = {
            "after": after,
            "last": last,
            "since": since,
            "of": sorted(SPEAKS_OF_LISTS),
            "floor": floor_of(since - SLOWEST_REPLY),
        }
        cursor.execute(_READ, parameters)
        return Batch([Said(*row) for row in cursor.fetchall()], last)
