"""The layouts in which notices name an address, and what each of them says about it.

One line is looked at, at a time; the first layout that fits it counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from wire.reports import addresses, wording
from wire.reports.addresses import ADDRESS

_A: Final = ADDRESS


class Sureness(IntEnum):
    mentioned = 1  # an address that stands somewhere
    summary = 2  # "To:" in a summary of the letter that failed
    told = 3  # in a sentence or reply that speaks of failure
    said = 4  # on a line of its own, after a label, in an SMTP command


@dataclass(slots=True)
class Finding:
    """An address, how surely it is one that failed, and where what is said of it begins.

    `origin` is the address that was written to, where the mailer says that it expanded an alias.
    """

    address: str
    sureness: Sureness
    line: int
    rest: str
    reason: str = ""
    origin: str = ""


_LEAD: Final = r"^[\s>*•·|\-]{0,40}(?:\d{1,3}[.)]\s)?"
# The whole line is an address, with a name, brackets or a mark of punctuation around it.
_ALONE: Final = re.compile(
    rf"{_LEAD}(?:[^<>@\n]{{0,60}}<)?[\"'\[(]?(?:mailto:|smtp:|rfc822;\s?)?{_A}[\"'\])]?>?\s{{0,3}}"
    rf"(?:[<(\[]\s?(?:mailto:)?{_A}\s?[>)\]])?[\s:;,.]{{0,4}}$", re.IGNORECASE
)  # fmt: skip
# The address, then what is said of it.
_REASONED: Final = re.compile(
    rf"{_LEAD}(?:[\w.+-]{{1,64}}:\d{{1,9}}:)?[<\"'\[(]{{0,2}}{_A}[>\"'\])]{{0,2}}\s{{0,4}}"
    r"(?:\((?:expanded|generated|ultimately|reason)[^()]{0,400}\)\s{0,3})?"
    r"(?P<rest>(?::|;|,|\.\.\.|\.\.|-{1,2}\s|\(|\[|=>|->|\son\s(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|\d)"
    r"|\s…|\s[-–—]\s).*)$", re.IGNORECASE
)  # fmt: skip
_FOLLOWED: Final = re.compile(rf"{_LEAD}[<\"'\[]{{0,2}}{_A}[>\"'\]]{{0,2}}\s(?P<rest>.{{3,400}})$")
# What stands before the address of a recipient, by language.
_LABELS: Final = (
    r"recipients?(?: (?:address(?:es)?|name|list))?", r"intended recipient", r"failed recipient",
    r"addressed to", r"to the following address", r"your message to", r"rcpt(?: to)?",
    r"(?:original|final)-recipient", r"address(?:es)?", r"e-?mail(?: address(?:es)?)?",
    r"user(?:id| name)?", r"mailbox", r"account", r"undeliverable (?:to|address)",
    r"unknown (?:user|recipient|address)", r"no such user", r"user unknown",
    r"invalid (?:final delivery userid|recipient|user|address)",
    (
        r"(?:deliver(?:ed|y)?|send|sent|relay(?:ed)?|forward)"
        r" (?:(?:your|the|this|an?) (?:e-?mail )?(?:message|mail|e-?mail) )?(?:to|for)"
        r"(?: the following)?(?: (?:address(?:es)?|recipients?))?(?:\(e?s\))?"
    ),
    r"(?:message|mail|e-?mail) (?:you sent )?(?:addressed )?(?:to|for)",
    r"adresses?(?: suivantes?)?", r"destinataires?",
    r"empfänger(?:adresse)?", r"an (?:die )?(?:folgende )?adresse",
    r"destinatari[oa]s?", r"direcci[oó]n", r"indirizzo", r"endereço", r"ontvanger",
    r"geadresseerde", r"adresat", r"получател[ьюя]", r"адрес",
    r"宛先", r"あて先", r"送信先", r"送信先アドレス", r"宛て", r"受信者", r"メールアドレス",
    r"收件人", r"邮箱", r"地址", r"받는 ?사람", r"수신자",
)  # fmt: skip
_LABEL: Final = re.compile(
    rf"(?:{'|'.join(_LABELS)})\s{{0,3}}(?:\([^()]{{0,30}}\)\s?)?"
    rf"(?:[:：=;\"'<\[「]|is\b|was\b|\s|は|[:：]\s)\s{{0,4}}(?:\S{{0,20}}\s)?"
    rf"[<\"'\[「(]{{0,3}}(?:smtp[:;=]|rfc822;\s?|mailto:)?(?P<address>{_A})",
    re.IGNORECASE,
)
_COMMAND: Final = re.compile(
    rf"(?:RCPT TO\s?:|dda:SMTP=|\bSMTP[:=])\s{{0,3}}<?\s?(?P<address>{_A})", re.IGNORECASE
)
# What Sendmail says itself after the words of the server ("<<<"), which may name the sender.
_OWN_LINE: Final = re.compile(
    rf"^\s{{0,8}}[45]\d\d[ -](?:[45]\.\d\.\d{{1,3}} )?<?(?P<address>{_A})>?(?P<rest>\.\.\. .+)$"
)
# Fields and sentences that name the sender, or somebody who may help.
_OTHERS: Final = re.compile(
    r"^[\s>*|]{0,20}(?:from|sender|reply-to|return-path|message-?id|mail from|errors-to|x-[\w-]+"
    r"|date|subject|original (?:sender|from)|originator|sent by|references|in-reply-to|received"
    r"|resent-from|von|de|da|van|od|от|差出人|送信者|发件人)\s{0,3}[:：]"
    r"|mail from:|envelope[- ](?:from|sender)|the sender is\b"
    r"|\b(?:contact|write to|forward|help|assistance|questions?|support|report (?:this|it)"
    r"|administrator|please (?:send|reply|visit|e-?mail)|postmaster at|reply to|complain"
    r"|removal|whitelist|unblock)\b|お問い?合わせ",
    re.IGNORECASE,
)
_SUMMARY: Final = re.compile(
    r"^\s{0,20}(?:to|cc|bcc|an|a|à|para|do|кому|宛先|收件人)\s{0,10}[:：]\s", re.IGNORECASE
)
REPLY_LINE: Final = re.compile(
    r"(?:^|<<<|<--|said:?|>>>|replied:|response:|\]:)\s{0,8}[45]\d\d[ -]", re.IGNORECASE
)


def of(line: str, number: int) -> list[Finding]:
    """The addresses in line `number` of a notice, with what the line itself says of them."""
    for layout in _LAYOUTS:
        if (found := layout(line, number)) is not None:
            return found
    return _in_a_sentence(line, number)


def _command(line: str, number: int) -> list[Finding] | None:
    named = [addresses.clean(found["address"]) for found in _COMMAND.finditer(line)]
    return [Finding(address, Sureness.said, number, "") for address in named] or None


def is_own_line(line: str) -> bool:
    """Whether Sendmail says it all in this line: what follows is about somebody else."""
    return _OWN_LINE.match(line) is not None


def _own_line(line: str, number: int) -> list[Finding] | None:
    found = _OWN_LINE.match(line)
    address = addresses.clean(found["address"]) if found else ""
    return [Finding(address, Sureness.said, number, line.strip())] if address else None


def _summary(line: str, number: int) -> list[Finding] | None:
    return _all(line, number, Sureness.summary) if _SUMMARY.match(line) else None


def _somebody_else(line: str, number: int) -> list[Finding] | None:
    """A sender, or whom to ask: not who failed."""
    if _OTHERS.search(line) and not REPLY_LINE.search(line) and not _fails(line):
        return _all(line, number, Sureness.mentioned)[:3]
    return None


def _alone(line: str, number: int) -> list[Finding] | None:
    first = next(addresses.found(line), "")
    if not first or not _ALONE.match(line):
        return None
    return [Finding(first, Sureness.said, number, _telling(line, line.find(first)))]


def _reasoned(line: str, number: int) -> list[Finding] | None:
    found = _REASONED.match(line)
    if found is None:
        found = _FOLLOWED.match(line)
        if found is None or not _fails(found["rest"]):
            return None
    rest = found["rest"].lstrip(" :;.,->=")
    return [Finding(next(addresses.found(line), ""), Sureness.said, number, rest)]


def _labelled(line: str, number: int) -> list[Finding] | None:
    # The label stands right before its address: no more than that is searched.
    found = _LABEL.search(line, max(0, line.find("@") - 180))
    if found is None or REPLY_LINE.search(line) or (found.start() >= 40 and len(line) >= 120):
        return None
    rest = line[found.end("address") :].lstrip(" >:;.,\"'])」")
    rest = rest or _telling(line, found.start("address"))
    return [Finding(addresses.clean(found["address"]), Sureness.said, number, rest)]


def _in_a_sentence(line: str, number: int) -> list[Finding]:
    told = Sureness.told if _fails(line) else Sureness.mentioned
    return [Finding(found, told, number, line.strip()) for found in addresses.found(line)][:5]


_LAYOUTS: Final[tuple[Callable[[str, int], list[Finding] | None], ...]] = (
    _command,
    _own_line,
    _summary,
    _somebody_else,
    _alone,
    _reasoned,
    _labelled,
)


def _telling(line: str, end: int) -> str:
    """The whole line, where a sentence before the address already says what is wrong."""
    before = line[: max(end, 0)]
    return line.strip() if _fails(before) or before.strip().count(" ") > 1 else ""


def _all(line: str, number: int, sureness: Sureness) -> list[Finding]:
    return [Finding(found, sureness, number, "") for found in addresses.found(line)]


def _fails(text: str) -> bool:
    return wording.FAILED.search(text) is not None
