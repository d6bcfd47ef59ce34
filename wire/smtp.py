"""One SMTP connection: opened to one address of one host, given letters one after the other.

Knows nothing of MX records or of other connections. Where the host offers pipelining, the envelope
of the next letter goes out behind the end of the one before it, so that a letter costs one round
trip. A session is never used again after a timeout, a lost connection or a broken reply: a late
reply would be taken for the answer to the next command.
"""

import contextlib
import logging
import ssl
from collections.abc import Callable

import aiosmtplib

from wire.calling import Broken, Caller, Door, hang_up, security_of
from wire.envelopes import (
    End,
    Transaction,
    cut_off,
    is_stale,
    obstacle,
    offers_of,
    shut_out,
    unforeseen,
    with_crlf,
)
from wire.exchange import CalledBack, Exchange, Untried
from wire.letters import Letter, Policy, Source
from wire.outcomes import Conversation, Outcome, Phase, Verdict
from wire.stream import StreamBroken, take_over

log = logging.getLogger(__name__)

# The letters are done when we say QUIT; nobody should wait for a host that is slow to answer it.
QUIT_TIMEOUT = 5.0


async def open_session(
    door: Door,
    *,
    source: Source,
    policy: Policy,
    context: ssl.SSLContext,
    talk: Conversation,
) -> "Session | Outcome":
    """Connect, greet, encrypt and log in. An outcome says why it came to nothing."""
    caller = Caller(door, source, policy, context, talk)
    try:
        return _session(door, await caller.call(), policy, talk)
    except Broken as broke:
        end = broke
    except Exception as error:
        # What a host says may bring out a fault of ours, or of a library: not the others' trouble.
        log.exception("opening to %s [%s], at %s", door.host, door.address, caller.phase)
        talk.event(f"unforeseen: {error!r}")
        end = Broken(caller.phase, "protocol-error")
    talk.event(f"{end.reason} at {end.phase}")
    return talk.outcome(
        shut_out(end),
        end.phase,
        end.reason,
        reply=end.reply,
        host=door.host,
        address=door.address,
    )


def _session(door: Door, client: aiosmtplib.SMTP, policy: Policy, talk: Conversation) -> "Session":
    transport = client.transport
    try:
        return Session(door, client, policy, talk)
    except BaseException:
        hang_up(client, transport)
        raise


def nothing_behind() -> None:
    """For a letter that is sent alone."""


def always() -> bool:
    """For a letter that nobody calls back."""
    return True


class Session:
    """An open connection; `tls` is "" or protocol, cipher and how the host was verified."""

    def __init__(
        self, door: Door, client: aiosmtplib.SMTP, policy: Policy, talk: Conversation
    ) -> None:
        self.door = door
        self.tls = security_of(client, door.demand)
        self._stream = take_over(client.transport)
        self._exchange = Exchange(self._stream, offers_of(client), policy)
        self._policy = policy
        # The first letter's conversation begins with the opening of the connection.
        self._opening: Conversation | None = talk
        self._delivered = 0

    @property
    def is_open(self) -> bool:
        return self._stream.is_open

    @property
    def may_take_more(self) -> bool:
        """Whether the connection is open and has letters left to carry."""
        return self._stream.is_open and self._delivered < self._policy.messages_per_connection

    async def is_ready(self) -> bool:
        """Whether one more letter may be given; clears away what a refused one left (RSET)."""
        if not self.may_take_more:
            return False
        try:
            await self._exchange.clear()
        except Untried:
            self.abort()
        return self._stream.is_open

    async def deliver(self, letter: Letter) -> Outcome:
        """One letter alone. Afterwards ask `is_ready` before the next one."""
        outcome = await self.finish(self.begin(letter))
        assert outcome is not None  # nothing was under way before it
        return outcome

    def begin(self, letter: Letter, *, may_come_back: bool = False) -> Transaction:
        """Build the letter; with pipelining, write its envelope. Raises nothing.

        `may_come_back`: it counts as untried when the connection turns out to be gone since the
        letter before it.
        """
        is_first = self._delivered == 0
        transaction = Transaction(
            letter, self._conversation(), may_come_back=may_come_back and not is_first
        )
        self._delivered += 1
        try:
            transaction.message = with_crlf(letter.build())
        except Exception as error:  # noqa: BLE001  one bad letter must not take down the others
            transaction.talk.event(f"the message could not be built: {error!r}")
            transaction.end = End(Verdict.deferred, Phase.mail, "build-failed")
            return transaction
        try:
            self._announce(transaction)
        except Exception as error:  # noqa: BLE001  else the letter before it would suffer
            transaction.end = self._unforeseen(transaction, error)
        return transaction

    def _announce(self, transaction: Transaction) -> None:
        offers = self._exchange.offers
        transaction.end = obstacle(transaction.letter, transaction.message, offers)
        if transaction.end is None and offers.pipelining:
            with contextlib.suppress(Broken, Untried):  # `finish` will find it broken
                self._exchange.announce(transaction)

    async def finish(
        self,
        transaction: Transaction,
        behind: Callable[[], None] = nothing_behind,
        may_leave: Callable[[], bool] = always,
    ) -> Outcome | None:
        """Send the message and wait for its reply; None if it was not tried at all.

        `behind` is called when this letter is out of our hands, to `begin` the next one;
        `may_leave` right before, and its no takes the letter back.
        """
        end = transaction.end or await self._ended(transaction, behind, may_leave)
        if end is None:
            return None
        return transaction.talk.outcome(
            end.verdict,
            end.phase,
            end.reason,
            reply=end.reply,
            host=self.door.host,
            address=self.door.address,
            tls=self.tls,
        )

    async def _ended(
        self, transaction: Transaction, behind: Callable[[], None], may_leave: Callable[[], bool]
    ) -> End | None:
        try:
            return await self._exchange.transact(transaction, behind, may_leave)
        except CalledBack:
            return None
        except Untried:
            self.abort()
            return None
        except Broken as broke:
            self.abort()
            if transaction.may_come_back and is_stale(broke):
                return None
            transaction.talk.event(f"{broke.reason} at {broke.phase}")
            return cut_off(broke)
        except Exception as error:  # noqa: BLE001  one letter's trouble, in the log
            self.abort()
            return self._unforeseen(transaction, error)
        except BaseException:
            self.abort()  # cancelled in the middle: no reply can be paired with a command any more
            raise

    def _unforeseen(self, transaction: Transaction, error: Exception) -> End:
        log.error("letter to %s [%s]", self.door.host, self.door.address, exc_info=error)
        transaction.talk.event(f"unforeseen: {error!r}")
        return unforeseen(transaction)

    async def close(self) -> None:
        """Say QUIT and hang up; errors no longer matter."""
        with contextlib.suppress(StreamBroken):
            self._stream.send(b"QUIT\r\n", replies=1)
            await self._stream.reply(min(QUIT_TIMEOUT, self._policy.command_timeout))
        self.abort()

    def abort(self) -> None:
        """Hang up without a word."""
        self._stream.abort()

    def _conversation(self) -> Conversation:
        talk, self._opening = self._opening, None
        if talk is None:
            talk = Conversation()
            security = self.tls or "no TLS"
            talk.event(f"letter {self._delivered + 1} on this connection, {security}")
        return talk
