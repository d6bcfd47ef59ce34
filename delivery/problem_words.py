"""What is said of each problem in a draft, in the reader's language: whole sentences by code."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

PROBLEMS: Final[dict[str, Promise]] = {
    "no-subject": _("The subject is empty. Write one."),
    "no-body": _("There is neither a text nor HTML. Write at least one of them."),
    "bad-from": _("The sender address cannot be used: %(detail)s"),
    "bad-reply-to": _("The reply-to address cannot be used: %(detail)s"),
    "bad-recipient": _("Recipient %(row)s (%(value)s) cannot be used: %(detail)s"),
    "bad-characters": _(
        "%(part)s holds a character that cannot be stored or sent (NUL or half of a pair). "
        "Remove it."
    ),
    "past": _("The time %(time)s has passed. Choose a later one, or “At once”."),
    "no-recipients": _("Nobody would get it: choose a list or give recipients."),
    "empty-list": _("The list “%(list)s” is empty. Import contacts first or choose another."),
    "foreign-list": _("A chosen list does not belong to this customer."),
    # merge fields, by the codes of wire.merge
    "unknown-field": _(
        "%(part)s uses the merge field “%(field)s” (line %(line)s, column %(column)s), which the "
        "recipients do not have; a default does not help. Known fields: %(known)s."
    ),
    "field-not-closed": _(
        "%(part)s, line %(line)s, column %(column)s: the merge field opened with “{{” is not "
        "closed. Write “}}” after its name, or “\\{{” for two braces."
    ),
    "field-without-name": _(
        "%(part)s, line %(line)s, column %(column)s: the merge field has no name. Write one "
        "between “{{” and “}}”."
    ),
    "field-name": _(
        "%(part)s, line %(line)s, column %(column)s: the merge field “%(field)s” has a "
        "“%(character)s” in its name. Names are letters, digits, “_” and “-”; a default comes "
        "after “|”."
    ),
    # headers and attachments, by the codes of wire.mime
    "header-name": _("“%(name)s” is no name of a header. Use letters, digits and hyphens."),
    "header-reserved": _("The header %(name)s is written by Hatobin itself. Remove it."),
    "header-value": _("The header %(name)s has a control character in its value. Remove it."),
    "attachments-too-large": _(
        "The attachments are %(size)s MB together; at most %(limit)s MB are allowed. Remove or "
        "shrink some."
    ),
    "attachment-name": _("The name of the file “%(name)s” has a control character. Rename it."),
    "attachment-unnamed": _("An attached file has no name. Give it one."),
    "attachment-type": _(
        "“%(type)s” is no type that a file can have (“%(name)s”). Attach it under another name."
    ),
    "attachment-multipart": _(
        "A file of the type %(type)s cannot be attached (“%(name)s”). Put it into a ZIP file."
    ),
}

PARTS: Final[dict[str, Promise]] = {
    "subject": _("The subject"),
    "text": _("The text"),
    "html": _("The HTML"),
    "from_name": _("The sender name"),
}
HEADER: Final = _("The header {name}")
# An address with another local part would need SMTPUTF8 of every receiver (RFC 6531).
ASCII_ONLY: Final = _("before the @ only ASCII characters can be used in a sender's address.")

# What is no problem, but worth a word: parts of bulk mail without a link to unsubscribe.
WITHOUT_LINK: Final[dict[tuple[str, ...], Promise]] = {
    ("text",): _(
        "The text has no {{ unsubscribe_url }}: the way out is in the header only, and not every "
        "mail program shows it."
    ),
    ("html",): _(
        "The HTML has no {{ unsubscribe_url }}: the way out is in the header only, and not every "
        "mail program shows it."
    ),
    ("text", "html"): _(
        "Neither the text nor the HTML has {{ unsubscribe_url }}: the way out is in the header "
        "only, and not every mail program shows it."
    ),
}
