"""Trainings in copies of a warm process, as the service has them done: in a tenth of a second each, and not in the three that a fresh process loads its libraries for."""

import atexit
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from .support import ROOT, Recorder, hub, write_run_file


class Warm:
    """The process, and one copy after another."""

    def __init__(self):
        command = [sys.executable, "-u", "-m", "trainer.warm", "trainings", " " * 4000]
        environment = {**os.environ, "HF_HUB_CACHE": str(hub())}
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self._ids = 0
        self._heard()

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def start(self, *arguments: str, module: str = "trainer", log: Path | None = None, events: bool = False) -> "Copy":
        """`python -m MODULE ARGUMENTS`. What it says goes to the end of `log`, or to `stdout` and `stderr` of the copy."""
        self._ids += 1
        if log is not None:
            log.touch()
        self._tell(id=self._ids, module=module, arguments=[*arguments, *(["--events-fd", "3"] if events else [])], log=log and str(log), events=events)
        started = self._heard()
        if "refused" in started:
            raise AssertionError(started["refused"])
        ends = {name: open(f"/proc/{self._process.pid}/fd/{fd}", "w" if name == "stdin" else "r", buffering=1) for name, fd in started["fds"].items()}
        self._tell(taken=started["pid"])
        return Copy(self, started["pid"], ends)

    def train(self, work_dir: Path, stop_after: int | None = None, **changes) -> tuple[int, dict | None, Recorder]:
        """Returns its exit code, the result where it has one, and its events. `stop_after`: the step at whose event it is asked to stop."""
        events = Recorder()
        with self.start(str(write_run_file(work_dir, **changes)), "--supervised", log=work_dir / "log", events=True) as copy:
            for event in copy.told():
                events.sent.append(event)
                if event["type"] == "step" and event["step"] == stop_after:
                    copy.stdin.write("stop\n")
            code = copy.wait()
        return code, events.of("done")[0]["result"] if code == 0 else None, events

    def ended(self, pid: int) -> int:
        """Waits for the end of the copy, of which there is one at a time. Its exit code; that of a signal is negative, as subprocess has it."""
        said = self._heard()
        if said.get("pid") != pid:
            raise AssertionError(f"the warm process said {said}, and not how {pid} ended")
        return said["code"] if said["signal"] is None else -signal.Signals[said["signal"]]

    def _tell(self, **message) -> None:
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def _heard(self) -> dict:
        return json.loads(self._process.stdout.readline())


class Copy:
    """One of them: as a Popen, and what it tells of. Left, it is killed where it has not been waited for."""

    def __init__(self, warm: Warm, pid: int, ends: dict):
        self._warm, self.pid, self._ends = warm, pid, ends
        self.returncode: int | None = None
        self.stdin, self.stdout, self.stderr = (ends.get(name) for name in ("stdin", "stdout", "stderr"))

    def told(self) -> Iterator[dict]:
        """The events, while they come."""
        return map(json.loads, self._ends["events"])

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = self._warm.ended(self.pid)
        return self.returncode

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def __enter__(self) -> "Copy":
        return self

    def __exit__(self, *_) -> None:
        if self.returncode is None:
            os.killpg(self.pid, signal.SIGKILL)
            self.wait()
        for end in self._ends.values():
            with suppress(BrokenPipeError):
                end.close()


@cache
def warm() -> Warm:
    """The one that all tests have copies of, to the end of this process."""
    process = Warm()
    atexit.register(process.close)
    return process


def train_fresh(work_dir: Path, **changes) -> dict:
    """In a process that loads its libraries by itself. Returns its result."""
    reading, writing = os.pipe()
    arguments = [sys.executable, "-u", "-m", "trainer", str(write_run_file(work_dir, **changes)), "--events-fd", str(writing)]
    with subprocess.Popen(arguments, cwd=ROOT, pass_fds=[writing], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), open(reading) as told:
        os.close(writing)
        [result] = [event["result"] for event in map(json.loads, told) if event["type"] == "done"]
    return result
