"""Commands from whoever started the trainer, and dying with them."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator

from .failures import LEASE_LOST, PARENT_GONE

_PR_SET_PDEATHSIG = 1
_LOOK_EVERY_S = 0.1


class Commands:
    """What was asked for: the training loop looks after every step."""

    def __init__(self):
        self.stop = threading.Event()
        self.checkpoint = threading.Event()
        self._lease_until: float | None = None
        signal.signal(signal.SIGTERM, lambda *_: self.stop.set())

    def prolong_lease(self, seconds: float) -> None:
        self._lease_until = time.monotonic() + seconds

    def lease_is_over(self) -> bool:
        """False for whoever never had a lease: a person who trains by hand."""
        return self._lease_until is not None and time.monotonic() > self._lease_until


def obey_interrupt(commands: Commands) -> None:
    """Ctrl-C of a person at a terminal: it saves and stops. A second one ends it at once."""

    def stop(*_) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        commands.stop.set()
        print("It saves after the next step and stops. Ctrl-C again ends it at once.", file=sys.stderr, flush=True)

    signal.signal(signal.SIGINT, stop)


def die_with_parent(parent: int | None = None) -> None:
    """The kernel kills this process when its parent dies. `parent`: the parent's pid, where that may have died already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        os._exit(PARENT_GONE)


def lines_of(descriptor: int) -> Iterator[str]:
    """Lines as they come. By the system's own read: a thread that waits in `sys.stdin` keeps its lock, and a copy of this process, which has the lock
    and not the thread, would wait for it for ever when it closes its standard input, as multiprocessing has each copy do."""
    rest = b""
    while chunk := os.read(descriptor, 65_536):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode() for line in lines)


def obey_stdin(commands: Commands) -> None:
    """Reads `stop`, `checkpoint` and `lease MILLISECONDS` lines. When standard input closes, our parent is gone: die at
    once, lest two train. So when a lease is not prolonged: our parent may be stopped, or cut off, and the run another's."""
    # Also when the parent dies so fast that its end of the pipe lives on in another process of its.
    die_with_parent()

    def read() -> None:
        for line in lines_of(sys.stdin.fileno()):
            if line.strip() == "stop":
                commands.stop.set()
            elif line.strip() == "checkpoint":
                commands.checkpoint.set()
            elif line.startswith("lease "):
                commands.prolong_lease(int(line.removeprefix("lease ")) / 1000)
        os._exit(PARENT_GONE)

    def watch_lease() -> None:
        while not commands.lease_is_over():
            time.sleep(_LOOK_EVERY_S)
        os._exit(LEASE_LOST)

    threading.Thread(target=read, daemon=True, name="stdin").start()
    threading.Thread(target=watch_lease, daemon=True, name="lease").start()
