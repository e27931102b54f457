"""Trainings by several processes, any of which may be killed, and what they leave."""

import hashlib
import json
from pathlib import Path

from .copies import warm
from .support import Trainings, write_run_file


class Together(Trainings):
    """A training by several processes."""

    def train(self, work: Path, at_step=None, end=lambda trainer: None, processes: int = 2, **changes) -> int:
        """In processes of its own, the first of which is a copy of a warm one, and the others always fresh ones; `end` is called once it tells of a step. Returns the
        exit code."""
        with warm().start(str(write_run_file(work, processes=processes, threads=2, **changes)), log=work / "log", events=True) as trainer:
            for event in trainer.told():
                if at_step and event["type"] == "step" and event["step"] == at_step:
                    end(trainer)
                    at_step = None
            self.assertIsNone(at_step, "it ended before that step")
            return trainer.wait()

    def kill_second(self, trainer) -> None:
        [second] = others_of(trainer)
        second.kill()


def others_of(trainer) -> list:
    """The processes beside the one that was started."""
    import psutil

    return [child for child in psutil.Process(trainer.pid).children() if "resource_tracker" not in " ".join(child.cmdline())]


def events_of(work: Path, type: str) -> list[dict]:
    lines = [line for file in sorted((work / "events").glob("e*.jsonl")) for line in file.read_text().splitlines()]
    return [event for event in map(json.loads, lines) if event["type"] == type]


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
