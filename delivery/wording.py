"""The words for codes of delivery, in the reader's language: one mapping for all pages.

Categories come from wire.replies, reasons from wire.outcomes, holds from delivery.routing. A code
without words is shown as it is: it still tells more than nothing.
"""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

REASONS: dict[str, Promise] = {
    # what the receiver's reply means
    "accepted": _("Taken by the receiver"),
    "unknown-user": _("The address does not exist there"),
    "mailbox-disabled": _("The mailbox is disabled"),
    "mailbox-full": _("The mailbox is full"),
    "too-large": _("The message is too large for the receiver"),
    "network": _("The receiver has trouble passing it on"),
    "rate-limit": _("The receiver asks to send more slowly"),
    "authentication": _("SPF, DKIM or DMARC did not satisfy the receiver"),
    "recipient-policy": _("The recipient or its organisation refuses the mail"),
    "content": _("The receiver refused the message for its content"),
    "ip-listed": _("Our IP is on a blocklist: it can be sent again, the recipient is innocent"),
    "domain-listed": _("A sending domain is on a blocklist: it can be sent again"),
    "url-listed": _("A link in the message is on a blocklist"),
    "ip-reputation": _("The receiver mistrusts our IP: it can be sent again"),
    "domain-reputation": _("The receiver mistrusts a sending domain: it can be sent again"),
    "greylist": _("The receiver wants a second attempt (greylisting)"),
    "relay-denied": _("The host does not take mail for that domain"),
    "protocol": _("The conversation with the receiver failed"),
    "unclassified": _("The receiver gave another reason: see its reply"),
    "smtp-reply": _("The receiver answered"),
    # what our side or the network says
    "connection-refused": _("The receiver's host refused the connection"),
    "connection-failed": _("The receiver's host could not be reached"),
    "connection-lost": _("The connection broke off"),
    "timeout": _("The receiver did not answer in time"),
    "protocol-error": _("The receiver's answer made no sense"),
    "tls-required": _("TLS is required, but the receiver does not offer it"),
    "tls-failed": _("TLS could not be agreed on"),
    "sts-mismatch": _("The domain's MTA-STS policy names none of its mail hosts"),
    "sts-tls-failed": _("MTA-STS is enforced, but the host showed no valid certificate"),
    "dane-failed": _("DANE: the host did not show what its TLSA records name"),
    "auth-failed": _("The relay refused our login"),
    "no-such-domain": _("The domain does not exist"),
    "null-mx": _("The domain takes no mail (null MX)"),
    "no-mail-host": _("The domain has no mail host"),
    "dns-failure": _("DNS gave no answer about the domain"),
    "relay-unresolvable": _("The relay's name cannot be resolved"),
    "no-usable-address": _("The mail host has no address that we can reach"),
    "source-unusable": _("The sending IP is not on this machine"),
    "refused-destination": _("Outside the sandbox: not contacted"),
    "smtputf8-not-offered": _("The receiver cannot take an address with such characters"),
    "unsafe-address": _("The address cannot be sent safely"),
    "unsafe-content": _("The message holds NUL, which no mail may hold"),
    "build-failed": _("The message could not be built"),
    "internal-error": _("Hatobin itself made an error: its log tells more"),
    # what happened to the delivery
    "worker-lost": _("A worker stopped in the middle of it"),
    "never-tried": _("It was held until the time limit ran out"),
    "mailing-cancelled": _("The mailing was cancelled"),
    "unsubscribed": _("Unsubscribed"),
    "complaint": _("Called spam by the recipient"),
    "manual": _("Blocked by hand"),
    # what happened to it after it was taken, and why a report does not count
    "bounced": _("The receiver returned it later"),
    "forged-bounce-address": _("It quotes a bounce address that we did not sign"),
    "forged-message-id": _("It quotes a Message-ID that we did not sign"),
    "names-no-delivery": _("It names none of our messages"),
    "delivery-gone": _("The message it names is past retention"),
    "opt-out-by-hand": _("An opt-out whose message is past retention: a person has to follow it"),
    "opt-out-honoured": _("An opt-out that a person has followed"),
    "ordinary-mail": _("Ordinary mail that reads like a report, and proves too little"),
    "another-recipient": _("It is about another recipient than the message was for"),
    "named-otherwise": _("It names another address: ours forwards there, or is an alias for it"),
    "never-taken": _("No host ever took the message that it returns"),
    "ended-before": _("The delivery had ended otherwise before"),
    "repeated": _("The same was reported before: it counts once"),
    "reading-failed": _("Reading it broke: see the log of the worker"),
    # why nothing is claimed now
    "customer-suspended": _("The customer is suspended"),
    "no-pool-assigned": _("The customer has no pool: assign one"),
    "no-quarantine-pool": _("The customer is quarantined and there is no quarantine pool"),
    "no-clean-pool": _("Neither the pool nor its fallbacks can send now"),
    "no-capable-pool": _("No pool on the ladder can carry TLS or attachments as it needs"),
    "paused": _("Paused by a person"),
    "warm-up-used": _("The IPs are warming up and today's allowance is used: it goes on tomorrow"),
    "receiver-pause": _("The receiver refuses connections: it pauses for some minutes"),
    "customer-limit": _("The customer's messages for this hour or day are used"),
    "flood-guard": _("The address had too many messages within an hour: held back for a while"),
}

