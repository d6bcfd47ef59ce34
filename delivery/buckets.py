"""Token buckets for messages per second and recipients per hour, shared by all workers.

Over any time T no more than rate x T goes out, and one burst: a quarter of a second's messages, a
hundredth of an hour's recipients. A bucket that was lost begins empty.
"""

from dataclasses import dataclass

from delivery import scripts

KEY = "hatobin:bucket:"


@dataclass(frozen=True, slots=True)
class Rate:
    """What may leave; None: no limit."""

    per_second: float | None = None
    per_hour: int | None = None

    @property
    def is_limited(self) -> bool:
        return self.per_second is not None or self.per_hour is not None

    @property
    def sustained(self) -> float:
        """Messages per second in the long run; infinite without a limit."""
        hourly = float("inf") if self.per_hour is None else self.per_hour / 3600
        return min(hourly, float("inf") if self.per_second is None else self.per_second)


@dataclass(frozen=True, slots=True)
class Taken:
    """`count` messages may go now; when 0, the next one in `wait` seconds."""

    count: int
    wait: float


def take(*, name: str, rate: Rate, wanted: int, urgent: bool = False) -> Taken:
    """Take up to `wanted`. What is urgent goes before others that take from the same bucket."""
    count, wait = scripts.run(
        "bucket",
        keys=[KEY + name],
        args=[rate.per_second or 0, rate.per_hour or 0, wanted, int(urgent)],
    )
    return Taken(int(count), float(wait))


def give_back(*, name: str, rate: Rate, count: int) -> None:
    """What was taken and not used."""
    take(name=name, rate=rate, wanted=-count)
