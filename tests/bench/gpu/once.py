"""One training as the service runs it: `once.py RUN_FILE [KILLED_AT]`. Tells the hash of its model as JSON, or is killed right after that step."""

import json
import os
import signal
import sys
from pathlib import Path

from trainer.platform.events import Events
from trainer.datasets.rows import read_conversations
from trainer.runs.run_file import read_run_file
from trainer.platform.supervision import Commands
from trainer.training.training import train


class Killing(Events):
    def __init__(self, killed_at: int | None):
        super().__init__(None)
        self.killed_at, self.resumed_from = killed_at, None

    def send(self, type: str, **data):
        if type == "resumed":
            self.resumed_from = data["step"]
        if type == "step" and data["step"] == self.killed_at:
            os.kill(os.getpid(), signal.SIGKILL)


run = read_run_file(Path(sys.argv[1]))
events = Killing(int(sys.argv[2]) if len(sys.argv) > 2 else None)
result = train(run, read_conversations(run.train), [], events, Commands())
print(json.dumps({"sha256": result["weights_sha256"], "steps": result["final_step"], "resumed_from": events.resumed_from}))
