"""Who gets how much of a lane's batch: customers by weight, a customer's mailings alike. Pure."""

from collections.abc import Mapping, Sequence

from delivery.lanes import Active

DEFAULT_WEIGHT = 10


def of_mailings(
    mailings: Sequence[Active], *, weights: Mapping[int, int], limit: int, chance: float
) -> dict[int, int]:
    """Mailing id -> how many may be claimed for it; in all at most `limit`.

    `mailings` are those with due mail in the lane; `chance` in [0, 1) decides who begins, so that
    with more customers than places all get their turn.
    """
    by_customer: dict[int, list[Active]] = {}
    for mailing in mailings:
        by_customer.setdefault(mailing.customer_id, []).append(mailing)
    found: dict[int, int] = {}
    for customer_id, places in of_customers(
        list(by_customer), weights=weights, limit=limit, chance=chance
    ).items():
        own = by_customer[customer_id]
        for mailing, part in zip(own, _parts([1] * len(own), places, chance), strict=True):
            found[mailing.id] = part
    return {mailing_id: part for mailing_id, part in found.items() if part}


def of_customers(
    customers: Sequence[int], *, weights: Mapping[int, int], limit: int, chance: float
) -> dict[int, int]:
    """Customer id -> places of a batch of `limit`, by weight."""
    own = [max(1, weights.get(customer, DEFAULT_WEIGHT)) for customer in customers]
    return dict(zip(customers, _parts(own, limit, chance), strict=True))


def _parts(weights: Sequence[int], limit: int, chance: float) -> list[int]:
    """`limit` divided by weight; what remains goes round from a random place."""
    total, passed, given, parts = sum(weights), 0, 0, []
    for weight in weights:
        passed += weight
        until = int(limit * passed / total + chance)
        parts.append(until - given)
        given = until
    return parts
