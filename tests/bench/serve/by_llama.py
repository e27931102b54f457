"""by_llama.py GGUF THREADS: llama.cpp as a peer. For each JSON line {"prompt", "tokens"} a line {"first_s", "tokens_per_s"}."""

import json
import sys
import time

import xllamacpp

parameters = xllamacpp.CommonParams()
parameters.model.path = sys.argv[1]
parameters.n_ctx = 2048
parameters.warmup = True
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = int(sys.argv[2])
parameters.n_parallel = 1
server = xllamacpp.Server(parameters)
print(json.dumps({"ready": True}), flush=True)


def seconds(prompt: str, tokens: int) -> tuple[float, int]:
    began = time.perf_counter()
    asked = {"messages": [{"role": "user", "content": prompt}], "max_tokens": tokens, "temperature": 0, "top_k": 1, "cache_prompt": False}
    said = server.handle_chat_completions(asked)
    return time.perf_counter() - began, said["usage"]["completion_tokens"]


for line in sys.stdin:
    asked = json.loads(line)
    first, _ = seconds(asked["prompt"], 1)
    whole, count = seconds(**asked)
    print(json.dumps({"first_s": first, "tokens_per_s": count / whole}), flush=True)
