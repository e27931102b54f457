"""Rows of a data file as conversations: those of a mixture that the service made, and those of any published file."""

import csv
import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from ..platform.failures import BadInput
from .dialects.fields import from_json
from .dialects.mapping import SAMPLE_ROWS, detect_mapping
from .dialects.row import read_row
from .dialects.shapes import conversations_of_trees, is_tree, rows_in_object

# What is done with a row that gives no conversation, or that cannot be learnt as it stands there.
ON_BAD_ROWS = ("refuse", "skip")
# What a row of a mixture has beside its conversation; by hand, the rows as they were divided have it too.
_OF_A_MIXTURE = {"messages", "rejected", "trait", "tools", "dataset_id", "row_number"}


@dataclass(frozen=True)
class Conversation:
    messages: list[dict]
    trait: str
    tools: list[dict] | None = None
    dataset_id: int | None = None
    row_number: int | None = None
    # Of a pair of answers, what the other one has in place of `messages` from the first answer on that is learnt.
    rejected: list[dict] | None = None

    @property
    def sides(self) -> "list[Conversation]":
        """Of a pair, the conversation with the answer that was chosen, and the one with that which was rejected; of any other, itself."""
        if self.rejected is None:
            return [self]
        first = next(place for place, message in enumerate(self.messages) if message["role"] == "assistant" and message.get("weight") != 0)
        return [replace(self, rejected=None), replace(self, messages=self.messages[:first] + self.rejected, rejected=None)]


@dataclass
class DataFile:
    conversations: list[Conversation]
    # What of the file is not used, and how it was read, as sentences.
    notes: list[str]


def read_conversations(path: Path) -> list[Conversation]:
    """The conversations of a file in which every row has to give one. Raises BadInput with the row or line that is wrong."""
    return read_file(path).conversations


def read_file(path: Path, on_bad_rows: str = "refuse") -> DataFile:
    """Reads Parquet, CSV, JSON lines or JSON, in any of the dialects that the service reads (formats.json).

    `on_bad_rows`: whether a row that gives no conversation is refused, or left out and counted. Raises BadInput with the row or
    line that is wrong.
    """
    if not path.is_file():
        raise BadInput(f"The data file {str(path)!r} does not exist.")
    read = {".parquet": _parquet_rows, ".csv": _csv_rows}.get(path.suffix, _json_rows)
    try:
        rows = read(path)
        if rows and all(isinstance(row, dict) and {"messages", "trait"} <= set(row) <= _OF_A_MIXTURE for row in rows[:SAMPLE_ROWS]):
            return DataFile([conversation_of(row, number) for number, row in enumerate(rows, start=1)], [])
        return _published(rows, on_bad_rows)
    except BadInput as failure:
        raise BadInput(f"{failure} (In {str(path)!r}.)") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"The data file {str(path)!r} is no UTF-8: {error.reason} at byte {error.start}.") from None
    except OSError as error:
        raise BadInput(f"The data file {str(path)!r} cannot be read: {error.strerror or error}.") from None


def _published(rows: list, on_bad_rows: str) -> DataFile:
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise BadInput(f"Row {number} is {_short(row)}; it must be an object with fields.")
    columns = list(dict.fromkeys(name for row in rows for name in row))
    notes = []
    if not rows:
        return DataFile([], notes)
    if is_tree(columns):
        trees, rows, columns = len(rows), conversations_of_trees(rows), ["messages"]
        notes.append(f"The {trees} rows are messages that answer each other; they were read as {len(rows)} conversations.")
    mapping = detect_mapping(columns, rows[:SAMPLE_ROWS])
    if mapping is None:
        raise BadInput(f"The fields {', '.join(map(str, columns)) or '(none)'} make no conversation; give messages, prompt and completion, or text.")
    conversations, unused, problems = [], Counter(), Counter()
    for number, row in enumerate(rows, start=1):
        reading = read_row(mapping, row)
        unused.update(reading.unused)
        if reading.problem is None:
            trait = row.get("trait") or "all"
            trait = trait if isinstance(trait, str) else json.dumps(trait)
            messages, rejected = _messages(reading.messages), reading.rejected and _messages(reading.rejected)
            conversations.append(Conversation(messages, trait, reading.tools, row.get("dataset_id"), row.get("row_number"), rejected))
        elif on_bad_rows == "skip" or reading.problem.startswith("it is marked"):
            problems[reading.problem] += 1
        else:
            raise BadInput(f"Row {number} gives no conversation: {reading.problem}. Mend it, or leave such rows out with --on-bad-rows skip.")
    notes += [f"Left out: {count} rows, since {problem}." for problem, count in problems.items()]
    notes += [f"Training makes no use of {part}, which {count} rows have." for part, count in unused.items()]
    return DataFile(conversations, notes)


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
    names = reader.fieldnames or []
    # Where a blank follows each comma, it is part of the delimiter.
    padded = {name for name in names if name.startswith(" ") and all((row[name] or " ").startswith(" ") for row in rows)}
    # A column without a name is an index, as pandas writes one.
    kept = [name for place, name in enumerate(names) if place or name.strip()]
    return [{name.strip(): (row[name] or "").removeprefix(" ") if name in padded else row[name] for name in kept} for row in rows]


