"""What a run file may ask for: to train, or to look at what was trained."""

import os
from importlib.metadata import version
from pathlib import Path

from .datasets.rows import Conversation, read_conversations
from .platform.events import Events
from .platform.failures import BadInput
from .platform.supervision import Commands
from .runs.checks import require_writable
from .runs.run_file import PROTOCOL, RunFile, read_run_file


def run(path: Path, events: Events, commands: Commands) -> dict:
    """Does what the run file at `path` says. Returns the result of `done`."""
    events.spans  # noqa: B018: they begin here.
    run_file = read_run_file(path)
    events.send("hello", protocol=PROTOCOL, pid=os.getpid(), task=run_file.task, versions={"torch": version("torch"), "transformers": version("transformers")})
    return train(run_file, events, commands) if run_file.task == "train" else validate(run_file, events)


def train(run_file: RunFile, events: Events, commands: Commands) -> dict:
    """Reads all there is to read before the slow imports, so that a mistake in it is told at once."""
    require_writable(run_file.work_dir, "work_dir")
    require_writable(run_file.output_dir, "output_dir")
    events.send("phase", phase="loading_data", message=None)
    events.keep(run_file.work_dir / "events" / f"e{run_file.lease_epoch}.jsonl")
    with events.spans.of("data"):
        conversations = read_conversations(run_file.train)
    if not conversations:
        raise BadInput(f"The data file {str(run_file.train)!r} has no rows.")
    held_out = _held_out(run_file)
    require_rows_of(run_file, conversations, "training")
    require_rows_of(run_file, held_out, "held-out")
    if run_file.training_type == "rag":
        from .retrieval.indexing import index

        return index(run_file, conversations, held_out, events, commands)
    from .training.training import train

    return train(run_file, conversations, held_out, events, commands)


def validate(run_file: RunFile, events: Events) -> dict:
    events.send("phase", phase="loading_data", message=None)
    with events.spans.of("data"):
        held_out = _held_out(run_file)
    if run_file.training_type == "rag":
        from .retrieval.retrieval import validate
    else:
        from .validation.validation import validate
    return validate(run_file, held_out, events)


def require_rows_of(run_file: RunFile, rows: list[Conversation], which: str) -> None:
    """That rows are pairs of answers where these are learnt, and nowhere else. Raises BadInput."""
    for number, row in enumerate(rows, start=1):
        if (row.rejected is not None) != run_file.learns_preferences:
            has = "has one answer, and dpo learns from a chosen and a rejected one" if run_file.learns_preferences else f"is a pair of answers, and {run_file.training_type} learns one"
            raise BadInput(f"Row {number} of the {which} data {has}. Choose another training_type, or other data.")


def _held_out(run_file: RunFile) -> list[Conversation]:
    return read_conversations(run_file.held_out) if run_file.held_out else []
