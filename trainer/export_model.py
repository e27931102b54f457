"""python -m trainer.export_model RUN_FILE --work DIR --name NAME --wanted '{"format": "gguf", "quantization": "q8_0"}': takes the model that a run published to where
models are used, proves that it is the same model, and leaves its files in DIR/export. Tells how far it is as JSON lines on file descriptor 3; begun again, it goes on
behind the last finished stage. `trainer/exports/` has a module for each format.
"""

import argparse
import json
import sys
import traceback
from importlib import import_module
from pathlib import Path

from .exports.formats import FORMATS
from .exports.making import Made, Making
from .platform.alone import alone_in
from .platform.events import Events
from .platform.failures import as_failure
from .platform.supervision import Commands, obey_stdin
from .runs.run_file import read_run_file


def make(making: Making, wanted: dict) -> Made:
    return import_module(f".exports.{FORMATS[wanted['format']]}", __package__).make(making, wanted)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m trainer.export_model", description=__doc__)
    parser.add_argument("run_file", type=Path, metavar="RUN_FILE")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--wanted", type=json.loads, required=True)
    chosen = parser.parse_args()
    obey_stdin(Commands())
    events = Events(3)
    try:
        with alone_in(chosen.work):
            made = make(Making(read_run_file(chosen.run_file), chosen.work, chosen.name, events), chosen.wanted)
    except Exception as error:
        traceback.print_exc()
        failure = as_failure(error)
        more = {"verification": getattr(failure, "found", None), "retry_after_s": getattr(failure, "retry_after_s", None)}
        events.send("failed", kind=failure.kind, message=str(failure), **more)
        sys.exit(failure.code)
    events.send("done", **vars(made))


if __name__ == "__main__":
    main()
