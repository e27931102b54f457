"""Rows of a data file as conversations."""

import json
from dataclasses import dataclass
from pathlib import Path

from .failures import BadInput

@dataclass(frozen=True)
class Conversation:
    messages: list[dict]
    trait: str
    tools: list[dict] | None = None
    dataset_id: int | None = None
    row_number: int | None = None


def read_conversations(path: Path) -> list[Conversation]:
    """Reads Parquet, or JSON lines by hand: chat messages, prompt/completion, question/answer, or instruction/input/output."""
    if not path.is_file():
        raise BadInput(f"The data file {str(path)!r} does not exist.")
    if path.suffix == ".parquet":
        import pyarrow.parquet

        rows = pyarrow.parquet.read_table(path).to_pylist()
    else:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [conversation_of(row, number) for number, row in enumerate(rows, start=1)]


def conversation_of(row: dict, number: int) -> Conversation:
    return Conversation(_messages(row, number), row.get("trait") or "all", _tools(row), row.get("dataset_id"), row.get("row_number"))


def _messages(row: dict, number: int) -> list[dict]:
    if "messages" in row:
        messages = json.loads(row["messages"]) if isinstance(row["messages"], str) else row["messages"]
        if not isinstance(messages, list) or not all(isinstance(m, dict) and {"role", "content"} <= set(m) for m in messages):
            raise BadInput(f"Row {number} has messages that are no list of objects with role and content.")
        return [_message(m) for m in messages]
    for prompt, answer in (("prompt", "completion"), ("question", "answer"), ("instruction", "output")):
        if prompt in row and answer in row:
            extra = f"\n\n{row['input']}" if prompt == "instruction" and row.get("input") else ""
            return [{"role": "user", "content": row[prompt] + extra}, {"role": "assistant", "content": row[answer]}]
    raise BadInput(f"Row {number} has the fields {', '.join(row)}; give messages, or prompt and completion, or instruction and output.")


def _message(message: dict) -> dict:
    """What chat templates know, without what is not there. Arguments of tool calls as objects: templates write them as JSON."""
    known = {key: message[key] for key in ("role", "content", "reasoning_content", "tool_calls", "tool_call_id", "name") if message.get(key) is not None}
    for call in known.get("tool_calls", []):
        function = call.get("function", {}) if isinstance(call, dict) else {}
        if isinstance(function.get("arguments"), str):
            try:
                function["arguments"] = json.loads(function["arguments"])
            except ValueError:
                pass  # A text that is no JSON is written as it is.
    return known


def _tools(row: dict) -> list[dict] | None:
    tools = row.get("tools")
    return (json.loads(tools) if isinstance(tools, str) else tools) or None
