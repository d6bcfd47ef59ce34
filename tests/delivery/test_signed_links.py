"""Signed links and bounce addresses outlive a change of the key that signs."""

import pytest

from customers import unsubscribes
from customers.unsubscribes import OptOut
from delivery import composition
from delivery.models import SendingDomain

OLD, NEW, FOREIGN = "old" * 12, "new" * 12, "foreign" * 6
OPT_OUT = OptOut(3, 7, "hanako@r.example")
DOMAIN = SendingDomain(name="m.example", helo="m.example", envelope_domain="bounce.m.example")


@pytest.mark.parametrize(("signed_with", "is_ours"), [(NEW, True), (OLD, True), (FOREIGN, False)])
def test_what_an_earlier_key_signed_still_counts(settings, signed_with, is_ours):
    settings.SECRET_KEY = signed_with
    link = unsubscribes.token(OPT_OUT)
    bounce = composition.envelope_sender(42, DOMAIN)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    assert unsubscribes.read(link) == (OPT_OUT if is_ours else None)
    assert composition.delivery_of(bounce) == (42 if is_ours else None)


def test_only_the_new_key_signs(settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    link = unsubscribes.token(OPT_OUT)
    settings.SECRET_KEY_FALLBACKS = []
    assert unsubscribes.read(link) == OPT_OUT
