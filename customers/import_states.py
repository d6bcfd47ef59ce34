"""The states of an import, and the one way from one to the next."""

from typing import Any, Final

from customers.models import ImportBatch, ImportState

MOVES: Final = {
    ImportState.WAITING: {ImportState.READING, ImportState.FAILED},
    # To itself: a worker died, and another begins again.
    ImportState.READING: {ImportState.READING, ImportState.STORING, ImportState.FAILED},
    # Back to reading: a worker died, and its transaction with it.
    ImportState.STORING: {ImportState.READING, ImportState.DONE, ImportState.FAILED},
    ImportState.DONE: set(),
    ImportState.FAILED: set(),
}


class WrongState(Exception):
    """The import has moved on meanwhile; nothing was changed."""


def move(batch: ImportBatch, to: ImportState, **columns: Any) -> None:
    """Change the state, and other columns with it. Raises WrongState."""
    sources = [state for state, targets in MOVES.items() if to in targets]
    rows = ImportBatch.objects.filter(pk=batch.pk, state__in=sources)
    if not rows.update(state=to, **columns):
        raise WrongState(f"Import {batch.pk} cannot become {to}: it has ended, or was deleted.")
