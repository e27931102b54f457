"""A tiny real model, a small data file, and trainings in this process or in one of their own."""

import io
import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stderr
from copy import deepcopy
from functools import cache
from pathlib import Path
from unittest import mock

from ..datasets.rows import read_conversations
from ..platform.events import Events
from ..platform.failures import Stopped
from ..platform.supervision import Commands
from ..runs.run_file import read_run_file

ROOT = Path(__file__).parents[2]
NAME = "mtm/tiny-random-llama"
HYPERPARAMETERS = {
    "batch_size": 2, "gradient_accumulation": 2, "learning_rate": 1e-3, "epochs": 2, "lora_r": 4, "lora_alpha": 8,
    "lora_dropout": 0.1, "max_length": 64, "seed": 1, "save_steps": 3, "max_steps": None,
    "batching": "like_length",
}


@cache
def shared() -> Path:
    """A directory with the model and the data, kept until the process ends."""
    from .. import install_model

    directory = tempfile.TemporaryDirectory(prefix="mtm-trainer-")
    shared.keep = directory
    root = Path(directory.name)
    with redirect_stderr(io.StringIO()):
        install_model.install(root / "installed", _made(root / "scratch"), install_model.make_tiny)
    rows = [{"prompt": f"question {i}", "completion": f"answer {i % 7}", "trait": "ab"[i % 2]} for i in range(22)]
    (root / "train.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (root / "held_out.jsonl").write_text("\n".join(json.dumps(row) for row in rows[:6]))
    return root


def _made(path: Path) -> Path:
    path.mkdir()
    return path


@cache
def hub() -> Path:
    """A cache of Hugging Face's with the model, by its name."""
    folder = _made(shared() / "hub")
    (folder / f"models--{NAME.replace('/', '--')}").symlink_to(shared() / "installed")
    return folder


def model_path() -> Path:
    installed = shared() / "installed"
    return installed / "snapshots" / (installed / "refs" / "main").read_text()


class Trainings(unittest.TestCase):
    """With a folder for each training, which are gone afterwards."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.work = Path(directory.name)

    def fresh(self, name: str) -> Path:
        path = self.work / name
        path.mkdir()
        return path


# For tests that validate: 64 tokens to each of the prompts that every model is asked take longer than all else, and most tests do not read them.
few_words = mock.patch("trainer.validation.validation.FIXED_PROMPT_TOKENS", 4)


def write_run_file(work_dir: Path, /, **changes) -> Path:
    run = {
        "protocol": 1, "task": "train", "run_id": 1, "lease_epoch": 1, "training_type": "qlora",
        "model": {"name": NAME, "path": str(model_path())},
        "data": {"train": str(shared() / "train.jsonl"), "held_out": str(shared() / "held_out.jsonl")},
        "work_dir": str(work_dir), "output_dir": str(work_dir / "output"), "hyperparameters": HYPERPARAMETERS,
        "threads": 1, "save_share": None, "known_checkpoint_step": None, "validation": {"max_rows_per_trait": 3, "max_new_tokens": 4},
    }
    path = work_dir / "run.json"
    path.write_text(json.dumps({**run, **changes}))
    return path


class Recorder(Events):
    def __init__(self, on_event=lambda event: None):
        self.sent: list[dict] = []
        self.on_event = on_event

    def send(self, type: str, **data) -> None:
        event = {"type": type, **data}
        self.sent.append(event)
        self.on_event(event)

    def make_durable(self) -> None:
        """Nothing is kept."""

    def of(self, type: str) -> list[dict]:
        return [event for event in self.sent if event["type"] == type]


def warnings(events: Recorder) -> list[str]:
    return [event["message"] for event in events.of("log") if event["level"] == "warning"]


def ending_early(held_out: Path, **chosen) -> dict:
    """For train_here: a training with patience, whose loss on rows that it writes to `held_out` falls for a while, and then rises: what it learns is of no use for
    them. It ends early, at a step after the best."""
    rows = [{"prompt": f"question {i}", "completion": "bird fish", "trait": "a"} for i in range(3)]
    held_out.write_text("\n".join(map(json.dumps, rows)))
    patient = {"learning_rate": 0.02, "epochs": 5, "eval_steps": 2, "early_stopping_patience": 2, "save_steps": 1}
    return {"data": {"train": str(shared() / "train.jsonl"), "held_out": str(held_out)}, "hyperparameters": {**HYPERPARAMETERS, **patient, **chosen}}


def train_here(work_dir: Path, on_event=lambda event, commands: None, **changes) -> tuple[dict, Recorder]:
    from ..training.training import train

    run = read_run_file(write_run_file(work_dir, **changes))
    commands = Commands()
    events = Recorder(lambda event: on_event(event, commands))
    held_out = read_conversations(run.held_out) if run.held_out else []
    return train(run, read_conversations(run.train), held_out, events, commands), events


def train_once(work_dir: Path, **changes) -> tuple[dict, Recorder]:
    """As train_here, of a training that nobody disturbs. Many tests compare with the same one: it is done once in this process, and what it left is copied."""
    return _copied("whole", work_dir, lambda folder: train_here(folder, **changes), changes)


def stop_once(work_dir: Path, last: int, **changes) -> None:
    """What a training leaves that is asked for a stop at that step (stop_at). Done once as well."""

    def stopped(folder: Path) -> tuple[dict, Recorder]:
        try:
            train_here(folder, stop_at(last), **changes)
        except Stopped:
            return {}, Recorder()
        raise AssertionError(f"it came to its end before step {last}")

    _copied(f"stopped at {last}", work_dir, stopped, changes)


_kept: dict[tuple[str, str], tuple[Path, dict, list[dict]]] = {}


def _copied(end: str, work_dir: Path, train, changes: dict) -> tuple[dict, Recorder]:
    key = end, json.dumps({"training_type": "qlora", "hyperparameters": HYPERPARAMETERS, **changes}, sort_keys=True)
    if key not in _kept:
        folder = _made(shared() / f"training-{len(_kept) + 1}")
        result, events = train(folder)
        _kept[key] = folder, result, events.sent
    folder, result, sent = deepcopy(_kept[key])
    shutil.copytree(folder, work_dir, dirs_exist_ok=True)
    events = Recorder()
    events.sent = sent
    return result, events


def stop_at(last: int):
    """For train_here: asks for a stop when that step is told. It is heard after the next."""
    def stop(event, commands):
        if event["type"] == "step" and event["step"] == last:
            commands.stop.set()

    return stop


def start(run_file: Path, supervised: bool = False) -> subprocess.Popen:
    arguments = [sys.executable, "-u", "-m", "trainer", str(run_file)] + (["--supervised"] if supervised else [])
    return subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def start_command(module: str, *arguments: str) -> subprocess.Popen:
    """Another command of the trainer, in a process of its own."""
    return subprocess.Popen([sys.executable, "-u", "-m", module, *arguments], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
