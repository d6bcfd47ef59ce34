"""The tables of moves: what is final stays, and CONTRIBUTING draws just these arrows."""

import re
from pathlib import Path

import pytest

from delivery.states import DELIVERY_MOVES, FINAL, MAILING_MOVES, DeliveryState, MailingState

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"


def test_every_delivery_state_has_its_moves_and_final_ones_have_none() -> None:
    assert set(DELIVERY_MOVES) == set(DeliveryState)
    final = {state for state, targets in DELIVERY_MOVES.items() if targets <= FINAL - {state}}
    assert final == FINAL


def test_every_mailing_state_has_its_moves() -> None:
    assert set(MAILING_MOVES) == set(MailingState)


@pytest.mark.parametrize(
    ("heading", "moves"), [("Delivery", DELIVERY_MOVES), ("Mailing", MAILING_MOVES)]
)
def test_contributing_draws_the_moves(heading: str, moves: dict[str, frozenset[str]]) -> None:
    text = CONTRIBUTING.read_text(encoding="utf-8")
    diagram = text.partition(f"#### {heading} states")[2].partition("```mermaid")[2]
    drawn = set(re.findall(r"^\s*(\w+) --> (\w+)", diagram.partition("```")[0], re.MULTILINE))
    assert drawn == {(str(a), str(b)) for a, targets in moves.items() for b in targets}
