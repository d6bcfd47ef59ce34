"""Which replies ask us to slow down."""

import pytest

from wire import replies
from wire.outcomes import Phase, read_reply
from wire.slowing import asks_to_slow_down


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (421, "4.7.0 [TSS04] Messages from 127.0.0.1 temporarily deferred due to user complaints"),
        (421, "[IPTS04] Messages from 127.0.0.1 temporarily deferred"),
        (553, "Mail from 127.0.0.1 not allowed - VS98-IP0 deferred"),
        (421, "4.7.28 Our system has detected an unusual rate of unsolicited mail"),
        (451, "4.7.650 The mail server [127.0.0.1] has been temporarily rate limited"),
        (421, "#4.4.5 Too many connections from your host."),
        (421, "#4.x.2 Too many messages for this session"),
        (450, "4.3.2 Please slow down"),
        (452, "4.5.3 Too many recipients"),
        (451, "4.3.2 Server busy. Please try again later from [127.0.0.1]"),
        (421, "4.2 exceeded the maximum number of connections"),
        (421, "[HCM1] Your mail from 127.0.0.1 was deferred"),
        (450, "Too many mails. Connection rate limit exceeded."),
    ],
)
def test_requests_to_slow_down_are_recognised(code: int, text: str) -> None:
    reply = read_reply(code, text)
    assert asks_to_slow_down(reply)
    assert replies.category(Phase.rcpt, reply, "smtp-reply") == "rate-limit"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (451, "4.7.1 Greylisted, please try again later"),
        (450, "4.2.1 The user you are trying to contact is receiving mail too quickly"),
        (452, "4.2.2 Mailbox full, too many messages"),
        (421, "Service not available, closing transmission channel"),
        (451, "4.3.0 Temporary lookup failure"),
        (550, "5.1.1 User unknown"),
        (550, "5.7.1 Too many spam messages: your host is blocked"),
    ],
)
def test_other_refusals_are_not(code: int, text: str) -> None:
    assert not asks_to_slow_down(read_reply(code, text))
