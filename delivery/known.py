"""What a worker knows of routes, limits, pools and keys at one route epoch.

Read as one, so that a batch and its watch speak of the same state; a new epoch makes a new one.
"""

from dataclasses import dataclass, field
from functools import cached_property

from delivery import composition, facts, routing, verdicts
from delivery.models import Pool
from wire import dkim


@dataclass
class Known:
    """Shared by threads: nothing is changed, only read on first use."""

    epoch: str
    table: routing.Table
    _pools: dict[int, Pool] = field(default_factory=dict)
    _signers: dict[int, tuple[dkim.Signer, ...]] = field(default_factory=dict)

    @cached_property
    def facts(self) -> facts.Facts:
        """Limits, shares and warm-ups."""
        return facts.read()

    def pool(self, pool_id: int) -> Pool:
        """With its domain and its relay."""
        if pool_id not in self._pools:
            self._pools[pool_id] = Pool.objects.select_related("domain", "relay").get(pk=pool_id)
        return self._pools[pool_id]

    def signers(self, pool_id: int) -> tuple[dkim.Signer, ...]:
        """The DKIM signers of a pool's domain, keys parsed once."""
        if pool_id not in self._signers:
            self._signers[pool_id] = composition.signers(self.pool(pool_id).domain)
        return self._signers[pool_id]


def read(epoch: str) -> Known:
    """The state of now; `epoch` was read before, so that a change in between is noticed."""
    verdicts.refresh()
    return Known(epoch, routing.table())
