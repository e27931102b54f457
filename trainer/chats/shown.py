"""Whether all that a conversation says stands in a text that a chat template made of it: templates may cut anything."""

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from .messages import calls_of, said_in

_IN_PYTHON = {"true": ("True",), "false": ("False",)}
TEXT, CALL, RESULT, THOUGHT = "text", "call", "result", "thought"


@dataclass(frozen=True)
class Lost:
    """Something that a message says, and that does not stand in the text."""

    kind: str
    place: int
    role: str
    what: str
    # It does, and not where it was said.
    is_elsewhere: bool = False

    def __str__(self) -> str:
        return {
            TEXT: f"the text of message {self.place + 1} ({self.role})",
            CALL: f"the call of {self.what} in message {self.place + 1}",
            RESULT: f"the result of a tool in message {self.place + 1}",
            THOUGHT: f"what was thought in message {self.place + 1}",
        }[self.kind]


def lost_in(text: str, learnt: list[tuple[int, int]], messages: list[dict], answers: list[int], places: Iterable[int]) -> list[Lost]:
    """What of the messages at these places does not stand in the text, each behind what comes before it, and in the learnt parts what is said by
    the `answers`, which are learnt there. A template may put a system prompt anywhere, and leave out what was thought in other answers."""
    lost = []
    spans = dict(zip(answers, learnt))
    # Where the next learnt part begins, for each answer and behind the last one.
    following = list(accumulate([len(text), *(start for start, _ in reversed(learnt))], min))[::-1]
    reached = 0
    for place in places:
        message = messages[place]
        role = message["role"]
        start, end = spans.get(place, (reached, following[bisect_right(answers, place)]))
        position = start
        said = said_in(message) if role == "assistant" else None
        if said and said.thought and place in spans:
            found = _find(text, said.thought, start, end)
            lost += [] if found else [Lost(THOUGHT, place, role, "")]
            position = found or position
        content = (said.rest if said else message.get("content") or "").strip()
        found = _find(text, content, 0 if role == "system" else position, end)
        if found is None:
            lost.append(Lost(RESULT if role == "tool" else TEXT, place, role, content, _find(text, content, 0, len(text)) is not None))
        elif role != "system":
            position = found
        for name, arguments in calls_of(message) if role == "assistant" else ():
            # Some write a call before the text of its answer.
            ends = [_find(text, leaf, start, end) for leaf in (name, *_said_with(arguments))]
            if None in ends:
                lost.append(Lost(CALL, place, role, name))
            else:
                position = max([position, *ends])
        reached = max(reached, position)
    return lost


def _find(text: str, wanted: str, start: int, end: int) -> int | None:
    """Where it ends, as it is, or as JSON or Python writes it; None where it does not stand there."""
    if (place := text.find(wanted, start, end)) >= 0:
        return place + len(wanted)
    escaped = (json.dumps(wanted, ensure_ascii=False)[1:-1], json.dumps(wanted)[1:-1], repr(wanted)[1:-1], wanted.replace("'", "\\'"), *_IN_PYTHON.get(wanted, ()))
    return min((place + len(form) for form in escaped if (place := text.find(form, start, end)) >= 0), default=None)


def _said_with(arguments) -> Iterator[str]:
    """The names and values in the arguments of a call, which may be an object or its JSON text."""
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            pass  # A text like any other.
    yield from _leaves(arguments)


def _leaves(value) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    elif value is not None:  # Which says nothing, and is written in many ways.
        yield value.strip() if isinstance(value, str) else json.dumps(value)
