"""The states of a listing, and the moves between them. CONTRIBUTING draws them."""

from collections.abc import Mapping
from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _


class ListingState(models.TextChoices):
    CLEAR = "clear", _("clear")  # nothing speaks against it
    SUSPECTED = "suspected", _("suspected")  # one source says so, and is being asked again
    LISTED = "listed", _("listed")  # confirmed
    CLEARING = "clearing", _("clearing")  # answers are clean again, not for long enough


class Channel(models.TextChoices):
    """How a sign came to us."""

    DNS = "dns", _("query of the list")
    SMTP = "smtp", _("replies of receivers")
    PERSON = "person", _("a person")


MOVES: Final[Mapping[ListingState, frozenset[ListingState]]] = {
    ListingState.CLEAR: frozenset({ListingState.SUSPECTED}),
    # suspected -> clear: answers stayed clean and replies ceased
    ListingState.SUSPECTED: frozenset({ListingState.LISTED, ListingState.CLEAR}),
    ListingState.LISTED: frozenset({ListingState.CLEARING}),
    # clearing -> listed: it is back before the time was over
    ListingState.CLEARING: frozenset({ListingState.CLEAR, ListingState.LISTED}),
}
