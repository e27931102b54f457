"""Has libraries loaded, and runs each command in a copy of itself (fork), which need not load them.

  python -u -m trainer.warm trainings|answers|tokenizers [ROOM FOR TITLES]

A copy is what `python -u -m MODULE ARGUMENTS` is in a process of its own, but for the modules that are loaded already: it leads a
process group, and its streams, environment, arguments and random numbers are those of a fresh process. No model, no thread and no
GPU is touched before the copy is made. A copy dies with this process, and this process with the one that started it.

On standard input come JSON lines:
  {"id", "module", "arguments", "log", "events"}   a command; its output goes to the file `log`, or, where that is null, to pipes
  {"taken": PID}                                   the ends of that copy's pipes have been opened
  {"retire": true}                                 no more commands: it ends when its copies have
On standard output go JSON lines:
  {"ready": true}, or {"away": WHY} and it ends
  {"id", "pid", "fds"}                             a copy runs; its pipes end at these descriptors of this process (/proc/PID/fd/N)
  {"id", "refused": WHY}                           it must be run in a process of its own
  {"pid", "code", "signal"}                        how a copy ended
"""

import fcntl
import json
import os
import runpy
import select
import signal
import sys
import traceback
from importlib.util import find_spec

from . import preloading
from .platform import libraries
from .platform.supervision import die_with_parent

_PLACES = {"stdin": 0, "stdout": 1, "stderr": 2, "events": 3}
_BEYOND_STREAMS = 10


class _Copy(Exception):
    """Raised in a copy, to leave everything behind that belongs to the process that it was made of."""

    def __init__(self, request: dict):
        self.request = request


def main(arguments: list[str]) -> int:
    environment: dict[str, str | None] = dict(os.environ)
    # What a library prints while it is loaded is none of our messages.
    channel = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, _BEYOND_STREAMS)
    os.dup2(2, 1)
    # Titles fit into the room that the command line has, and /proc shows the environment as it is.
    os.environ["SPT_NOENV"] = "1"
    from setproctitle import setproctitle

    setproctitle(" ".join([sys.executable, "-u", "-m", "trainer.warm", arguments[0]]))
    die_with_parent(os.getppid())
    server = _Server(preloading.Origin(), channel)
    try:
        environment.update(preloading.load(arguments[0]))
    except preloading.CannotFork as why:
        server.say({"away": str(why)})
        return 0
    request = None
    try:
        server.serve()
    except _Copy as copy:
        # Not while it is handled: what fails in a copy would be shown as a consequence.
        request = copy.request
    return 0 if request is None else _run(request, environment, setproctitle)


class _Server:
    def __init__(self, origin: preloading.Origin, channel: int):
        self._origin = origin
        # What is this process's alone.
        self._channel = channel
        self._own = [channel]
        self._running: set[int] = set()
        # Both ends, of copies whose pipes nobody has opened yet: one without its other end could not be opened.
        self._pipes: dict[int, set[int]] = {}
        self._is_retiring = False

    def serve(self) -> None:
        """Returns when nobody is there to ask for more, or all is done that was. Raises _Copy in each copy."""
        # A child that ends wakes the select below.
        wakes, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._own += [wakes, wake]
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.say({"ready": True})
        waiting = b""
        while not (self._is_retiring and not self._running):
            ready, _, _ = select.select([0, wakes], [], [])
            if wakes in ready:
                os.read(wakes, 4096)
                self._tell_of_ended()
            if 0 not in ready:
                continue
            received = os.read(0, 65536)
            if not received:
                return
            *lines, waiting = (waiting + received).split(b"\n")
            for line in lines:
                self._obey(json.loads(line))

    def _obey(self, said: dict) -> None:
        if "taken" in said:
            _close(self._pipes.pop(said["taken"]))
        elif "retire" in said:
            self._is_retiring = True
        elif why := self._origin.change():
            self.say({"id": said["id"], "refused": why})
        else:
            try:
                self._start(said)
            except OSError as error:
                self.say({"id": said["id"], "refused": f"A copy could not be made: {error}"})

    def _start(self, request: dict) -> None:
        theirs: dict[str, int] = {}
        ours: dict[str, int] = {}
        try:
            theirs["stdin"], ours["stdin"] = os.pipe2(os.O_CLOEXEC)
            if request["log"]:
                theirs["stdout"] = theirs["stderr"] = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            for name in (() if request["log"] else ("stdout", "stderr")) + (("events",) if request["events"] else ()):
                ours[name], theirs[name] = os.pipe2(os.O_CLOEXEC)
            leads, lead = os.pipe2(os.O_CLOEXEC)
            parent = os.getpid()
            pid = os.fork()
        except OSError:
            _close({*theirs.values(), *ours.values()})
            raise
        if pid == 0:
            # First of all: what has no parent any more must not go on.
            die_with_parent(parent)
            # Its own group, as a process that is started has: it is ended with all that it starts.
            os.setsid()
            self._leave_behind()
            _close([leads, lead, *ours.values()])
            raise _Copy({**request, "streams": theirs})
        # Until it leads a group, a kill of the group would find none. Read when its end is closed.
        os.close(lead)
        os.read(leads, 1)
        os.close(leads)
        self._running.add(pid)
        self._pipes[pid] = {*theirs.values(), *ours.values()}
        self.say({"id": request["id"], "pid": pid, "fds": ours})

    def _leave_behind(self) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _close([*self._own, *(fd for fds in self._pipes.values() for fd in fds)])

    def say(self, message: dict) -> None:
        line = json.dumps(message).encode() + b"\n"
        while line:
            line = line[os.write(self._channel, line) :]

    def _tell_of_ended(self) -> None:
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self._running.discard(pid)
            killed_by = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else None
            self.say({"pid": pid, "code": None if killed_by else os.waitstatus_to_exitcode(status), "signal": killed_by})


def _close(fds) -> None:
    for fd in fds:
        os.close(fd)


def _run(request: dict, environment: dict[str, str | None], set_title) -> int:
    """What `python -u -m MODULE ARGUMENTS` does in a process of its own. Returns its exit code."""
    _take_streams(request["streams"])
    os.environ.clear()
    os.environ.update({name: value for name, value in environment.items() if value is not None})
    preloading.draw_anew()
    module, arguments = request["module"], request["arguments"]
    # Lists of processes show what it does, and not what it is a copy of.
    set_title(" ".join([sys.executable, "-u", "-m", module, *arguments]))
    found = find_spec(module)
    if found.submodule_search_locations is not None:
        found = find_spec(f"{module}.__main__")
    sys.argv = [found.origin, *arguments]
    sys.orig_argv = [sys.orig_argv[0], "-u", "-m", module, *arguments]
    try:
        runpy.run_module(found.name, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:  # noqa: BLE001: as the interpreter does.
        traceback.print_exc()
        return 1
    return 0


def _take_streams(streams: dict[str, int]) -> None:
    # Out of the way first: one may lie where another belongs.
    moved = {name: fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _BEYOND_STREAMS) for name, fd in streams.items()}
    _close({*streams.values()})
    for name, place in _PLACES.items():
        if name in moved:
            os.dup2(moved[name], place)
    _close(moved.values())


if __name__ == "__main__":
    libraries.leave(main(sys.argv[1:]))
