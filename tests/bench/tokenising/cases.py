"""cases.py DIRECTORY: writes a tokenizer there, and cases.json: chat templates of published models with conversations of one turn and of 64."""

import json
import random
import sys
from pathlib import Path

from trainer.tests import packages
from trainer.tests.conformance import TOOLS, assistant, call, result, user

MOST_ROWS = {1: 24000, 64: 240}
# Template, kind of conversation, turns.
CASES = [
    ("smollm2:135m", "plain", 1), ("smollm2:135m", "plain", 64), ("smollm2:135m", "HTML", 64), ("smollm2:135m", "thoughts", 64),
    ("qwen2.5:0.5b", "calls", 1), ("qwen2.5:0.5b", "calls", 64), ("llama3.1:8b", "calls", 64),
    ("trl/qwen3", "plain", 1), ("trl/qwen3", "plain", 64), ("trl/qwen3", "thoughts", 64), ("trl/glm4moe", "plain", 64), ("trl/qwen3_5_think", "plain", 64),
]  # fmt: skip


def main() -> None:
    directory = Path(sys.argv[1])
    packages.smollm2().save_pretrained(directory)
    words = sorted({word for text in packages.templates().values() for word in text.split() if word.isalpha()})
    cases = []
    for name, kind, turns in CASES:
        rng = random.Random(7)
        rows = [conversation(lambda count: " ".join(rng.choices(words, k=count)).capitalize() + ".", kind, turns) for _ in range(MOST_ROWS[turns])]
        cases.append({"template": name, "kind": kind, "turns": turns, "source": packages.templates()[name], "tools": TOOLS if kind == "calls" else None, "rows": rows})
    (directory / "cases.json").write_text(json.dumps(cases), encoding="utf-8")


def conversation(text, kind: str, turns: int) -> list[dict]:
    """Questions of 12 words, answers of 25."""
    messages = []
    for _ in range(turns):
        messages.append(user(text(12)))
        if kind == "calls":
            messages += [call(text(2)), result(text(4))]
        said = {"HTML": f"<p>{text(25)}</p>", "thoughts": f"<think>\n{text(8)}\n</think>\n\n{text(25)}"}.get(kind) or text(25)
        messages.append(assistant(said))
    return messages


main()
