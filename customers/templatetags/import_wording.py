"""`{{ rejection.reason|import_reason }}`: codes in the reader's words."""

from django import template

from customers.import_encodings import NAMES
from customers.import_rejections import REASONS

register = template.Library()


@register.filter
def import_reason(code: str) -> str:
    return str(REASONS.get(code, code))


@register.filter
def encoding_name(codec: str) -> str:
    """As the file's owner knows it: Shift_JIS, not cp932."""
    return NAMES.get(codec, codec)
