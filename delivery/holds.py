"""Why mail waits: routes, pauses, used-up warm-up allowances, customers' limits. Reads only."""

from collections.abc import Iterable
from datetime import datetime

from delivery import lanes, quotas, routing, slowdowns, warmup
from delivery.lanes import Closed
from delivery.models import Mailing, Pool
from delivery.routing import Hold, HoldReason, Table


def closed(table: Table, destinations: Iterable[str], *, now: datetime) -> Closed:
    """What may not send now, for the IPs of the table and these destinations."""
    ips = [ip.id for pool in table.pools.values() for ip in pool.ips]
    slugs = sorted(set(destinations))
    used = warmup.used_up([(ip, slug) for ip in ips for slug in slugs], now=now)
    paused = slowdowns.paused(now=now)
    return Closed(
        dict.fromkeys(used, HoldReason.WARM_UP) | dict.fromkeys(paused, HoldReason.RECEIVER),
        dict.fromkeys(quotas.used_up(now=now), HoldReason.CUSTOMER_LIMIT),
    )


def held(table: Table, *, now: datetime) -> dict[int, Hold]:
    """Mailing id -> why nothing of its due mail may go out now."""
    mailings = lanes.active()
    pairs = lanes.due(mailings, now=now)
    shut = closed(table, [destination for _, destination in pairs], now=now)
    return lanes.plan(mailings, pairs, table, shut)[1]


def route_of(mailing: Mailing, *, now: datetime) -> Pool | Hold:
    """The pool that carries it now, or why it waits."""
    table = routing.table()
    needs = routing.Needs(tls=mailing.needs_tls, attachments=mailing.attachments.exists())
    route = table.route(mailing.customer_id, needs)
    if isinstance(route, Hold):
        return route
    return held(table, now=now).get(mailing.pk) or Pool.objects.get(pk=route.id)