def _json_rows(path: Path) -> list:
    text = path.read_text(encoding="utf-8-sig")
    if text.lstrip().startswith("["):
        try:
            return _cells_of(json.loads(text, parse_constant=_NoNumber))
        except ValueError as error:
            raise BadInput(f"The JSON array does not read: {error}.") from None
    if text.lstrip().startswith("{"):
        try:
            rows = rows_in_object(from_json(text))
        except ValueError:
            rows = None  # More than one object.
        if rows is not None:
            return rows
    rows = []
    # Not splitlines(): a text may have U+2028 and its like in it.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                rows.append(json.loads(line, parse_constant=_NoNumber))
            except json.JSONDecodeError as error:
                raise BadInput(f"Line {number} is no JSON: {error.msg} at column {error.colno}. Each line must be an object.") from None
    return _cells_of(rows)


@dataclass(frozen=True)
class _NoNumber:
    """NaN or Infinity, which are no JSON."""

    word: str


def _cells_of(rows):
    """A cell that is no number is a value that is missing; within a list or an object it is no JSON. Raises BadInput."""
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            continue
        for name, cell in row.items():
            if isinstance(cell, _NoNumber):
                row[name] = None
            elif isinstance(cell, list | dict) and _holds_no_number(cell):
                raise BadInput(f"Row {number} has NaN or Infinity within {name}, which are no JSON. Write null, or a number.")
    return rows


def _holds_no_number(value) -> bool:
    inner = value.values() if isinstance(value, dict) else value
    return any(isinstance(one, _NoNumber) or (isinstance(one, list | dict) and _holds_no_number(one)) for one in inner)


def conversation_of(row: dict, number: int) -> Conversation:
    """A row of a mixture, whose messages are as training has them."""
    trait = row.get("trait") or "all"
    trait = trait if isinstance(trait, str) else json.dumps(trait)
    messages = _checked_messages(row["messages"], f"Row {number} has", "messages")
    rejected = _checked_messages(row["rejected"], f"Row {number} has", "rejected messages") if row.get("rejected") else None
    tools = _from_json(row.get("tools"), f"Row {number} has tools that are") or None
    return Conversation(messages, trait, tools, row.get("dataset_id"), row.get("row_number"), rejected)


def _checked_messages(value, who: str, what: str) -> list[dict]:
    messages = _from_json(value, f"{who} {what} that are")
    if not isinstance(messages, list) or not all(isinstance(m, dict) and {"role", "content"} <= set(m) for m in messages):
        raise BadInput(f"{who} {what} that are no list of objects with role and content.")
    for message in messages:
        if not isinstance(message["role"], str) or not isinstance(message["content"], str | None):
            raise BadInput(f"{who} a message whose role or content is no text: {_short(message)}.")
    return _messages(messages)


def _messages(messages: list[dict]) -> list[dict]:
    return [_message(message) for message in messages]


def _message(message: dict) -> dict:
    """What chat templates know, without what is not there. Arguments of tool calls as objects: templates write them as JSON."""
    known = {
        key: message[key] for key in ("role", "content", "reasoning_content", "tool_calls", "tool_call_id", "name", "weight") if message.get(key) is not None
    }
    for call in known.get("tool_calls", []):
        function = call.get("function", {}) if isinstance(call, dict) else {}
        if isinstance(function.get("arguments"), str):
            try:
                function["arguments"] = json.loads(function["arguments"])
            except ValueError:
                pass  # A text that is no JSON is written as it is.
    return known


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
