"""Cells that hold messages."""

from .calls import read_tools
from .fields import FORMATS, RowProblem, is_nothing, json_list, maybe_json
from .messages import is_message


def is_conversation(cell) -> bool:
    """A cell that holds messages: a list of them, one, or an object that has them beside the tools."""
    value = maybe_json(cell) if isinstance(cell, str) else cell
    if isinstance(value, dict):
        return isinstance(value.get("messages"), list) or is_message(value)
    return isinstance(value, list) and any(one is not None for one in value) and all(one is None or is_message(one) for one in value)


def conversation_cell(cell, what: str, unused: set[str]) -> tuple[list, list[dict] | None]:
    if is_nothing(cell):
        raise RowProblem("there are no messages")
    value = json_list(cell, what) if isinstance(cell, str) else cell
    if isinstance(value, dict):
        if isinstance(value.get("messages"), list):
            return value["messages"], read_tools(value.get("tools"), unused)
        if is_message(value):
            return [value], None
        value = _rows(value) or value
    if not isinstance(value, list):
        raise RowProblem(f"the {what} are no list")
    return value, None


def _rows(value: dict) -> list[dict] | None:
    """Messages as a table by columns, in which Hugging Face datasets keep a sequence of objects: a list of roles, and one of texts."""
    columns = {name: column for name, column in value.items() if column is not None}
    names = FORMATS["message"]
    if not all(any(name in columns for name in names[part]) for part in ("role", "content")):
        return None
    if not all(isinstance(column, list) for column in columns.values()) or len(set(map(len, columns.values()))) != 1:
        return None
    return [dict(zip(columns, row)) for row in zip(*columns.values())]
