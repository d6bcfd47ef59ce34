"""One batch of a lane, in the test's own thread."""

from threading import Semaphore

from delivery import dispatch, marks
from delivery.crew import Berth, Crew
from delivery.engine import Engine
from delivery.marks import Errand


def carry(engine: Engine, errand: Errand) -> int:
    """As a worker's thread does it; how many were claimed."""
    assert marks.start(errand)
    try:
        return dispatch.run_lane(engine=engine, errand=errand, berth=Berth(Crew(), Semaphore()))
    finally:
        marks.leave(errand)
