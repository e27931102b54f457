"""Commands from whoever started the trainer, and dying with them."""

import ctypes
import os
import signal
import sys
import threading

from .failures import PARENT_GONE

_PR_SET_PDEATHSIG = 1


class Commands:
    """What was asked for: the training loop looks after every step."""

    def __init__(self):
        self.stop = threading.Event()
        self.checkpoint = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: self.stop.set())


def obey_stdin(commands: Commands) -> None:
    """Reads `stop` and `checkpoint` lines. When standard input closes, our parent is gone: die at once, lest two train."""
    if sys.platform == "linux":
        # Also when the parent dies so fast that its end of the pipe lives on in another process of its.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def read() -> None:
        for line in sys.stdin:
            if line.strip() == "stop":
                commands.stop.set()
            elif line.strip() == "checkpoint":
                commands.checkpoint.set()
        os._exit(PARENT_GONE)

    threading.Thread(target=read, daemon=True, name="stdin").start()
