"""Ties a child process to its parent: when the parent is killed, the child ends too.

Linux only (prctl(2), PR_SET_PDEATHSIG); elsewhere a child of a killed parent stays.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def end_with_parent(number: signal.Signals, *, of: int | None = None) -> Callable[[], None]:
    """Returns what the child runs before its program starts (subprocess `preexec_fn`).

    `of`: pid of the parent, by default the process that calls this. The leash has to be put on
    after a change of user, which would take it off; subprocess keeps that order.
    """
    if sys.platform != "linux":
        return lambda: None
    libc, parent = ctypes.CDLL(None), of or os.getpid()

    def leash() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # the parent died before the leash was on
            os.kill(os.getpid(), number)

    return leash
