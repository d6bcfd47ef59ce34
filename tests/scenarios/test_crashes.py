"""Workers that are killed in the middle, and servers that fall over: nothing lost, little twice."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.utils import timezone

from config.embedded import BASE_DIR
from delivery.models import Attempt, Delivery, Mailing
from delivery.reconcile import books
from delivery.states import OPEN
from sandbox import reconcile
from sandbox.bench import throwaway
from sandbox.internet import Sandbox
from tests.support.platform import make_customer, make_list, make_mailing, make_pool
from tests.support.workers import Worker, wait_until, workers

pytestmark = pytest.mark.scenario

COUNT = 1500


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A box of this test alone: what it stored is compared with our books."""
    with Sandbox() as made:
        yield made


@pytest.fixture
def environment(box: Sandbox) -> dict[str, Any]:
    host, port = box.dns
    return {
        "DNS_SERVERS": f"{host}:{port}", "SMTP_PORT": str(box.port),
        "RETRY_LADDER": "1s", "RETRY_LIMIT": "60s", "LEASE": "5s",
    }  # fmt: skip


@pytest.fixture
def mailing(transactional_db: None) -> Mailing:
    customer = make_customer("Asagao", make_pool("A", "127.0.10.1", "127.0.10.2", "127.0.10.3"))
    addresses = [f"user{number}@corporate.example" for number in range(COUNT)]
    people = make_list(customer, addresses, attributes={"name": "花子"})
    return make_mailing(customer, people, now=timezone.now())


def kill(worker: Worker, *, port: int) -> int:
    """SIGKILL; how many connections to receivers were open in that moment."""
    main = psutil.Process(worker._process.pid)
    family = [main, *main.children(recursive=True)]
    for process in family:
        process.suspend()
    sockets = [one for process in family for one in process.net_connections("tcp")]
    worker.kill()
    return sum(bool(one.raddr) and one.raddr.port == port for one in sockets)


def nothing_open() -> bool:
    return not Delivery.objects.filter(state__in=list(OPEN)).exists()


def test_a_killed_worker_repeats_at_most_one_message_for_each_open_connection(
    mailing: Mailing, environment: dict[str, Any], box: Sandbox, valkey: Any, tmp_path: Path
) -> None:
    bound = 0
    for share in (0.1, 0.3, 0.5):
        with workers(tmp_path, **environment) as [worker]:
            wait_until(lambda share=share: accepted() > share * COUNT)  # type: ignore[misc]
            bound += kill(worker, port=box.port)
    with workers(tmp_path, **environment):
        wait_until(nothing_open, seconds=90)
    found = books()
    assert (found.balance, found.states["accepted"]) == (True, COUNT), found
    compared = reconcile.compare(box.directory)
    assert (compared.missing, compared.foreign, compared.wrong_source) == (0, 0, 0)
    assert compared.duplicates <= bound
    assert Attempt.objects.filter(verdict="accepted").count() == COUNT


def accepted() -> int:
    return Delivery.objects.filter(state="accepted").count()


def test_a_mailing_survives_kills_an_emptied_valkey_and_a_crash_of_postgresql() -> None:
    command = [
        *(sys.executable, "manage.py", "chaos", "delivery", "--count", "1500", "--kills", "3"),
        *("--valkey", "1", "--postgres", "1", "--json"),
    ]
    kept = {name: value for name, value in os.environ.items() if name != throwaway.MARK}
    result = subprocess.run(
        command, cwd=BASE_DIR, env=kept | {"LEASE": "5s"}, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    told = json.loads(result.stdout.splitlines()[-1])
    assert (result.returncode, told["ok"], told["lost"]) == (0, True, 0), result.stdout
    done = (told["kills"], told["valkey_restarts"], told["postgres_restarts"])
    assert done == (3, 1, 1)
    assert told["states"] == {"accepted": 1500}
    assert told["duplicates"] <= told["open_connections_at_kills"]
