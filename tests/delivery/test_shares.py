"""Who gets how much of a batch."""

from datetime import UTC, datetime

import pytest

from delivery import shares
from delivery.lanes import Active
from delivery.routing import Needs

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def mailing(number: int, customer: int) -> Active:
    return Active(number, customer, True, Needs(), NOW, 1)


def of(*owners: int, weights: dict[int, int] | None = None, limit: int = 200, chance: float = 0.5):
    mailings = [mailing(number, owner) for number, owner in enumerate(owners, start=1)]
    return shares.of_mailings(mailings, weights=weights or {}, limit=limit, chance=chance)


def test_one_mailing_gets_all() -> None:
    assert of(1) == {1: 200}
    assert of() == {}


def test_customers_share_by_weight_whatever_their_number_of_mailings() -> None:
    assert of(1, 2) == {1: 100, 2: 100}
    assert of(1, 2, 2, 2, 2) == {1: 100, 2: 25, 3: 25, 4: 25, 5: 25}
    assert of(1, 2, weights={1: 10, 2: 30}) == {1: 50, 2: 150}
    assert of(1, 2, 2, weights={1: 10, 2: 30}, limit=8) == {1: 2, 2: 3, 3: 3}


@pytest.mark.parametrize("chance", [0.0, 0.3, 0.99])
def test_a_batch_is_given_away_whole_and_never_more(chance: float) -> None:
    assert sum(of(1, 2, 3, chance=chance).values()) == 200
    assert sum(of(*range(1000), chance=chance).values()) == 200


def test_with_more_customers_than_places_chance_lets_all_have_their_turn() -> None:
    seen = set()
    for step in range(10):
        seen |= set(of(*range(1, 11), limit=1, chance=step / 10))
    assert len(seen) >= 9
