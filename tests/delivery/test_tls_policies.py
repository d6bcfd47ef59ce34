"""The MTA-STS policies that workers share: kept in Valkey, and what its failures look like."""

import asyncio
import time
from typing import Any

import pytest
import redis

from delivery import live
from delivery.tls_policies import KEY, SharedPolicies
from wire.sts import Kept, Mode, Policy

POLICY = Policy("1", Mode.enforce, ("mx1.example", "*.mail.example"), 86_400)


def test_a_policy_comes_back_as_it_was_put_and_leaves_when_it_lapses(valkey: Any) -> None:
    kept = Kept(POLICY, time.time() + 900)
    asyncio.run(SharedPolicies().put("shop.example", kept))
    assert asyncio.run(SharedPolicies().get("shop.example")) == kept
    assert 890 <= valkey.ttl(KEY + "shop.example") <= 900


def test_there_is_none_for_other_domains(valkey: Any) -> None:
    assert asyncio.run(SharedPolicies().get("other.example")) is None


@pytest.mark.parametrize("text", ["[]", "{}", "1", "no json", '["1", "strict", [], 1, 1]'])
def test_what_is_no_policy_in_valkey_is_named(valkey: Any, text: str) -> None:
    valkey.set(KEY + "shop.example", text)
    with pytest.raises(OSError, match="Valkey holds no MTA-STS policy"):
        asyncio.run(SharedPolicies().get("shop.example"))


def test_a_valkey_that_is_gone_is_an_oserror(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = redis.Redis(host="127.0.0.1", port=9)
    monkeypatch.setattr(live, "connection", lambda: gone)
    with pytest.raises(OSError, match=r"gave no MTA-STS policy of shop\.example"):
        asyncio.run(SharedPolicies().get("shop.example"))
    with pytest.raises(OSError, match=r"took no MTA-STS policy of shop\.example"):
        asyncio.run(SharedPolicies().put("shop.example", Kept(POLICY, 1.0)))
