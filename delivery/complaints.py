"""What receivers say about our pace during one batch, and what follows from it.

A named group is slowed down as a whole, per IP. In the group "other" only the domain that
complained is: it gets a lane of its own.
"""

from collections.abc import Callable
from datetime import datetime

from delivery import slowdowns
from delivery.destinations import OTHER
from wire.outcomes import Outcome, Phase, Verdict

# Where no rate is set and the measured one is higher, slowing down begins here: KumoMTA's default
# rate to a site (assets/policy-extras/shaping.toml).
HIGHEST_RATE = 100.0
# Receivers slow down hosts that they mistrust: "temporarily deferred due to user complaints".
ABOUT_PACE = frozenset({"rate-limit", "ip-reputation"})


class Complaints:
    """Collects in the loop, without a query; `settle` acts when the batch is over."""

    def __init__(self, *, ip_id: int, destination: str, stop: Callable[[], None]) -> None:
        self._ip_id = ip_id
        self._destination = destination
        self._stop = stop
        self._first: tuple[str, Outcome] | None = None
        self._tried = 0
        self._shut = 0
        self._last_shut: Outcome | None = None

    def hear(self, *, domain: str, category: str, outcome: Outcome) -> None:
        """One outcome; the first request to slow down ends the batch."""
        self._tried += 1
        if category in ABOUT_PACE and outcome.verdict is not Verdict.accepted:
            if self._first is None:
                self._first = (domain.lower(), outcome)
                self._stop()
        elif outcome.reason == "connection-refused" or (
            outcome.reason == "connection-lost" and outcome.phase in (Phase.connect, Phase.banner)
        ):
            self._shut += 1
            self._last_shut = outcome

    def settle(self, *, rate: float | None, seconds: float, now: datetime) -> str | None:
        """Slow down or pause the lane. The domain that got a lane of its own, or None.

        `rate` is what was allowed per second; None: what went in `seconds` counts.
        """
        measured = min(HIGHEST_RATE, self._tried / max(0.1, seconds))
        if self._first is not None:
            return self._slow_down(measured if rate is None else rate, now)
        if self._shut and self._shut == self._tried and self._destination != OTHER:
            assert self._last_shut is not None
            slowdowns.pause(
                ip_id=self._ip_id,
                destination=self._destination,
                reason=self._last_shut.reason,
                reply="",
                now=now,
            )
        return None

    def _slow_down(self, rate: float, now: datetime) -> str | None:
        assert self._first is not None
        domain, outcome = self._first
        alone = self._destination == OTHER
        slowdowns.halve(
            ip_id=self._ip_id,
            destination=domain if alone else self._destination,
            rate=rate,
            reason="rate-limit",
            reply=f"{outcome.reply.code} {outcome.reply.text}" if outcome.reply else "",
            now=now,
        )
        return domain if alone else None
