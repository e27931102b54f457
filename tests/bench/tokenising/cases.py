"""cases.py DIRECTORY [FILE]: writes a tokenizer there, and cases.json: chat templates of published models with conversations of one turn and of 64, and with the
rows of a data file, by themselves and 64 in one."""

import json
import random
import sys
from pathlib import Path

from trainer.datasets.rows import read_conversations
from trainer.tests import packages
from trainer.tests.conversations import TOOLS, assistant, call, result, user

MOST_ROWS = {1: 24000, 64: 240}
OF_FILE = "of the file"
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
    given = [row.messages for row in read_conversations(Path(sys.argv[2]))] if len(sys.argv) > 2 else []
    in_file = {1: given, 64: [sum(given[start : start + 64], []) for start in range(0, len(given) - 63, 64)]}
    for name, kind, turns in CASES + ([("smollm2:135m", OF_FILE, turns) for turns in in_file] if given else []):
        rng = random.Random(7)
        rows = in_file[turns] if kind == OF_FILE else [conversation(lambda count: " ".join(rng.choices(words, k=count)).capitalize() + ".", kind, turns) for _ in range(MOST_ROWS[turns])]
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
