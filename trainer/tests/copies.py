"""Trainings in copies of a warm process, as the service has them done."""

import json
import os
import subprocess
import sys
from pathlib import Path

from .support import ROOT, Recorder, write_run_file


class Warm:
    """The process, and one copy after another."""

    def __init__(self):
        command = [sys.executable, "-u", "-m", "trainer.warm", "trainings", " " * 4000]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self._ids = 0
        self._heard()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def train(self, work_dir: Path, stop_after: int | None = None, **changes) -> tuple[int, dict | None, Recorder]:
        """Returns its exit code, the result where it has one, and what it told. `stop_after`: it is told to stop when it tells of that step."""
        log = work_dir / "log"
        log.touch()
        self._ids += 1
        arguments = [str(write_run_file(work_dir, **changes)), "--events-fd", "3", "--supervised"]
        self._tell(id=self._ids, module="trainer", arguments=arguments, log=str(log), events=True)
        started = self._heard()
        end = lambda name, mode: open(f"/proc/{self._process.pid}/fd/{started['fds'][name]}", mode, buffering=1)  # noqa: E731
        events = Recorder()
        with end("stdin", "w") as stdin, end("events", "r") as told:
            self._tell(taken=started["pid"])
            for event in map(json.loads, told):
                events.sent.append(event)
                if event["type"] == "step" and event["step"] == stop_after:
                    stdin.write("stop\n")
        code = self._heard()["code"]
        return code, events.of("done")[0]["result"] if code == 0 else None, events

    def _tell(self, **message) -> None:
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def _heard(self) -> dict:
        return json.loads(self._process.stdout.readline())


def train_fresh(work_dir: Path, **changes) -> dict:
    """In a process that loads its libraries by itself. Returns its result."""
    reading, writing = os.pipe()
    arguments = [sys.executable, "-u", "-m", "trainer", str(write_run_file(work_dir, **changes)), "--events-fd", str(writing)]
    with subprocess.Popen(arguments, cwd=ROOT, pass_fds=[writing], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), open(reading) as told:
        os.close(writing)
        [result] = [event["result"] for event in map(json.loads, told) if event["type"] == "done"]
    return result
