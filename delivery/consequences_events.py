"""One thing that happened to a message, as counting and suppressing need it. A value only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from delivery.states import DeliveryState
from wire.replies import Party, Verdict

# What a complaint is counted as, beside the states of deliveries.
COMPLAINT = "complaint"
_FAILED = frozenset({DeliveryState.REFUSED, DeliveryState.EXPIRED, DeliveryState.BOUNCED})


@dataclass(frozen=True, slots=True)
class Event:
    """An attempt that ended, or a report that came in. `state` is the delivery's after it.

    `key` is the canonical address. An attempt has `attempt_id` only; a report has `report_id`, and
    the attempt it is about where that is known.
    """

    at: datetime
    customer_id: int
    delivery_id: int
    contact_id: int | None
    key: str
    destination: str
    pool_id: int | None
    ip_id: int | None
    source: str
    state: str
    judged: Verdict
    is_after_data: bool = False
    attempt_id: int | None = None
    report_id: int | None = None

    @property
    def is_accepted(self) -> bool:
        return self.state == DeliveryState.ACCEPTED

    @property
    def is_failure(self) -> bool:
        """The delivery ended here, without arriving."""
        return self.state in _FAILED

    @property
    def blames_recipient(self) -> bool:
        return self.is_failure and self.judged.blamed is Party.recipient

    @property
    def is_strike(self) -> bool:
        """Whether it speaks against mailing that address again."""
        return self.blames_recipient or self.state == COMPLAINT


def columns(events: Sequence[Event], *names: str) -> dict[str, list[object]]:
    """For `unnest`: name -> the values of all events; of the verdict's fields, too."""
    return {name: [_value(event, name) for event in events] for name in names}


def _value(event: Event, name: str) -> object:
    value = getattr(event, name) if hasattr(event, name) else getattr(event.judged, name)
    return str(value) if isinstance(value, Party) else value
