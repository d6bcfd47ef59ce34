"""Overview, pools, one recipient and the search: what operators look at."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from compliance import standings
from compliance.models import StandingState
from customers.models import AuditEntry, Customer, Membership, Person
from delivery import composition, pools, tls_setup
from delivery.models import Delivery, DkimKind, Pool
from tests.delivery.test_pages_mailings import NAME, words
from tests.support.attempts import make_attempt, settle
from tests.support.platform import make_ladder, make_list, make_mailing, make_pool
from wire import sts

pytestmark = pytest.mark.django_db

Open = Callable[[Person], Client]


@pytest.fixture
def delivery(asagao: Customer) -> Delivery:
    """Tried once, just now: refused."""
    at = timezone.now()
    news = make_list(asagao, ["Hanako@r.example"], attributes=NAME)
    found = Delivery.objects.get(mailing=make_mailing(asagao, news, now=at))
    make_attempt(found, at=at, pool=asagao.assignment.pool)
    settle(found, state="refused", reason="unknown-user", at=at)
    found.refresh_from_db()
    return found


def test_the_first_page_says_that_all_is_well(
    delivery: Delivery, root: Person, client_for: Open
) -> None:
    text = words(client_for(root).get("/"))
    sentence = "1 mailing under way; 0 deliveries waiting longer than 15 minutes."
    assert f"The only pool is clean; {sentence}" in text
    assert "Refused today 1" in text
    assert "The address does not exist there 1 100.0 %" in text


def test_the_first_page_says_what_is_wrong(
    asagao: Customer, root: Person, client_for: Open, now: datetime
) -> None:
    make_mailing(asagao, make_list(asagao, ["a@r.example"], attributes=NAME), now=now)
    make_pool("Ume")
    sakura = asagao.assignment.pool
    pools.set_state(pool=sakura, to="frozen", why="listed", by=root, now=now)  # type: ignore[arg-type]
    text = words(client_for(root).get("/"))
    assert "2 of 2 pools cannot send: Sakura (frozen), Ume (no active IP)" in text
    assert "1 mailing under way, 1 of them held" in text
    assert "Neither the pool nor its fallbacks can send now" in text
    assert "1 delivery waiting longer than 15 minutes." in text


def test_htmx_gets_the_moving_part_and_the_sentence(
    delivery: Delivery, root: Person, client_for: Open
) -> None:
    page = client_for(root).get("/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in page
    assert 'hx-swap-oob="true"' in page
    assert 'id="traffic-figures" type="application/json"' in page


def test_a_quiet_platform_has_its_own_words(root: Person, client_for: Open) -> None:
    text = words(client_for(root).get("/"))
    assert "There is no pool yet" in text
    assert "Nothing is being sent." in text
    assert "Nobody has refused a message" in text


def test_a_member_is_led_to_the_own_customer(
    asagao: Customer, botan: Customer, ada: Person, client_for: Open
) -> None:
    client = client_for(ada)
    assert client.get("/")["Location"] == f"/customers/{asagao.pk}/"
    Membership.objects.create(customer=botan, person=ada, role="viewer")
    assert client.get("/")["Location"] == "/customers/"


def test_one_recipient_is_told_whole(delivery: Delivery, vera: Person, client_for: Open) -> None:
    page = client_for(vera).get(f"/deliveries/{delivery.pk}/")
    text = words(page)
    assert "refused The address does not exist there" in text
    assert "127.0.10.1 (out0.sakura.mail.example) · Sakura" in text
    assert "550 5.1.1 User unknown" in text
    assert "C: we EHLO out0.sakura.mail.example" in text
    assert "S: they 250-mx.r.example" in text
    assert "– connected from 127.0.10.1" in text
    assert "/pools/" not in page.content.decode()


def test_a_recipient_not_tried_yet_says_when(
    asagao: Customer, vera: Person, client_for: Open
) -> None:
    news = make_list(asagao, ["a@r.example"], attributes=NAME)
    made = Delivery.objects.get(mailing=make_mailing(asagao, news, now=timezone.now()))
    text = words(client_for(vera).get(f"/deliveries/{made.pk}/"))
    assert "Nothing has been tried yet." in text
    assert "Next attempt" in text


def test_a_recipient_is_found_by_address_number_and_message_id(
    delivery: Delivery, vera: Person, cleo: Person, client_for: Open
) -> None:
    client = client_for(vera)
    message_id = composition.message_id(delivery.pk, "asagao.example")
    for query in ("hanako@R.example", str(delivery.pk), message_id):
        found = client.get("/recipients/", {"q": query}).context["page"].rows
        assert [row.pk for row in found] == [delivery.pk]
        assert not client_for(cleo).get("/recipients/", {"q": query}).context["page"].rows
    assert "Nothing was sent there." in words(client.get("/recipients/?q=nobody@r.example"))
    assert client.get("/recipients/", {"q": "9" * 60}).status_code == 200
    assert (
        not client.get("/recipients/", {"q": str(delivery.pk), "before": "1"}).context["page"].rows
    )


def test_the_pools_are_listed_with_their_ladders(
    asagao: Customer, root: Person, client_for: Open
) -> None:
    make_ladder(asagao.assignment.pool, make_pool("Reserve", "127.0.12.1", role="fallback"))
    text = words(client_for(root).get("/pools/"))
    assert (
        "Sakura sakura.mail.example active normal Active IPs 2 of 2 Falls back to Reserve" in text
    )


def test_a_pool_shows_ips_attempts_and_dns_but_no_private_key(
    delivery: Delivery, asagao: Customer, root: Person, client_for: Open, now: datetime
) -> None:
    pool = asagao.assignment.pool
    key = pools.add_dkim_key(
        domain=pool.domain, selector="e1", kind=DkimKind.ED25519, by=root, now=now
    )
    page = client_for(root).get(f"/pools/{pool.pk}/")
    text = words(page)
    ip = "127.0.10.1 out0.sakura.mail.example active 127.0.10.0/24 127.0.10.0/24 Weight 10"
    assert f"{ip} accepted 0 deferred 0 refused 1 uncertain 0" in text
    assert "e1._domainkey.sakura.mail.example TXT" in text
    assert "v=DKIM1; k=ed25519; p=" in text
    assert key.private_key.splitlines()[1] not in page.content.decode()


def test_a_pool_shows_its_least_tls_and_the_records_that_help_others_use_tls(
    asagao: Customer, root: Person, client_for: Open
) -> None:
    pool = asagao.assignment.pool
    text = words(client_for(root).get(f"/pools/{pool.pk}/"))
    assert "TLS when offered · TLS 1.2 or newer" in text
    for name in ("sakura.mail.example", "bounce.sakura.mail.example"):
        record = "TXT v=TLSRPTv1; rua=mailto:tls-reports@sakura.mail.example"
        assert f"_smtp._tls.{name} {record}" in text
    assert "_mta-sts.bounce.sakura.mail.example TXT v=STSv1; id=" in text
    assert "https://mta-sts.bounce.sakura.mail.example/.well-known/mta-sts.txt" in text
    assert "version: STSv1 mode: testing mx: mx.sakura.mail.example max_age: 86400" in text


def test_what_we_tell_others_to_publish_we_can_read_ourselves(asagao: Customer) -> None:
    made = tls_setup.setup(asagao.assignment.pool.domain)
    found = sts.record_id((made.policy.value,))
    assert found is not None
    policy = sts.read_policy(made.file, id=found)
    assert (policy.mode, policy.hosts) == ("testing", ("mx.sakura.mail.example",))


def test_an_operator_freezes_a_pool_and_rests_an_ip_with_a_reason(
    asagao: Customer, root: Person, client_for: Open
) -> None:
    client, pool = client_for(root), asagao.assignment.pool
    ip = pool.ips.first()
    assert ip is not None
    client.post(f"/pools/{pool.pk}/frozen/", {"why": "On a blocklist"})
    client.post(f"/pools/{pool.pk}/ips/{ip.pk}/resting/", {"why": "Being checked"})
    pool.refresh_from_db()
    ip.refresh_from_db()
    assert (pool.state, ip.state) == ("frozen", "resting")
    text = words(client.get(f"/pools/{pool.pk}/"))
    assert "State of the pool changed → frozen" in text
    assert "Root Being checked" in text
    assert AuditEntry.objects.get(verb="ip.state").person == root


def test_without_a_reason_nothing_is_changed(
    asagao: Customer, root: Person, client_for: Open
) -> None:
    pool = asagao.assignment.pool
    response = client_for(root).post(f"/pools/{pool.pk}/frozen/", {"why": " "}, follow=True)
    assert "Nothing was changed: give a reason" in words(response)
    assert Pool.objects.get(pk=pool.pk).state == "active"


def test_a_customer_in_quarantine_is_told_why(
    asagao: Customer, root: Person, vera: Person, client_for: Open, now: datetime
) -> None:
    for state, sentence in (
        (StandingState.QUARANTINED, "its mail goes through quarantine pools only. Complaints"),
        (StandingState.SUSPENDED, "its mail waits, nothing is lost. Complaints"),
    ):
        standings.move(customer=asagao, to=state, why="Complaints", by=root, now=now)
        assert sentence in words(client_for(vera).get(f"/customers/{asagao.pk}/"))


def test_the_pages_of_the_platform_ask_a_bounded_number_of_queries(
    delivery: Delivery, asagao: Customer, root: Person, client_for: Open,
    django_assert_max_num_queries: Callable[[int], object],
) -> None:  # fmt: skip
    for number in range(10):
        make_pool(f"P{number}", f"127.0.20.{number + 1}", f"127.0.21.{number + 1}")
    client, pool = client_for(root), asagao.assignment.pool
    bounds = {
        "/": 22, "/pools/": 5, f"/pools/{pool.pk}/": 12, f"/deliveries/{delivery.pk}/": 5,
        "/recipients/?q=hanako@r.example": 4,
    }  # fmt: skip
    for url, most in bounds.items():
        with django_assert_max_num_queries(most):  # type: ignore[attr-defined]
            assert client.get(url).status_code == 200


def test_deliveries_that_expired_today_are_counted(
    delivery: Delivery, root: Person, client_for: Open
) -> None:
    settle(delivery, state="expired", reason="timeout", at=timezone.now())
    assert "Expired today 1" in words(client_for(root).get("/"))
    settle(delivery, state="expired", reason="timeout", at=timezone.now() - timedelta(days=2))
    assert "Expired today 0" in words(client_for(root).get("/"))


def test_the_catch_all_group_has_its_name_in_the_language_of_the_page(
    root: Person, client_for: Open
) -> None:
    root.language = "ja"
    root.save(update_fields=["language"])
    page = client_for(root).get("/destinations/").content.decode()
    assert "その他" in page
    assert ">Other<" not in page
