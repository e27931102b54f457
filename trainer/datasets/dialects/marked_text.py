"""Conversations in one text that holds both sides behind markers (`### Human:` ... `### Assistant:` ..., ChatML and its like)."""

import re

from .fields import FORMATS, RowProblem, is_blank

_FORMATS = [
    (format, re.compile(format["marker"], re.IGNORECASE if format.get("any_case") else 0)) for format in FORMATS["marked_texts"]
]


def read_marked_text(text: str) -> list[dict]:
    """Raises RowProblem where no known markers divide it into turns."""
    if is_blank(text):
        raise RowProblem("the dialogue is empty")
    for format, marker in _FORMATS:
        messages = _turns(text, format, list(marker.finditer(text)))
        if messages:
            return messages
    raise RowProblem("no known markers of a dialogue")


def _turns(text: str, format: dict, markers: list[re.Match]) -> list[dict] | None:
    """None where these are not its markers: they are to be there from the beginning on, and to divide it into turns."""
    if not markers:
        return None
    before = _without(format.get("begins", []), text[: markers[0].start()]).strip()
    messages: list[dict] = []
    # Other words before the first marker are what the whole conversation goes by.
    if before and not ("preamble" in format and before.startswith(format["preamble"])):
        if format["roles"].get(_name(markers[0], format)) != "user":
            return None
        messages.append({"role": "system", "content": before})
    parts = [format["roles"].get(_name(marker, format)) for marker in markers]
    ends = [marker.start() for marker in markers[1:]] + [len(text)]
    for place, (marker, part, end) in enumerate(zip(markers, parts, ends, strict=True)):
        if part is not None and _add(messages, part, _without(format["ends"], text[marker.end() : end]).strip(), format):
            continue
        # Behind the one question, everything is its answer: it may show what is put in and what comes out.
        if parts.count("user") != 1 or not messages or messages[-1]["role"] != "assistant":
            return None
        before = text[markers[place - 1].start() : marker.start()]
        space = before[len(before.rstrip()) :]
        messages[-1]["content"] += space + _without(format["ends"], text[marker.start() : end]).rstrip()
    return messages if any(message["role"] == "assistant" for message in messages) else None


def _name(marker: re.Match, format: dict) -> str:
    return marker[1].lower() if format.get("any_case") else marker[1]


def _add(messages: list[dict], part: str, content: str, format: dict) -> bool:
    """False where this turn cannot follow the one before, so that its marker is part of a text."""
    last = messages[-1]["role"] if messages else None
    if part == "more":
        if last != "user":
            return False
        if content:
            messages[-1]["content"] += f"\n\n{content}"
        return True
    if part == "system" and messages:
        return False
    if part == "assistant" and last in (None, "assistant", "system"):
        return False
    if part == "user" and last == "user":
        return False
    # The place of an answer that is to be given: there is none.
    if part == "assistant" and not content:
        return True
    found = re.search(format["system"], content) if part == "user" and "system" in format and not messages else None
    if found:
        messages.append({"role": "system", "content": found[1]})
        content = content.replace(found[0], "", 1).strip()
    messages.append({"role": part, "content": content})
    return True


def _without(ends: list[str], text: str) -> str:
    for end in ends:
        text = text.replace(end, "")
    return text
