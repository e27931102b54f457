"""What a training takes of the GPU's memory: `peak.py RUN_FILE`. Loads, takes its steps, and evaluates its longest row, as the service does; tells peaks as JSON."""

import json
import sys
import time
from pathlib import Path

from trainer.training.each_process import Setup, set_up_torch, trainer_of
from trainer.runs.run_file import read_run_file

run = read_run_file(Path(sys.argv[1]))
set_up_torch(run, run.threads)

import torch

from trainer.tokens.all_rows import encode_all
from trainer.platform.device import gpu_bytes, memory_bytes
from trainer.tokens.encoding import Example
from trainer.evaluation.held_out import HeldOutRow, losses_of
from trainer.base_models.models import load_tokenizer
from trainer.tokens.batches import Rank
from trainer.datasets.rows import read_conversations
from trainer.training.ways import ways_of


def peak(work) -> dict:
    """Of what it does; without a GPU, of the process from its beginning."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    began = time.perf_counter()
    work()
    return {"bytes": memory_bytes(), "seconds": time.perf_counter() - began}


def load():
    global trainer
    ways = ways_of(run, gpu_bytes())
    setup = Setup(run, "", run.work_dir, None, run.hyperparameters.max_steps, run.threads, ways)
    trainer = trainer_of(setup, Rank(0, 1), tokenizer, rows)


tokenizer = load_tokenizer(run.model_path)
rows = encode_all(tokenizer, read_conversations(run.train), run.hyperparameters.max_length, run.hyperparameters.too_long).rows
figures = {"optimizer": ways_of(run, gpu_bytes()).optimizer, "tokens": max(len(row["input_ids"]) for row in rows), "loading": peak(load), "steps": peak(lambda: trainer.train())}
longest = max(rows, key=lambda row: len(row["input_ids"]))
held_out = HeldOutRow([Example(list(longest["input_ids"]), list(longest["labels"]))], None)
trainer.model.eval()
figures["evaluation"] = peak(lambda: losses_of(trainer.model, tokenizer.pad_token_id, [held_out], 1))
print(json.dumps(figures))
