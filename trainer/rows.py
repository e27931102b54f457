"""Rows of a data file as conversations."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

from .failures import BadInput

PAIRS = (("prompt", "completion"), ("question", "answer"), ("instruction", "output"))


@dataclass(frozen=True)
class Conversation:
    messages: list[dict]
    trait: str
    tools: list[dict] | None = None
    dataset_id: int | None = None
    row_number: int | None = None


def read_conversations(path: Path) -> list[Conversation]:
    """Reads Parquet, CSV, JSON lines or a JSON array: chat messages, prompt/completion, question/answer, or instruction/input/output.

    Raises BadInput with the row or line that is wrong.
    """
    if not path.is_file():
        raise BadInput(f"The data file {str(path)!r} does not exist.")
    read = {".parquet": _parquet_rows, ".csv": _csv_rows}.get(path.suffix, _json_rows)
    try:
        return [conversation_of(row, number) for number, row in enumerate(read(path), start=1)]
    except BadInput as failure:
        raise BadInput(f"{failure} (In {str(path)!r}.)") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"The data file {str(path)!r} is no UTF-8: {error.reason} at byte {error.start}.") from None
    except OSError as error:
        raise BadInput(f"The data file {str(path)!r} cannot be read: {error.strerror or error}.") from None


def _parquet_rows(path: Path) -> list[dict]:
    import pyarrow.parquet

    try:
        return pyarrow.parquet.read_table(path).to_pylist()
    except pyarrow.ArrowException as error:
        raise BadInput(f"The data file is no Parquet: {error}") from None


def _csv_rows(path: Path) -> list[dict]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            rows = list(reader)
        except csv.Error as error:
            raise BadInput(f"Line {reader.line_num} is no CSV: {error}.") from None
    for number, row in enumerate(rows, start=1):
        if None in row:
            raise BadInput(f"Row {number} has more fields than the first line has names. Quote texts that have commas in them.")
    return rows


def _json_rows(path: Path) -> list:
    text = path.read_text(encoding="utf-8-sig")
    if text.lstrip().startswith("["):
        try:
            return json.loads(text)
        except ValueError as error:
            raise BadInput(f"The JSON array does not read: {error}.") from None
    rows = []
    # Not splitlines(): a text may have U+2028 and its like in it.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError as error:
                raise BadInput(f"Line {number} is no JSON: {error.msg} at column {error.colno}. Each line must be an object.") from None
    return rows


def conversation_of(row: dict, number: int) -> Conversation:
    if not isinstance(row, dict):
        raise BadInput(f"Row {number} is {_short(row)}; it must be an object with fields.")
    trait = row.get("trait") or "all"
    trait = trait if isinstance(trait, str) else json.dumps(trait)
    return Conversation(_messages(row, number), trait, _tools(row, number), row.get("dataset_id"), row.get("row_number"))


def _messages(row: dict, number: int) -> list[dict]:
    if "messages" in row:
        messages = _from_json(row["messages"], f"Row {number} has messages that are")
        if not isinstance(messages, list) or not all(isinstance(m, dict) and {"role", "content"} <= set(m) for m in messages):
            raise BadInput(f"Row {number} has messages that are no list of objects with role and content.")
        for message in messages:
            if not isinstance(message["role"], str) or not isinstance(message["content"], str | None):
                raise BadInput(f"Row {number} has a message whose role or content is no text: {_short(message)}.")
        return [_message(m) for m in messages]
    for prompt, answer in PAIRS:
        if prompt in row and answer in row:
            extra = row.get("input") or "" if prompt == "instruction" else ""
            for name, value in ((prompt, row[prompt]), (answer, row[answer]), ("input", extra)):
                if not isinstance(value, str):
                    raise BadInput(f"Row {number} has a {name} that is {_short(value)}; it must be a text.")
            if not row[answer].strip():
                raise BadInput(f"Row {number} has an empty {answer}, so nothing could be learnt from it. Fill it or leave the row out.")
            return [{"role": "user", "content": row[prompt] + (f"\n\n{extra}" if extra else "")}, {"role": "assistant", "content": row[answer]}]
    raise BadInput(f"Row {number} has the fields {', '.join(map(str, row)) or '(none)'}; give messages, or {', or '.join(f'{a} and {b}' for a, b in PAIRS)}.")


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


def _tools(row: dict, number: int) -> list[dict] | None:
    return _from_json(row.get("tools"), f"Row {number} has tools that are") or None


def _from_json(value, who: str):
    if not isinstance(value, str) or not value.strip():
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise BadInput(f"{who} no JSON: {error}.") from None


def _short(value) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
