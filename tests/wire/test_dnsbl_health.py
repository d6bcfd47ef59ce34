"""Self-tests: what is asked, what the answers prove, how long what failed must wait."""

from random import Random

import pytest

from tests.support.blocklists import rule
from wire.dnsbl import Clean, Health, Kind, Listed, Policy, Refused, Trouble, Unknown
from wire.dnsbl_health import Control, Expect, Finding, as_result, assess, controls, following
from wire.dnsbl_memory import Memory
from wire.dnsbl_names import target
from wire.dnsbl_packets import Absent, Broken, Denied, Found, Silent
from wire.dnsbl_server import probed

YES, NO = Listed(("127.0.0.2",)), Clean()
ODD = Unknown(Trouble.odd_code, "odd")
LOST = Unknown(Trouble.no_answer, "lost")
ALL = frozenset(Kind)


def outcomes(listed=YES, perhaps=None, unlisted=NO, random=(NO, NO), kind="198.18.0.1"):
    one = target(kind)
    found = [(Control(one, Expect.listed), listed)] if listed else []
    found += [(Control(one, Expect.perhaps), perhaps)] if perhaps else []
    found += [(Control(one, Expect.unlisted), unlisted)]
    return found + [(Control(one, Expect.random), result) for result in random]


@pytest.mark.parametrize(
    ("held", "trouble", "proven"),
    [
        (outcomes(), None, True),
        (outcomes(listed=None), None, False),
        (outcomes(listed=None, perhaps=YES), None, True),
        (outcomes(listed=None, perhaps=NO), None, False),
        (outcomes(listed=None, perhaps=ODD), None, False),
        (outcomes(random=(NO, YES)), None, True),
        (outcomes(listed=Refused("no")), Trouble.refused, False),
        (outcomes(random=(NO, Refused("no"))), Trouble.refused, False),
        (outcomes(random=(NO, Unknown(Trouble.rewritten, "x"))), Trouble.rewritten, False),
        (outcomes(unlisted=YES), Trouble.lists_all, False),
        (outcomes(random=(YES, YES)), Trouble.lists_all, False),
        (outcomes(unlisted=ODD), Trouble.odd_code, False),
        (outcomes(listed=ODD), Trouble.odd_code, False),
        (outcomes(listed=LOST), Trouble.no_answer, False),
        (outcomes(listed=None, perhaps=LOST), Trouble.no_answer, False),
        (outcomes(random=(NO, LOST)), Trouble.no_answer, False),
        (outcomes(listed=NO), Trouble.lists_none, False),
    ],
)
def test_a_self_test_proves(held, trouble, proven):
    found = assess(held)
    assert (found.trouble, found.proven) == (trouble, proven)
    assert bool(found.why) is (trouble is not None)


def test_each_kind_has_its_points():
    held = rule(kinds=ALL, listed={Kind.ip4: "127.0.0.2", Kind.domain: "dbltest.com"})
    asked = [(c.target.kind, c.expect) for c in controls(held, Random(1))]
    assert asked == [
        (Kind.domain, Expect.listed), (Kind.domain, Expect.random),
        (Kind.ip4, Expect.listed), (Kind.ip4, Expect.unlisted),
        (Kind.ip4, Expect.random), (Kind.ip4, Expect.random), (Kind.ip6, Expect.random),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "point"), [(Kind.ip6, "::ffff:7f00:2"), (Kind.ip4, "127.0.0.2"), (Kind.domain, "test")]
)
def test_a_list_that_promises_nothing_is_asked_for_the_standard_point(kind, point):
    held = rule(kinds=frozenset({kind}), listed={}, unlisted={}, random=False)
    (control,) = controls(held, Random(1))
    assert (control.target, control.expect) == (target(point), Expect.perhaps)


def test_made_up_resources_are_nobodys():
    texts = {c.target.text for n in range(50) for c in controls(rule(), Random(n))}
    assert {"127.0.0.1", "127.0.0.2"} < texts
    assert all(text.startswith(("127.", "192.0.2.", "198.51.100.", "203.0.113.")) for text in texts)
    assert len(texts) > 90


def test_each_failure_doubles_the_pause_up_to_the_longest():
    policy = Policy(pause=300, longest_pause=1000)
    health, pauses = None, []
    for _ in range(4):
        health = following(health, Finding(Trouble.refused, "no", False), now=0.0, policy=policy)
        pauses.append(health.due)
    assert pauses == [300, 600, 1000, 1000]
    assert following(health, Finding(None, "", True), now=9.0, policy=policy).failures == 0
    lost = following(None, Finding(Trouble.no_answer, "", False), now=0.0, policy=policy)
    assert lost.due == policy.passing_pause


def test_health_speaks_for_every_resource():
    def health(trouble):
        return Health(trouble, "why", False, 0.0, 1.0)

    assert as_result(health(None)) == Clean()
    assert as_result(health(Trouble.refused)) == Refused("why")
    assert as_result(health(Trouble.lists_all)) == Unknown(Trouble.lists_all, "why")


@pytest.mark.parametrize(
    ("replies", "trouble"),
    [
        ([Absent(0), Absent(0)], None),
        ([Silent("x"), Absent(0)], None),
        ([Absent(0), Found(("203.0.113.1",))], Trouble.rewritten),
        ([Denied("REFUSED"), Absent(0)], Trouble.refused),
        ([Silent("x"), Silent("x")], Trouble.no_answer),
        ([Broken("SERVFAIL"), Silent("x")], Trouble.failing),
    ],
)
def test_a_resolver_proves_itself_by_names_that_are_not_there(replies, trouble):
    assert probed(replies).trouble is trouble


def test_clean_answers_are_kept_as_long_as_the_list_says():
    now = [0.0]
    memory = Memory(2, 50.0, clock=lambda: now[0])
    memory.keep([(b"a", 10), (b"b", 99), (b"none", 0)])
    assert memory.holds(b"a")
    assert not memory.holds(b"none")
    now[0] = 11.0
    assert (memory.holds(b"a"), memory.holds(b"b")) == (False, True)
    now[0] = 50.0
    assert not memory.holds(b"b")


def test_the_oldest_leaves_when_there_is_no_room():
    memory = Memory(2, 50.0, clock=lambda: 0.0)
    memory.keep([(b"a", 10), (b"b", 10), (b"b", 10), (b"c", 10)])
    assert [memory.holds(one) for one in (b"a", b"b", b"c")] == [False, True, True]
    memory.forget(b"c")
    assert not memory.holds(b"c")
