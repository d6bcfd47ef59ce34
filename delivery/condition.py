"""The platform's state in one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from delivery.figures import PATIENCE, PoolTrouble


@dataclass(frozen=True, slots=True)
class Condition:
    """What the sentence is made of: counts of pools, mailings and late deliveries."""

    pools: int
    under_way: int
    held: int
    waiting_long: int
    troubles: Sequence[PoolTrouble] = field(default_factory=tuple)

    @property
    def is_well(self) -> bool:
        return self.pools > 0 and not self.troubles and not self.held and not self.waiting_long

    def __str__(self) -> str:
        """Always the same three facts, the pools first."""
        parts = [self._pools(), self._mailings(), self._waiting()]
        return _("%(pools)s; %(mailings)s; %(waiting)s.") % {
            "pools": parts[0], "mailings": parts[1], "waiting": parts[2]
        }  # fmt: skip

    def _pools(self) -> str:
        if not self.pools:
            return _("There is no pool yet")
        if not self.troubles:
            return ngettext("The only pool is clean", "All %(n)s pools are clean", self.pools) % {
                "n": self.pools
            }
        names = _(", ").join(_trouble(item) for item in self.troubles)
        return _("%(bad)s of %(n)s pools cannot send: %(names)s") % {
            "bad": len(self.troubles), "n": self.pools, "names": names
        }  # fmt: skip

    def _mailings(self) -> str:
        words = ngettext("%(n)s mailing under way", "%(n)s mailings under way", self.under_way) % {
            "n": self.under_way
        }
        if not self.held:
            return words
        return _("%(mailings)s, %(held)s of them held") % {"mailings": words, "held": self.held}

    def _waiting(self) -> str:
        minutes = int(PATIENCE.total_seconds() // 60)
        return ngettext(
            "%(n)s delivery waiting longer than %(minutes)s minutes",
            "%(n)s deliveries waiting longer than %(minutes)s minutes",
            self.waiting_long,
        ) % {"n": self.waiting_long, "minutes": minutes}


def _trouble(item: PoolTrouble) -> str:
    words = _("%(name)s (frozen)") if item.is_frozen else _("%(name)s (no active IP)")
    return words % {"name": item.name}
