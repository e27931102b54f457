"""Steps of a small model, once a line comes on standard input: writes their seconds, and those of the processor."""

import os
import sys
import time

os.environ["TORCHDYNAMO_DISABLE"] = "1"
import torch  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM  # noqa: E402

hidden, layers, rows, steps = map(int, sys.argv[1:])
torch.set_num_threads(os.cpu_count() or 1)
torch.manual_seed(0)
size = {"hidden_size": hidden, "intermediate_size": 2 * hidden, "num_attention_heads": 4, "num_key_value_heads": 2}
model = LlamaForCausalLM(LlamaConfig(num_hidden_layers=layers, vocab_size=8192, **size))
tokens = torch.randint(0, 8192, (rows, 64))


def step():
    model(input_ids=tokens, labels=tokens).loss.backward()
    model.zero_grad()


step()
print("ready", flush=True)
sys.stdin.readline()
wall, cpu = time.perf_counter(), time.process_time()
for _ in range(steps):
    step()
print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)
