"""Our trainer, as the service runs it, in turns. ours.py RUN_FILE ROWS: it also writes its rows as tokens to ROWS, in its order of the first epoch."""

import json
import sys
from pathlib import Path

from turns import Turns

from trainer.tokens.batches import LikeLengths
from trainer.tokens.all_rows import encode_all
from trainer.tokens.encoding import IGNORED
from trainer.platform.events import Events
from trainer.base_models.models import load_tokenizer
from trainer.datasets.rows import read_conversations
from trainer.runs.run_file import read_run_file
from trainer.platform.supervision import Commands
from trainer.training.training import train


class InTurns(Events):
    def __init__(self):
        super().__init__(None)
        self.turns = Turns()

    def send(self, type: str, **data):
        if type == "phase" and data["phase"] == "training":
            self.turns.wait()
        elif type == "step":
            self.turns.took(data["tokens"], data["loss"])


def write_rows(run, conversations, path: Path):
    hyper = run.hyperparameters
    rows = encode_all(load_tokenizer(run.model_path), conversations, hyper.max_length, hyper.too_long).rows
    order = LikeLengths([len(row["input_ids"]) for row in rows], hyper.batch_size * hyper.gradient_accumulation, hyper.seed)
    in_order = [{"input_ids": rows[i]["input_ids"].tolist(), "completion_mask": [int(label != IGNORED) for label in rows[i]["labels"]]} for i in order]
    path.write_text(json.dumps(in_order))


run = read_run_file(Path(sys.argv[1]))
conversations = read_conversations(run.train)
write_rows(run, conversations, Path(sys.argv[2]))
train(run, conversations, [], InTurns(), Commands())
