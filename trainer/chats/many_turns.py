"""A conversation of many plain turns, in a few renderings."""

import re
from dataclasses import dataclass

from .asking import found_in
from .rendering import Refused
from .templates import ChatTemplate
from .thoughts import thought_end

_CLOSING_TAG = re.compile(r"</[^<>]*>?")


@dataclass(frozen=True)
class Seen:
    """A text that the model sees, and the parts of it that are learnt, by their characters: an answer each, in their order."""

    text: str
    answers: list[tuple[int, int]]
    # Of these, what is learnt: all, unless the template itself marks less.
    learnt: list[tuple[int, int]]


def at_once(template: ChatTemplate, messages: list[dict], tools: list[dict] | None, answers: list[int]) -> Seen | None:
    """The whole conversation from four renderings, where it has many plain turns and the template writes each as it writes the others.

    Rendered once as a whole, the texts of all messages are found in it. Where the first and the last answer are asked for with exactly
    what stands before them there, and what stands between a question and an answer, and between an answer and a question, is the
    same everywhere, each answer is asked for so.
    """
    roles = [message["role"] for message in messages]
    first = 1 if roles[:1] == ["system"] else 0
    if len(answers) < 3 or tools or roles[first:] != ["user", "assistant"] * (len(roles[first:]) // 2) or template.has_marks or template.ending(False, is_call=False):
        return None
    if not all(set(message) <= {"role", "content"} and message["content"].strip() and not _has_a_tag_of(template, message["content"]) for message in messages):
        return None
    try:
        text = template.render(messages)
        places = _in_order(text, [message["content"].strip() for message in messages])
        between = [text[end:start] for (_, end), (start, _) in zip(places[first:], places[first + 1 :])]
        if not places or len(set(between[::2])) > 1 or len(set(between[1::2])) > 1:
            return None
        opening, last = first + 1, len(messages) - 1
        asked, asked_last = (template.render(messages[:place], answer_next=True) for place in (opening, last))
        before, before_last = text[: places[opening][0]], text[: places[last][0]]
        # What a template writes at the head of an answer is learnt with it.
        head = before.removeprefix(asked)
        if not before.startswith(asked) or asked_last + head != before_last:
            return None
        span = found_in(template, text, asked, template.render(messages[: opening + 1]).removeprefix(asked), messages[opening])
    except Refused:
        return None
    behind = text[places[opening][1] : span[1]] if span else None
    if behind is None or not between[1].startswith(behind):
        return None
    spans = [(start - len(head), end + len(behind)) for start, end in places[opening:last:2]] + [(places[last][0] - len(head), len(text))]
    spans = [span for place, span in zip(range(opening, len(messages), 2), spans) if place in answers]
    return Seen(text, spans, spans)


def _has_a_tag_of(template: ChatTemplate, text: str) -> bool:
    """Whether a text has a tag that ends a thought, or that the template may look for: such a turn it may write otherwise than others."""
    return "</" in text and (template.may_show_thoughts and thought_end(text) is not None or any(tag in template.source() for tag in _CLOSING_TAG.findall(text)))


def _in_order(text: str, wanted: list[str]) -> list[tuple[int, int]]:
    """Where each stands, behind the one before; none, where one does not."""
    places, reached = [], 0
    for each in wanted:
        start = text.find(each, reached)
        if start < 0:
            return []
        reached = start + len(each)
        places.append((start, reached))
    return places
