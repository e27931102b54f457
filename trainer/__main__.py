"""Trains a language model on your rows, and compares it with what it was on rows that it has not seen.

  python -m trainer train --data rows.jsonl --model DIRECTORY_OR_NAME --output DIRECTORY [options]
  python -m trainer run run.json        does what a run file says, as the service has it done (README.md)
"""

import argparse
import sys
import traceback
from pathlib import Path

from . import by_hand, tasks
from .platform import failures, libraries
from .platform.events import Events
from .platform.failures import Stopped, as_failure
from .platform.supervision import Commands, obey_interrupt, obey_stdin

MORE = """
example, from nothing but this package's requirements:
  python -m trainer.install_model smollm2-135m --cache ~/.cache/huggingface/hub
  for i in $(seq 60); do echo "{\\"prompt\\": \\"$i?\\", \\"completion\\": \\"So says $i.\\"}"; done > rows.jsonl
  python -m trainer train --data rows.jsonl --model HuggingFaceTB/SmolLM2-135M-Instruct-dequantized-q4_1 --output tuned

Rows are JSON lines, a JSON array, CSV or Parquet, with messages (as in chats), prompt and completion, question and answer,
or instruction (and input) and output. A model is a directory, or one in the Hugging Face cache (HF_HOME, HF_HUB_CACHE) under
its name; training fetches nothing. The tuned model is in tuned/model then. Ctrl-C saves and stops; the same command goes on.
All options: python -m trainer train --help

exit codes:
"""


def main(given: list[str]) -> int:
    arguments = parse(given)
    libraries.prepare()
    commands = Commands()
    events = Events(arguments.events_fd)
    if arguments.supervised:
        obey_stdin(commands)
    try:
        if arguments.command == "train":
            obey_interrupt(commands)
            by_hand.train(arguments, events, commands)
        else:
            events.send("done", result=tasks.run(arguments.run_file, events, commands))
        return failures.DONE
    except Stopped:
        return failures.STOPPED
    except BaseException as error:  # noqa: BLE001: every way to end has its code and its sentence.
        failure = as_failure(error)
        if failure.code == failures.CRASH:
            traceback.print_exc()
        events.send("error", **{"class": failure.kind, "message": str(failure)})
        return failure.code


def parse(given: list[str]) -> argparse.Namespace:
    codes = "\n".join(f"  {code:<3}  {meaning}" for code, meaning in failures.MEANINGS.items())
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m trainer", usage=argparse.SUPPRESS, description=__doc__, epilog=MORE + codes, formatter_class=as_written)
    parser.set_defaults(events_fd=None, supervised=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="", help=argparse.SUPPRESS)

    by_hand.add_options(commands.add_parser("train", prog="python -m trainer train", description=by_hand.__doc__))

    run = commands.add_parser("run", prog="python -m trainer run", description="Trains, validates or checks as a run file says: README.md has its fields.")
    run.add_argument("run_file", type=Path)
    run.add_argument("--events-fd", type=int, help="write events as JSON lines to this file descriptor")
    run.add_argument("--supervised", action="store_true", help="obey commands on standard input, and die when it closes")
    # A run file alone is enough: so the service starts it.
    return parser.parse_args(["run", *given] if given and given[0].endswith(".json") else given or ["--help"])


if __name__ == "__main__":
    libraries.leave(main(sys.argv[1:]))
