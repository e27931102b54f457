"""Files whose rows are not one object each: tables in one JSON object, and messages that say which message they answer."""

import re

from .fields import FORMATS, is_empty

_INDEX = re.compile(r"0|[1-9][0-9]*")
_TREE = FORMATS["tree"]


def rows_in_object(value: dict) -> list[dict] | None:
    """The rows of a JSON object around them: a list in it, or a table by columns, by rows or split into names and values, as pandas
    writes them. None where it is a row itself."""
    return _split(value) or _wrapped(value) or _by_columns(value) or _by_rows(value)


def _split(value: dict) -> list[dict] | None:
    names, data = value.get("columns"), value.get("data")
    if not isinstance(names, list) or not isinstance(data, list) or not data or set(value) - {"columns", "data", "index"}:
        return None
    if not all(isinstance(row, list) and len(row) == len(names) for row in data):
        return None
    return [dict(zip(map(str, names), row)) for row in data]


def _wrapped(value: dict) -> list[dict] | None:
    lists = {key: one for key, one in value.items() if isinstance(one, list) and one and all(isinstance(row, dict) for row in one)}
    if len(lists) != 1:
        return None
    [(key, rows)] = lists.items()
    # One chat in a file is a row by itself.
    is_chat = any(isinstance(row.get(name), str) for row in rows for name in FORMATS["message"]["role"])
    return None if is_chat or (key != "data" and key in FORMATS["columns"]["messages"]) else rows


def _by_columns(value: dict) -> list[dict] | None:
    columns = list(value.values())
    if not columns:
        return None
    if len(columns) > 1 and all(isinstance(column, list) for column in columns):
        length = len(columns[0])
        if length == 0 or any(len(column) != length for column in columns):
            return None
        return [{name: column[place] for name, column in value.items()} for place in range(length)]
    if not all(isinstance(column, dict) and all(map(_INDEX.fullmatch, column)) for column in columns):
        return None
    if not columns[0] or any(_INDEX.fullmatch(name) for name in value):
        return None
    return [{name: column.get(key) for name, column in value.items()} for key in columns[0]]


def _by_rows(value: dict) -> list[dict] | None:
    if not value or not all(_INDEX.fullmatch(key) and isinstance(row, dict) for key, row in value.items()):
        return None
    return list(value.values())


def is_tree(columns: list[str]) -> bool:
    """Whether rows are messages that say which message they answer, as OpenAssistant publishes them."""
    return {_TREE[part] for part in ("id", "parent", "text", "role")} <= set(columns)


def conversations_of_trees(rows: list[dict]) -> list[dict]:
    """A conversation for each message that nobody answered, in the order of the file. An answer that stands in several is learnt
    in the first alone; one that was deleted, and what follows it, is left out."""
    there = [row for row in rows if str(row.get(_TREE["deleted"])).strip().lower() != "true"]
    answers: dict[str | None, list[dict]] = {}
    for row in there:
        parent = row.get(_TREE["parent"])
        answers.setdefault(None if is_empty(parent) else parent, []).append(row)
    places = {id(row): place for place, row in enumerate(there)}
    threads: list[list[dict]] = []
    waiting = [[row] for row in reversed(answers.get(None, []))]
    while waiting:
        thread = waiting.pop()
        following = [row for row in answers.get(thread[-1][_TREE["id"]], []) if row not in thread]
        if not following:
            threads.append(thread)
        waiting += [[*thread, row] for row in reversed(following)]
    threads.sort(key=lambda thread: places[id(thread[-1])])
    seen: set[int] = set()
    conversations = []
    for thread in threads:
        messages = []
        for row in thread:
            message = {"role": row[_TREE["role"]], "content": row[_TREE["text"]]}
            messages.append({**message, "weight": 0} if id(row) in seen else message)
            seen.add(id(row))
        conversations.append({"messages": messages})
    return conversations
