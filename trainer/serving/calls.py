"""Calls of tools in what a model says, by the marks with which its own chat template writes them: as JSON, or between tags."""

import json
from dataclasses import dataclass

from ..chats.templates import ChatTemplate
from .tagged_calls import TaggedCalls, tagged_in
from .written_call import WrittenCall, json_at, with_json

# As the trainer writes calls for templates that show none (chats/messages.py).
_AS_TEXT = '<tool_call>\n{"name": "%s", "arguments": %s}\n</tool_call>'


@dataclass(frozen=True)
class JsonCalls:
    """How a call begins (`opening`), and what stands between its name and its arguments where these are no one JSON object (`between`)."""

    opening: str
    between: str | None
    # Of the object, where it is one.
    name_key: str = "name"
    arguments_key: str = "arguments"
    # None: no answer can be held to it.
    written: WrittenCall | None = None

    def read(self, text: str, tools: list[dict]) -> tuple[str, list[dict]]:
        """The text before the first call, and the calls: {"name", "arguments"} with a JSON text; none, where none reads."""
        calls: list[dict] = []
        before, place = None, 0
        while (begun := self.begins_at(text, place)) >= 0:
            found, end = self._call_at(text, begun)
            if not found:
                place = begun if self.opening else begun + 1
                continue
            before = begun - len(self.opening) if before is None else before
            calls += found
            place = end
        return (text if before is None else text[:before]), calls

    def begins_at(self, text: str, place: int) -> int:
        """Behind the mark of the next call; -1 where none begins."""
        start = text.find(self.opening, place) if self.opening else self._bare(text, place)
        return start + len(self.opening) if start >= 0 else -1

    def _bare(self, text: str, place: int) -> int:
        """Without a mark before it, a call is all that is said."""
        if place == 0 and not text.lstrip().startswith(("{", "[")):
            return -1
        return min((at for at in (text.find("{", place), text.find("[", place)) if at >= 0), default=-1)

    def _call_at(self, text: str, place: int) -> tuple[list[dict], int]:
        if self.between is not None:
            name, found, _ = text[place:].partition(self.between)
            value, end = json_at(text, place + len(name) + len(self.between)) if found else (None, place)
            is_call = isinstance(value, dict) and name.strip() and not set(name.strip()) & set("\n{}")
            return ([_call(name.strip(), value)] if is_call else []), end
        value, end = json_at(text, place)
        values = value if isinstance(value, list) else [value]
        called = [each for each in values if isinstance(each, dict) and isinstance(each.get(self.name_key), str)]
        return [_call(each[self.name_key], each.get(self.arguments_key, {})) for each in called], end


CallMarks = JsonCalls | TaggedCalls


def marks_of(template: ChatTemplate) -> CallMarks | None:
    """How the template writes a call; as the trainer does, where it shows no tools. None: in a form that is not known here."""
    if not template.shows_tools:
        return _found_in(_AS_TEXT % ("f", '{"k": "v"}'), "f", {"k": "v"})
    written = template.written_call
    if written is None:
        return None
    text, name, arguments = written
    ((key, value),) = arguments.items()
    return _found_in(text, name, arguments) or tagged_in(text, name, key, value)


def _found_in(text: str, name: str, arguments: dict) -> JsonCalls | None:
    for place in (place for place, letter in enumerate(text) if letter in "{["):
        value, _ = json_at(text, place)
        one = value[0] if isinstance(value, list) and len(value) == 1 else value
        if one == arguments:
            head, found, between = text[:place].rpartition(name)
            if not found or not (head.strip() or between.strip()):
                return None
            mark = _mark(head)
            return JsonCalls(mark, between.strip() or between, written=with_json(text, name, arguments, mark))
        keys = {repr(each): key for key, each in one.items()} if isinstance(one, dict) else {}
        if repr(name) in keys and (of_arguments := keys.get(repr(arguments)) or keys.get(repr(json.dumps(arguments)))):
            mark = _mark(text[:place])
            return JsonCalls(mark, None, keys[repr(name)], of_arguments, with_json(text, name, arguments, mark))
    return None


def _mark(head: str) -> str:
    """What stands right before the call, in the line before it if it has one of its own."""
    lines = head.strip().splitlines()
    return lines[-1].strip() if lines else ""


def _call(name: str, arguments) -> dict:
    return {"name": name, "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)}
