"""How much memory a training step takes, and an evaluation, on one row: `peak.py WHAT TOKENS LEARNT`, as JSON. (Linux)"""

import json
import re
import sys
import time
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from trainer.evaluation.answer_loss import AnswerLoss, most_logits
from trainer.tokens.encoding import IGNORED, Example
from trainer.evaluation.held_out import HeldOutRow, losses_of

VOCABULARY = 128_256  # Of Llama 3.


def bytes_of(name: str) -> int:
    return int(re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024


def all_logits(model, row):
    """As transformers computes a loss."""
    model(**inputs_of(row)).loss.backward()


def step(model, row):
    AnswerLoss(model, most_logits(on_gpu=False)).learnt(model, inputs_of(row), len(row.ids)).backward()


def evaluation(model, row):
    model.eval()
    losses_of(model, 0, [HeldOutRow([row], None)], 1)


def all_logits_of_evaluation(model, row):
    model.eval()
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([row.ids])).logits[0, :-1]
        learnt = torch.tensor(row.labels[1:]) != IGNORED
        torch.nn.functional.cross_entropy(logits[learnt].float(), torch.tensor(row.ids[1:])[learnt])


def inputs_of(row):
    return {"input_ids": torch.tensor([row.ids]), "labels": torch.tensor([row.labels])}


what, tokens, learnt = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.manual_seed(0)
config = LlamaConfig(vocab_size=VOCABULARY, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=tokens)
model = LlamaForCausalLM(config).train()
# As in a training of adapters, the base's own weights get no gradients.
model.requires_grad_(False)
for layer in model.model.layers:
    layer.requires_grad_(True)
ids = torch.randint(3, VOCABULARY, (tokens,)).tolist()
row = Example(ids, [IGNORED] * (tokens - learnt) + ids[tokens - learnt :])
short = Example(ids[:16], ids[:16])
work = globals()[what]
work(model, short)  # What is loaded and kept once is no part of it.
before = bytes_of("VmRSS")
Path("/proc/self/clear_refs").write_text("5")  # From here on the peak is counted anew.
began = time.monotonic()
work(model, row)
print(json.dumps({"bytes": bytes_of("VmHWM") - before, "seconds": time.monotonic() - began}))
