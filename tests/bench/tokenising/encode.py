"""encode.py DIRECTORY: what the trainer on PYTHONPATH takes to encode rows of a case of cases.json. A line of JSON on standard input, {"case", "rows", "processes",
"hashed"}, asks for one; a line of JSON tells of it."""

import hashlib
import json
import resource
import sys
import time
from importlib import import_module
from pathlib import Path


def of_trainer(*names: str):
    """The first of these modules that the trainer on PYTHONPATH has: earlier versions had all of them in one folder."""
    for name in names:
        try:
            return import_module(f"trainer.{name}")
        except ModuleNotFoundError:
            continue
    raise ModuleNotFoundError(f"The trainer on PYTHONPATH has none of {', '.join(names)}.")


of_trainer("platform.libraries", "libraries").prepare()  # As in a training.

load_tokenizer = of_trainer("base_models.models", "models").load_tokenizer
Conversation = of_trainer("datasets.rows", "rows").Conversation
# Before there was a choice of processes it stood with the encoding of a row.
encode_all = of_trainer("tokens.all_rows", "all_rows", "encoding").encode_all


def cpu_seconds() -> float:
    """Of this process and of those that it started and that have ended."""
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


directory = Path(sys.argv[1])
cases = json.loads((directory / "cases.json").read_text(encoding="utf-8"))
tokenizer = load_tokenizer(directory)
print("ready", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    case = cases[asked["case"]]
    tokenizer.chat_template = case["source"]
    rows = [Conversation(messages, "all", case["tools"]) for messages in case["rows"][: asked["rows"]]]
    options = {"processes": asked["processes"]} if asked["processes"] > 1 else {}
    encode_all(tokenizer, rows[:2], 1 << 20, "truncate")  # The template is compiled and tried.
    since, cpu_since = time.perf_counter(), cpu_seconds()
    data = encode_all(tokenizer, rows, 1 << 20, "truncate", **options)
    seconds, cpu = time.perf_counter() - since, cpu_seconds() - cpu_since
    of = len(data.rows) // len(rows) * asked["hashed"]
    digest = hashlib.sha256(json.dumps([[list(map(int, tokens)) for tokens in row.values()] for row in data.rows[:of]]).encode()).hexdigest()
    # What the tokenizer alone takes for all that is in a row once.
    texts = [tokenizer.decode(data.rows[-1]["input_ids"])] * 20
    cpu_since = time.process_time()
    for text in texts:
        tokenizer.backend_tokenizer.encode(text, add_special_tokens=False)
    alone = len(texts) / (time.process_time() - cpu_since)
    measured = {"rowsPerSecond": len(rows) / seconds, "rowsPerCpuSecond": len(rows) / cpu, "tokenizerRowsPerCpuSecond": alone}
    print(json.dumps({**measured, "examples": len(data.rows) // len(rows), "sha256": digest}), flush=True)
