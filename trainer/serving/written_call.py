"""The parts of a call of a tool as a chat template writes it, from one that it has written."""

import json
import re
from dataclasses import dataclass

_DECODER = json.JSONDecoder()
_TAG_BEHIND = re.compile(r"\s*<[^<>]*>")


@dataclass(frozen=True)
class WrittenCall:
    """In their order: `head`, the mark that opens a call, `before`, the name, `between`, the arguments, `after`. Arguments are JSON, or pairs: `key_begins`, a name,
    `key_ends`, a value, `value_ends`."""

    head: str
    before: str
    between: str
    after: str
    key_begins: str = ""
    key_ends: str = ""
    value_ends: str = ""


def with_json(text: str, name: str, arguments: dict, opening: str) -> WrittenCall | None:
    """Of a call with its arguments as one JSON object behind its name; None for another one."""
    begins = text.find(name)
    named = begins + len(name)
    place = next((place for place in _objects(text, named) if json_at(text, place)[0] == arguments), None)
    if begins < 0 or place is None:
        return None
    ends = json_at(text, place)[1]
    head, before = _opened(text[:begins], opening)
    around = re.search(r"[{\[]", before)
    after = text[ends : json_at(text, begins - len(before) + around.start())[1]] if around else ""
    return WrittenCall(head, before, text[named:place], after)


def with_pairs(text: str, name: str, key: str, value: str, opening: str) -> WrittenCall | None:
    """Of a call with its arguments as pairs between tags; None for another one."""
    begins = text.find(name)
    keyed = text.find(key, begins + len(name))
    valued = text.find(value, keyed + len(key))
    ends = _TAG_BEHIND.match(text, valued + len(value))
    closes = _TAG_BEHIND.match(text, ends.end()) if ends else None
    if not (0 <= begins < keyed < valued) or ends is None or closes is None:
        return None
    head, before = _opened(text[:begins], opening)
    between = text[begins + len(name) : keyed]
    behind_name = between[: between.rfind("<")].rstrip()
    return WrittenCall(head, before, behind_name, closes[0], between[len(behind_name) :], text[keyed + len(key) : valued], ends[0].strip())


def json_at(text: str, place: int) -> tuple[object, int]:
    """The value that begins behind blanks, and where it ends; None, where none does."""
    start = place + len(text[place:]) - len(text[place:].lstrip())
    try:
        return _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None, place


def _objects(text: str, place: int):
    while (place := text.find("{", place)) >= 0:
        yield place
        place += 1


def _opened(text: str, opening: str) -> tuple[str, str]:
    """What stands before the mark, and behind it; without a mark, the first bracket opens."""
    if opening:
        head, _, before = text.rpartition(opening)
        return head, before
    bracket = re.search(r"[{\[]", text)
    place = bracket.start() if bracket else len(text)
    return text[:place], text[place:]
