"""Short hand for courier tests: make letters, carry them, keep the outcomes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from wire.courier import Courier
from wire.dns import Resolver
from wire.letters import Letter, Policy, Relay, Source
from wire.outcomes import Outcome
from wire.security import Contexts
from wire.sts import Policies

MESSAGE = b"Subject: hello\r\nMessage-ID: <1@sender.example>\r\n\r\nHello.\r\n"
SOURCE = Source("127.0.1.5", "mta1.sender.example")


def letter(recipient: str = "a@shop.example", *, message: bytes = MESSAGE, **changes) -> Letter:
    given = {
        "key": 1,
        "sender": "bounce@sender.example",
        "recipient": recipient,
        "domain": recipient.rpartition("@")[2],
        "build": lambda: message,
    }
    return Letter(**{**given, **changes})


def letters(count: int, domain: str = "shop.example", **changes) -> list[Letter]:
    return [letter(f"u{n}@{domain}", key=n, **changes) for n in range(count)]


@dataclass
class Post:
    """What came of it: outcomes by recipient, in the order of reports, and what was left."""

    reported: list[tuple[str, Outcome]] = field(default_factory=list)
    left: list[Letter] = field(default_factory=list)

    def __getitem__(self, recipient: str) -> Outcome:
        return dict(self.reported)[recipient]

    @property
    def only(self) -> Outcome:
        ((_, outcome),) = self.reported
        return outcome

    @property
    def verdicts(self) -> list[str]:
        return [outcome.verdict.value for _, outcome in self.reported]


async def carry(
    batch: Sequence[Letter],
    *,
    names: tuple[str, int] | None = None,
    source: Source = SOURCE,
    relay: Relay | None = None,
    may_continue: Callable[[], bool] = lambda: True,
    may_hand_over: Callable[[], bool] | None = None,
    post: Post | None = None,
    resolver: Resolver | None = None,
    policies: Policies | None = None,
    contexts: Contexts | None = None,
    **policy,
) -> Post:
    post = post or Post()
    terms = {"connect_timeout": 1, "command_timeout": 1, "data_timeout": 1, "loopback_only": True}
    courier = Courier(
        resolver=resolver or Resolver([names] if names else [], timeout=0.5),
        source=source,
        policy=Policy(**{**terms, **policy}),
        relay=relay,
        policies=policies,
        contexts=contexts,
    )
    post.left = await courier.carry(
        batch,
        report=lambda sent, outcome: post.reported.append((sent.recipient, outcome)),
        may_continue=may_continue,
        may_hand_over=may_hand_over,
    )
    return post
