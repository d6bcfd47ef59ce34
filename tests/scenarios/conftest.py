"""The sandbox beside the test database, and a worker's engine that speaks to it."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from sandbox.internet import Sandbox

if TYPE_CHECKING:  # settings are not there yet when pytest loads this file
    from customers.models import Customer
    from delivery.engine import Engine
    from delivery.models import Pool


@pytest.fixture(scope="session")
def shared_box() -> Iterator[Sandbox]:
    """One internet in a box for all scenarios of this process."""
    with Sandbox() as box:
        yield box


@pytest.fixture
def box(shared_box: Sandbox, settings: Any, tmp_path: Any) -> Sandbox:
    """The box, with the settings pointing at it."""
    settings.DNS_SERVERS = [shared_box.dns]
    settings.SMTP_PORT = shared_box.port
    settings.RETRY_LADDER = [1]
    return shared_box


@pytest.fixture
def engine(box: Sandbox, valkey: Any, transactional_db: None) -> "Iterator[Engine]":
    """What a worker process keeps."""
    from delivery.engine import Engine

    made = Engine()
    yield made
    made.close()


@pytest.fixture
def pool(transactional_db: None) -> "Pool":
    """Of one IP; a story that needs another one makes its own."""
    from tests.support.platform import make_pool

    return make_pool("A", "127.0.10.1")


@pytest.fixture
def customer(pool: "Pool") -> "Customer":
    from tests.support.platform import make_customer

    return make_customer("Asagao", pool)


@pytest.fixture
def work(engine: "Engine") -> Callable[[], int]:
    """One round of a worker: sweep, run every lane once, close; how many were claimed."""
    from delivery import closing, dispatch
    from tests.support.lanes import carry

    def round_of_work() -> int:
        now = timezone.now()
        claimed = 0
        for errand in dispatch.sweep(engine=engine, now=now):
            claimed += carry(engine, errand)
        closing.close_cancelled(now=now)
        closing.expire_overdue(now=now)
        closing.finish(now=now)
        return claimed

    return round_of_work
