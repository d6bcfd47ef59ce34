"""`{{ rejection.reason|import_reason }}`: codes in the reader's language."""

from django import template

from customers.import_rejections import REASONS

register = template.Library()


@register.filter
def import_reason(code: str) -> str:
    return str(REASONS.get(code, code))
