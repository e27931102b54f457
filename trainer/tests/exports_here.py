"""python -m trainer.tests.exports_here, with a JSON list of exports on standard input: makes them one after another in one process, whose PYTHONPATH has the
packages of exports, and prints what became of each as a line of JSON. (In the process of the other tests these packages would lie before the trainer's own.)"""

import json
import sys
from pathlib import Path

from ..export_model import make
from ..exports.making import Making
from ..platform.failures import BadInput
from ..runs.run_file import read_run_file
from .support import Recorder


def made(wanted: dict) -> dict:
    work = Path(wanted.pop("work"))
    work.mkdir(exist_ok=True)
    events = Recorder()
    try:
        result = vars(make(Making(read_run_file(Path(wanted.pop("run_file"))), work, "tuned", events), wanted))
    except BadInput as failure:
        result = {"refused": str(failure), "verification": getattr(failure, "found", None)}
    return {**result, "stages": list(dict.fromkeys(event["stage"] for event in events.of("stage")))}


if __name__ == "__main__":
    for each in json.load(sys.stdin):
        print(f"EXPORT {json.dumps(made(each))}", flush=True)
