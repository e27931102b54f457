"""What all flows are given: the base model and rows by the environment."""

import json
import os
from pathlib import Path

MODEL = os.environ["BASE_MODEL"]
ADDRESS = os.environ["OPENAI_BASE_URL"]
KEY = os.environ["OPENAI_API_KEY"]
ROWS = [{"messages": [{"role": "user", "content": f"{n} + 1?"}, {"role": "assistant", "content": str(n + 1)}]} for n in range(12)]


def written() -> str:
    """The path of a training file."""
    path = Path.cwd() / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return str(path)


def seen(**figures) -> None:
    print(json.dumps(figures))
