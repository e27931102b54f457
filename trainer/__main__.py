"""python -m trainer run.json: trains, validates or checks as the run file says. Exit codes: failures.py."""

import argparse
import os
import sys
import traceback
from importlib.metadata import version
from pathlib import Path

from . import failures
from .events import Events
from .failures import Stopped, as_failure
from .rows import read_conversations
from .run_file import PROTOCOL, read_run_file
from .supervision import Commands, obey_stdin


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m trainer", description=__doc__)
    parser.add_argument("run_file", type=Path)
    parser.add_argument("--events-fd", type=int, help="write events as JSON lines to this file descriptor")
    parser.add_argument("--supervised", action="store_true", help="obey commands on standard input, and die when it closes")
    arguments = parser.parse_args()

    # Nothing is ever fetched: what the run needs is on this machine, or the run says what is missing. No bars in the log.
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false", HF_HUB_DISABLE_TELEMETRY="1", TQDM_DISABLE="1")
    commands = Commands()
    if arguments.supervised:
        obey_stdin(commands)
    events = Events(arguments.events_fd)
    try:
        events.send("done", result=run(arguments.run_file, events, commands))
        return failures.DONE
    except Stopped:
        return failures.STOPPED
    except BaseException as error:  # noqa: BLE001: every way to end has its code and its sentence.
        failure = as_failure(error)
        if failure.code == failures.CRASH:
            traceback.print_exc()
        events.send("error", **{"class": failure.kind, "message": str(failure)})
        return failure.code


def run(path: Path, events: Events, commands: Commands) -> dict:
    """Reads all there is to read before the slow imports, so that a mistake in it is told at once."""
    run_file = read_run_file(path)
    events.send("hello", protocol=PROTOCOL, pid=os.getpid(), task=run_file.task, versions={"torch": version("torch"), "transformers": version("transformers")})
    events.send("phase", phase="loading_data", message=None)
    if run_file.task == "train":
        events.keep(run_file.work_dir / "events" / f"e{run_file.lease_epoch}.jsonl")
    train = read_conversations(run_file.train) if run_file.task == "train" else []
    held_out = read_conversations(run_file.held_out) if run_file.held_out else []
    # What each needs is imported now, and no more: it takes seconds.
    if run_file.task == "train" and run_file.training_type == "rag":
        from .indexing import index

        return index(run_file, train, held_out, events, commands)
    if run_file.task == "train":
        from .training import train as train_model

        return train_model(run_file, train, held_out, events, commands)
    if run_file.training_type == "rag":
        from .retrieval import validate as validate_bundle

        return validate_bundle(run_file, held_out, events)
    from .validation import validate

    return validate(run_file, held_out, events)


sys.exit(main())
