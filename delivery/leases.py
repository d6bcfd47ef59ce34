"""The lease of a claim: the time for which a worker holds rows, renewed while it works.

A worker that dies renews nothing, so its rows are due again within `settings.LEASE_SECONDS`. One
that is only slow keeps them, however long a receiver takes. One that cannot renew, because
PostgreSQL does not answer, begins no more letters: the rows may be another's soon.
"""

import time
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from delivery import claims


class Lease:
    """Over the deliveries of one claim, just made. Renewed by one thread, asked by others."""

    def __init__(self, *, token: str, ids: Sequence[int]) -> None:
        self.token = token
        self._ids = ids
        self._seconds = float(settings.LEASE_SECONDS)
        self._begun = time.monotonic()
        self._lapsed = False

    def holds(self) -> bool:
        """Whether letters may be begun. The last third is left for those that are on their way."""
        return not self._lapsed and time.monotonic() - self._begun < self._seconds * 2 / 3

    def due_in(self) -> float:
        """Seconds until it should be renewed: after a third, so that one failure is borne."""
        return max(0.0, self._begun + self._seconds / 3 - time.monotonic())

    def renew(self) -> None:
        """Prolong it from now on. Of a lapsed one this saves what nobody has taken yet."""
        begun = time.monotonic()
        self._lapsed = self._lapsed or begun - self._begun >= self._seconds
        until = timezone.now() + timedelta(seconds=self._seconds)
        claims.renew(ids=self._ids, token=self.token, until=until)
        self._begun = begun
