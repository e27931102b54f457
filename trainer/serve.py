"""Has a model in memory, and answers with it: for trying and comparing models, not for many users.

  python -m trainer.serve --model DIRECTORY [--weights CHECKPOINT] [--device cpu|cuda:0] [--threads N]

On standard input come JSON lines:
  {"id", "messages", "tools"} or {"id", "prompt"} (a text, or tokens), with "adapter" (a directory), "max_tokens", "temperature", "top_p", "seed", "stop", "n",
  "top_logprobs", "frequency_penalty", "presence_penalty", "logit_bias", "schema" (the answer is JSON that it describes), "held_calls" ({"must",
  "tools": [{"name", "schema"}]}: calls are of these tools, with arguments that the schema describes, and the answer must be one),
  "echo" (the answer begins with the prompt); "renders_only": only the prompt is wanted
  {"leave": ID}                                                nobody waits for that answer any more
On standard output go JSON lines:
  {"ready": true, "context": TOKENS}                           the model is loaded
  {"id", "prompt", "prompt_tokens"}                            what the model is asked with, to the character
  {"id", "index", "text"}, with "logprobs" where wanted        of answer number `index`, as it is said
  {"id", "index", "text", "prompt_logprobs"}                   before that, what it was asked with, where that is wanted
  {"id", "index", "text", "finish", "calls"}                   its end: stop, length or tool_calls
  {"id", "done": true, "completion_tokens"}                    all answers have ended
  {"id", "error", "field", "code"}                             why there is no answer, or no more of it
It ends with its starter. Exit codes are those of failures.py, with the reason on standard error.
"""

import argparse
import json
import os
import sys
import threading
from pathlib import Path
from queue import Empty, SimpleQueue

from .platform import libraries
from .platform.failures import TrainerFailure
from .platform.supervision import die_with_parent, lines_of

# Trainings go first, and are the last ones that the kernel ends where memory is short.
_NICENESS = 10
_FIRST_TO_BE_ENDED = "1000"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m trainer.serve")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    die_with_parent()
    _give_way()
    libraries.prepare()
    try:
        return _serve(arguments)
    except TrainerFailure as failure:
        print(failure, file=sys.stderr)
        return failure.code


def _serve(arguments: argparse.Namespace) -> int:
    lines: SimpleQueue[str | None] = SimpleQueue()
    threading.Thread(target=_read, args=(lines,), daemon=True, name="stdin").start()
    import torch

    from .serving.engine import Engine
    from .serving.served_model import ServedModel

    torch.set_num_threads(arguments.threads)
    served = ServedModel(arguments.model, arguments.weights, arguments.device)
    engine = Engine(served, _write)
    _write({"ready": True, "context": served.context if served.context < float("inf") else None})
    while True:
        for line in _asked(lines, waits=not engine.has_work):
            if line is None:
                return 0
            said = json.loads(line)
            if "leave" in said:
                engine.leave(said["leave"])
            else:
                engine.ask(said)
        engine.turn()


def _read(lines: SimpleQueue) -> None:
    for line in lines_of(sys.stdin.fileno()):
        lines.put(line)
    lines.put(None)


def _asked(lines: SimpleQueue, waits: bool):
    """All that has been asked by now; the next one, where there is nothing else to do."""
    try:
        yield lines.get(block=waits)
        while True:
            yield lines.get_nowait()
    except Empty:
        return


def _give_way() -> None:
    os.nice(_NICENESS)
    if sys.platform == "linux":
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_BE_ENDED, encoding="ascii")


def _write(line: dict) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    # What was built up is not taken down: it takes long, and serves nobody.
    libraries.leave(main())