PHASES: dict[str, Promise] = {
    "dns": _("Looking up the mail host"),
    "connect": _("Connecting"),
    "banner": _("Greeting of the host"),
    "ehlo": _("EHLO"),
    "starttls": _("STARTTLS"),
    "auth": _("Login at the relay"),
    "mail": _("Sender (MAIL FROM)"),
    "rcpt": _("Recipient (RCPT TO)"),
    "data": _("Start of the message (DATA)"),
    "end-of-data": _("End of the message"),
    "quit": _("QUIT"),
}

VERDICTS: dict[str, Promise] = {
    "accepted": _("accepted"),
    "deferred": _("deferred"),
    "refused": _("refused"),
    "expired": _("expired"),
    "uncertain": _("uncertain"),
}

VERBS: dict[str, Promise] = {
    "mailing.create": _("Mailing made"),
    "mailing.move": _("State changed"),
    "pool.state": _("State of the pool changed"),
    "pool.ladder": _("Ladder changed"),
    "ip.state": _("State of an IP changed"),
    "dkim.add": _("DKIM key made"),
    "customer.assign": _("Pool assigned"),
    "customer.share": _("Share and limits changed"),
    "limits.change": _("Limits changed"),
    "limits.slow": _("Slowed down"),
    "limits.pause": _("Paused towards the receiver"),
    "limits.lift": _("Slow-down lifted"),
    "ip.warm-up": _("Warm-up begun"),
    "ip.warm": _("Warm-up ended"),
    "pool.unstored": _("Outcomes could not be stored and were set aside"),
    "mailing.flood": _("Messages held back by the flood guard"),
    "standing.move": _("Standing changed"),
    "suppression.add": _("Address suppressed"),
    "suppression.lift": _("Suppression lifted"),
    "suppression.import": _("Suppressions imported"),
    "consequence.change": _("Consequence changed"),
    "errors.reverse": _("Errors taken back"),
    "errors.undo": _("Errors counted again"),
    "rule.add": _("Rule for replies added"),
    "rule.withdraw": _("Rule for replies withdrawn"),
    "threshold.change": _("Threshold changed"),
    "report.honour": _("Opt-out followed by hand"),
    "report.again": _("Report to be read again"),
    "finding.note": _("Rate above a threshold"),
    "finding.decide": _("Rate above a threshold: decided"),
}

# What speaks against a rule for replies (wire.rulebook.FaultKind).
FAULTS: dict[str, Promise] = {
    "no-sample": _("Give at least one reply that it is for."),
    "own-sample": _("Its own sample “%(sample)s” does not match it."),
    "takes-sample": _("It would take “%(sample)s” from the rule %(other)s."),
}

# Why words of a rule cannot be used (wire.reply_text.PhraseRefused).
PHRASES: dict[str, Promise] = {
    "number": _("Bare numbers are not looked at: use a regular expression for them."),
    "no-word": _("There is no word that could be looked for: give at least one."),
    "short-word": _("Directly before a * a word needs at least 5 letters."),
}

# Why an expression of a rule cannot be used (wire.reply_patterns.PatternRefused).
PATTERNS: dict[str, Promise] = {
    "invalid": _("The expression is not valid: %(detail)s."),
    "not-offered": _(
        "“%(part)s” is not offered: an expression here cannot look ahead or behind, or refer back."
    ),
    "too-large": _(
        "The expression is too large: %(most)s characters and a few hundred repeated signs are the "
        "most. Use words with * instead."
    ),
}

# Whose doing a failure is (wire.verdicts.Party).
PARTIES: dict[str, Promise] = {
    "recipient": _("the recipient"),
    "content": _("the message"),
    "sender": _("the customer"),
    "platform": _("we"),
    "receiver": _("the receiver"),
    "network": _("the network"),
    "unknown": _("not known"),
}

# What a report carries that only we can have written.
PROOFS: dict[str, Promise] = {
    "bounce-address": _("by its bounce address, which we signed"),
    "unsubscribe-address": _("by its unsubscribe address, which we signed"),
    "unsubscribe-link": _("by the token of its unsubscribe link, which we signed"),
    "message-id": _("by the Message-ID, which we signed"),
}

# Parts of the software that act by themselves.
ACTORS: dict[str, Promise] = {
    "release": _("Hatobin (release)"),
    "closing": _("Hatobin (closing)"),
    "recovery": _("Hatobin (recovery)"),
    "slow-down": _("Hatobin (slow-down)"),
    "flood-guard": _("Hatobin (flood guard)"),
    "thresholds": _("Hatobin (thresholds)"),
    "demo": _("Hatobin (demo)"),
    "manage.py platform": _("At the server: manage.py platform"),
    "manage.py reread_reports": _("At the server: manage.py reread_reports"),
}

# Groups that are no company: the others are called by their names in every language.
DESTINATIONS: dict[str, Promise] = {"other": _("Other")}


def words_for(code: str, table: dict[str, Promise]) -> str:
    """The words, or the code itself when there are none."""
    return str(table.get(code, code))
