"""The verbs of pools: what they refuse, what they leave in the audit log."""

from typing import Any

import pytest

from customers.models import AuditEntry
from delivery import pools
from delivery.models import DkimKey, DkimKind, PoolRole, Relay, RelayTls, TlsMinimum, TlsUse
from tests.support.platform import RSA_KEY, make_ladder, make_pool
from wire.dkim import DkimError

pytestmark = pytest.mark.django_db


def test_a_ladder_takes_no_quarantine_pool_no_pool_twice_and_not_itself(now):
    home, other = make_pool("A"), make_pool("B")
    suspects = make_pool("Q", role=PoolRole.QUARANTINE)
    for fallbacks, why in (
        ([suspects], "Pool Q is a quarantine pool and cannot stand on the ladder of A"),
        ([home], "Pool A cannot be its own fallback"),
        ([other, other], "The ladder of pool A names one pool twice"),
    ):
        with pytest.raises(pools.LadderRefused, match=why):
            pools.set_ladder(pool=home, fallbacks=fallbacks, by="test", now=now)
    assert not home.ladder.exists()
    pools.set_ladder(pool=home, fallbacks=[other], by="test", now=now)
    assert home.ladder.get().fallback == other


def test_a_ladder_looks_at_the_role_as_stored(now):
    home, other = make_pool("A"), make_pool("B")
    type(other).objects.filter(pk=other.pk).update(role=PoolRole.QUARANTINE)
    with pytest.raises(pools.LadderRefused):
        pools.set_ladder(pool=home, fallbacks=[other], by="test", now=now)


def test_a_pool_on_a_ladder_does_not_become_a_quarantine_pool(now):
    home, other = make_pool("A"), make_pool("B")
    make_ladder(home, other)
    values: dict[str, Any] = {
        "name": "B", "domain": other.domain, "tls": TlsUse.REQUIRED,
        "tls_minimum": TlsMinimum.TLS13, "carries_attachments": False, "relay": None,
        "by": "test", "now": now,
    }  # fmt: skip
    with pytest.raises(pools.LadderRefused, match="Pool B stands on the ladder of A"):
        pools.set_pool(role=PoolRole.QUARANTINE, **values)
    changed = pools.set_pool(role=PoolRole.FALLBACK, **values)
    assert (changed.pk, changed.role, changed.tls) == (other.pk, "fallback", "required")


def test_no_password_goes_to_a_relay_in_the_clear(now):
    values: dict[str, Any] = {"name": "R", "host": "r.jp", "port": 25, "by": "test", "now": now}
    with pytest.raises(pools.RelayRefused, match="Relay R has a username and no TLS"):
        pools.set_relay(tls=RelayTls.NONE, username="u", password="p", **values)
    pools.set_relay(tls=RelayTls.STARTTLS, username="u", password="hush", **values)
    pools.set_relay(tls=RelayTls.STARTTLS, username="u", password="other", **values)
    assert Relay.objects.get().password == "other"
    changed = AuditEntry.objects.get(verb="relay.change").evidence
    assert changed == {"before": {"password": "(not shown)"}, "after": {"password": "(not shown)"}}


def test_names_that_no_host_can_have_are_refused(now):
    pool = make_pool("A")
    segment = pools.set_segment(name="T", network="127.0.10.0/24", by="test", now=now)
    with pytest.raises(ValueError, match="HELO name 'two words' is no host name"):
        pools.set_domain(name="x.jp", helo="two words", envelope_domain="x.jp", by="", now=now)
    values: dict[str, Any] = {
        "segment": segment, "pool": pool, "weight": 10, "by": "test", "now": now,
    }  # fmt: skip
    with pytest.raises(ValueError, match="HELO name"):
        pools.set_ip(address="127.0.10.1", helo="a\r\nb", **values)
    with pytest.raises(ValueError, match="does not appear to be an IPv4"):
        pools.set_ip(address="127.0.10", helo="", **values)
    assert pools.set_ip(address="127.0.10.1", helo="", **values).state == "active"


def test_a_key_that_cannot_sign_is_refused(now):
    domain = make_pool("A").domain
    with pytest.raises(DkimError):
        pools.add_dkim_key(
            domain=domain, selector="h1", kind=DkimKind.RSA, by="", now=now, private_key="x"
        )
    key = pools.add_dkim_key(
        domain=domain, selector="h1", kind=DkimKind.RSA, by="", now=now, private_key=RSA_KEY
    )
    assert DkimKey.objects.get(pk=key.pk).private_key == RSA_KEY
