"""Carries many letters from one source: to the hosts of their domains, or to one relay."""

import asyncio
from collections.abc import Callable, Sequence

from wire.dns import Resolver
from wire.letters import Letter, Policy, Relay, Source
from wire.orders import Orders
from wire.outcomes import Outcome
from wire.places import Terms
from wire.rounds import Round
from wire.security import Contexts
from wire.sts import Policies


class Courier:
    """One source on one policy. May be used for many rounds, also of several event loops.

    `contexts` spares the making of new ones; without `policies` MTA-STS is not asked for.
    """

    def __init__(
        self,
        *,
        resolver: Resolver,
        source: Source,
        policy: Policy,
        relay: Relay | None = None,
        contexts: Contexts | None = None,
        policies: Policies | None = None,
    ) -> None:
        self._terms = Terms(resolver, source, policy, relay, contexts or Contexts(), policies)

    async def carry(
        self,
        letters: Sequence[Letter],
        *,
        report: Callable[[Letter, Outcome], None],
        may_continue: Callable[[], bool],
        may_hand_over: Callable[[], bool] | None = None,
    ) -> list[Letter]:
        """Deliver; `report` is called once for each letter, as soon as its outcome is known.

        `may_continue` is asked before each letter is taken up; once it says no, connections are
        closed and the letters not tried are returned. `may_hand_over`, the same if not given, is
        asked again before a message goes out, which with a slow host may be minutes later: once it
        says no, the letters that were taken up come back too. What one of them raises ends the
        round at once, in an ExceptionGroup; a letter then on the wire may have no report.
        """
        orders = Orders(
            report=report,
            may_continue=may_continue,
            may_hand_over=may_hand_over or may_continue,
            pace=self._terms.policy.pace,
        )
        trip = Round(self._terms, orders)
        trip.sort(letters)
        async with asyncio.TaskGroup() as crew:
            for _ in range(min(self._terms.policy.max_sessions, len(letters))):
                crew.create_task(trip.work())
        # Sockets close in the next turn of the loop, which may be its last.
        await asyncio.sleep(0)
        return trip.left_over()
