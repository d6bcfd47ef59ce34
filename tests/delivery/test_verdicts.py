"""Replies that no rule understands, and the rules that operators make of them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from delivery import known, live, verdict_heard, verdict_inbox, verdict_rules, verdicts
from delivery.models import Attempt, Delivery, OwnRule
from delivery.verdict_heard import Source
from delivery.verdict_rules import Conflicts, NameTaken
from tests.delivery.test_claims import make_due
from tests.delivery.test_outcomes import outcome
from tests.support.attempts import make_attempt
from wire import replies
from wire.outcomes import Verdict
from wire.replies import RuleRefused

pytestmark = pytest.mark.django_db

ODD = "the pigeon loft {} is closed to strangers today"
RULE = {
    "id": "own-loft", "category": "recipient-policy", "words": ["loft * closed to strangers"],
    "samples": [{"reply": "550 the pigeon loft 7 is closed to strangers today"}],
}  # fmt: skip


@pytest.fixture(autouse=True)
def fresh_rules() -> Iterator[None]:
    """What one test makes known to this process, the next must not know."""
    verdicts._SHELF.book = None
    yield
    verdicts._SHELF.book = None


def odd_attempts(count: int = 3, **fields: Any) -> list[Attempt]:
    delivery = Delivery.objects.filter(mailing=make_due(count=1)).get()
    return [
        make_attempt(
            delivery, at=timezone.now() - timedelta(minutes=count - number), enhanced="",
            text=ODD.format(number), category="unclassified",
            **{"mx_host": "mx1.loft.example", **fields},
        )
        for number in range(count)
    ]  # fmt: skip


def save(table: dict[str, Any] = RULE, **more: Any) -> OwnRule:
    return verdict_rules.adopt(
        table, name=str(table["id"]), why="seen today", by="test", now=timezone.now(), **more
    )


def inbox() -> list[verdict_inbox.Shape]:
    book = replies.shipped().with_own(verdicts.own_rules())
    return verdict_inbox.shapes(book, since=timezone.now() - timedelta(days=1))


def test_replies_that_differ_in_numbers_only_are_one_shape() -> None:
    attempts = odd_attempts()
    [found] = inbox()
    assert (found.text, found.count) == (f"550 {ODD.format('N')}", 3)
    assert (found.first, found.last) == (attempts[0].at, attempts[2].at)
    assert (found.providers, found.example.id) == (["loft.example"], attempts[2].pk)
    assert found.heard == [(Source.ATTEMPT, 3)]


def test_old_replies_and_those_understood_since_are_left_out() -> None:
    odd_attempts()
    Attempt.objects.update(at=timezone.now() - timedelta(days=2))
    assert inbox() == []
    Attempt.objects.update(at=timezone.now())
    save()
    assert inbox() == []


@pytest.mark.parametrize(
    ("host", "owner"),
    [
        ("mx1.loft.example", "loft.example"), ("mfsmax.docomo.ne.jp.", "docomo.ne.jp"),
        ("mx.hatena.jp", "hatena.jp"), ("localhost", "localhost"), ("", ""),
    ],
)  # fmt: skip
def test_hosts_are_told_by_their_owners(host: str, owner: str) -> None:
    assert verdict_inbox._provider(host) == owner


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ("550 ADDRESS the loft is closed (ID) sorry", "the loft is closed"),
        ("550 5.7.0 N IP", ""),
    ],
)
def test_a_rule_begins_with_the_longest_run_of_plain_words(shape: str, words: str) -> None:
    assert verdict_inbox.suggestion(shape) == words


def test_workers_judge_by_a_saved_rule_from_the_next_epoch_on(
    django_capture_on_commit_callbacks: Any,
) -> None:
    odd = outcome(Verdict.refused, 550)
    object.__setattr__(odd.reply, "text", ODD.format(1))
    assert verdicts.judge(odd).category == "unclassified"
    before = live.epoch()
    with django_capture_on_commit_callbacks(execute=True):
        row = save()
    assert live.epoch() != before
    assert verdicts.judge(odd).category == "unclassified"
    known.read(live.epoch())
    assert (verdicts.judge(odd).category, verdicts.judge(odd).rule) == (
        "recipient-policy", "own-loft"
    )  # fmt: skip
    verdict_rules.withdraw(rule=row, why="wrong", by="test", now=timezone.now())
    assert not verdict_rules.withdraw(rule=row, why="wrong", by="test", now=timezone.now())
    known.read(live.epoch())
    assert verdicts.judge(odd).category == "unclassified"


def test_a_trial_tells_what_would_change_and_changes_nothing() -> None:
    attempts = odd_attempts()
    make_attempt(Delivery.objects.get(pk=attempts[0].delivery_id), at=timezone.now())
    found = verdict_rules.trial(RULE, now=timezone.now())
    assert (found.tried, found.changed) == (4, 3)
    assert found.changes == {("unclassified", "recipient-policy"): 3}
    assert found.faults == []
    assert not OwnRule.objects.exists()


def test_a_rule_that_takes_the_samples_of_others_is_saved_only_on_purpose() -> None:
    greedy = {
        "id": "own-greedy", "category": "content", "words": ["user unknown"],
        "samples": ["550 5.1.1 user unknown"],
    }  # fmt: skip
    with pytest.raises(Conflicts) as refused:
        save(greedy)
    assert any("it would take" in str(fault) for fault in refused.value.faults)
    assert verdict_rules.trial(greedy, now=timezone.now()).faults == refused.value.faults
    assert save(greedy, despite_conflicts=True).category == "content"


@pytest.mark.parametrize(
    "change", [{"category": "whim"}, {"regex": "(?=a)b"}, {"words": [], "regex": "("}]
)
def test_a_rule_that_is_none_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(RuleRefused):
        save({**RULE, **change})


def test_names_are_used_once_at_a_time() -> None:
    row = save()
    with pytest.raises(NameTaken):
        save()
    verdict_rules.withdraw(rule=row, why="", by="test", now=timezone.now())
    save()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_take_a_name_at_once_one_is_told() -> None:
    both, told = Barrier(2), []

    def take(_number: int) -> None:
        try:
            with transaction.atomic():
                both.wait(timeout=5)
                save()
        except NameTaken as taken:
            told.append(str(taken))
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(take, range(2)))
    assert (told, OwnRule.objects.count()) == (["own-loft"], 1)


def test_the_newest_rule_is_asked_first_and_a_broken_one_is_left_out() -> None:
    save()
    save({**RULE, "id": "own-newer", "category": "content"}, despite_conflicts=True)
    OwnRule.objects.create(name="broken", category="content", table={"id": "broken"})
    assert [rule.id for rule in verdicts.own_rules()] == ["own-newer", "own-loft"]


def test_a_sample_is_made_of_an_attempt() -> None:
    [attempt] = odd_attempts(1)
    sample = verdict_heard.sample_of(verdict_heard.of_attempt(attempt))
    assert sample == {
        "reply": f"550 {ODD.format(0)}", "phase": "rcpt", "mx": "mx1.loft.example",
    }  # fmt: skip
    assert verdict_rules.trial({**RULE, "samples": [sample]}, now=timezone.now()).faults == []
