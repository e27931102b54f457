"""Has the trainer's libraries loaded, and does each run in a copy of itself (fork), which need not load them.

  python -m trainer.warm

A copy has nothing but the libraries: no model, no random numbers, no GPU, so a run is what it is in a process of its own. On
standard input come JSON lines {"run_file", "socket", "log_file"}, one for each run. On standard output go {"ready": true}, and
of each run {"pid"} and, when it has ended, {"pid", "code", "signal"}. A copy connects to the socket, obeys the commands that
come from there (supervision.py), and tells its events. When standard input closes this process ends, and its copies with it.

Only where there is no GPU: CUDA cannot be used in a copy of a process that has touched it.
"""

import json
import os
import select
import signal
import socket
import sys

from .platform import libraries
from .platform.supervision import die_with_parent


def main() -> int:
    libraries.prepare()
    libraries.load()
    _load_the_rest()
    request = _serve()
    return 0 if request is None else _do(request)


def _load_the_rest() -> None:
    import matplotlib.figure  # noqa: F401
    import peft  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import tensorboardX.event_file_writer  # noqa: F401

    from .base_models import models  # noqa: F401
    from .evaluation import evaluation  # noqa: F401
    from .outputs import export, report  # noqa: F401
    from .retrieval import indexing, retrieval  # noqa: F401
    from .training import reporting, training  # noqa: F401
    from .validation import validation  # noqa: F401


def _serve() -> dict | None:
    """Returns in each copy, with what it is to do; in this process None, once nobody is there to ask for more."""
    die_with_parent(os.getppid())
    # A child that ends wakes the select below.
    wakes, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    _say({"ready": True})
    waiting = b""
    while True:
        ready, _, _ = select.select([0, wakes], [], [])
        if wakes in ready:
            os.read(wakes, 4096)
            _tell_of_ended()
        if 0 not in ready:
            continue
        received = os.read(0, 65536)
        if not received:
            return None
        *lines, waiting = (waiting + received).split(b"\n")
        for line in lines:
            parent = os.getpid()
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.close(wakes)
                os.close(wake)
                return {**json.loads(line), "parent": parent}
            _say({"pid": pid})


def _tell_of_ended() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        killed_by = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else None
        _say({"pid": pid, "code": None if killed_by else os.waitstatus_to_exitcode(status), "signal": killed_by})


def _say(message: dict) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def _do(request: dict) -> int:
    """What `python -m trainer RUN_FILE` does in a process of its own."""
    # Its own group, as a process that is started has: it is ended with all that it starts.
    os.setsid()
    die_with_parent(request["parent"])
    log = os.open(request["log_file"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    channel = socket.socket(socket.AF_UNIX)
    channel.connect(request["socket"])
    events_fd = channel.detach()
    os.dup2(events_fd, 0)
    arguments = [request["run_file"], "--events-fd", str(events_fd), "--supervised"]
    _show(arguments)
    from .__main__ import main as train

    return train(arguments)


def _show(arguments: list[str]) -> None:
    """Lists of processes show what it does, and not what it is a copy of."""
    from setproctitle import setproctitle

    setproctitle(" ".join([sys.executable, "-u", "-m", "trainer", *arguments]))


if __name__ == "__main__":
    libraries.leave(main())
