"""What a model is asked with and what it is to answer, of a conversation that ends in an answer."""

import re

from .messages import said_in
from .rendering import Refused
from .templates import ChatTemplate
from .thoughts import closing_of, opened_thought

# What the model is asked with, what it is to answer with, and what the template marks in both, by its characters.
Part = tuple[str, str, list[tuple[int, int]]]

# Of characters: a shorter text stands in many others.
SHORT = 8
_THOUGHT_NAME = r"(?:\w+:)?(?:think|thinking|thought|thoughts|reasoning)(?::\w+)?"
NOTHING_THOUGHT = re.compile(rf"\s*(<{_THOUGHT_NAME}>)?\s*</{_THOUGHT_NAME}>")


def upto(template: ChatTemplate, messages: list[dict], tools: list[dict] | None, switches: dict) -> tuple[str, list]:
    """A conversation up to an answer and what ends that, and what the template marks in it."""
    text, marks = template.marked(messages, tools, **switches)
    return template.ended(text, bool(messages[-1].get("tool_calls")), bool(tools)), marks


def asked_and_answered(template: ChatTemplate, messages: list[dict], tools: list[dict] | None, switches: dict, text: str, marks: list, asked: str | None = None) -> Part:
    """What the model sees when it is asked for the last message, the text that it is to answer with, and what the template marks in both.

    `text` is the conversation with both; `asked` is what the template asks with, where that is known.
    """
    *before, message = messages
    asked = _asked(template, before, tools, switches, text) if asked is None else asked
    if text.startswith(asked):
        answer = text[len(asked) :]
        if template.asks_with.strip() and answer.startswith(template.asks_with):
            # Some ask for an answer without its head, behind the result of a tool, and then write it with one.
            return asked, answer.removeprefix(template.asks_with), []
        return asked, _with_thought(template, asked, answer, message), marks
    if (opened := opened_thought(asked)) and text.startswith(opened[0]):
        return asked, _behind_opened(opened[1], asked, text[len(opened[0]) :], message), []
    if (answer := _without_what_asks(template, asked, text, said_in(message).thought)) is not None:
        return asked, answer, []
    # A template may show a system prompt only where an answer is asked for. The answer itself is the same without one.
    others = [message for message in messages if message["role"] != "system"]
    if len(others) < len(messages):
        _, answer, _ = asked_and_answered(template, others, tools, switches, *upto(template, others, tools, switches))
        return asked, answer, []
    if (answer := _behind_its_head(template, messages, tools, switches, asked, text)) is not None:
        return asked, answer, []
    raise Refused("The model's chat template writes an answer differently than it asks for one, so its tokens cannot be told from the rest.")


def _without_what_asks(template: ChatTemplate, asked: str, text: str, thought: str) -> str | None:
    """The answer, where a template does not show what it asked for it with; none with a thought where it asked for one without."""
    asks, written = template.unwritten
    alike = asked.removesuffix(asks)
    if not asks or alike == asked or not text.startswith(alike):
        return None
    answer = text[len(alike) :].removeprefix(written)
    is_closed = asks.count("<") + asks.count("[") > 1
    return answer if not thought or thought in answer and not is_closed else None


def _behind_its_head(template: ChatTemplate, messages: list[dict], tools: list[dict] | None, switches: dict, asked: str, text: str) -> str | None:
    """The answer, where a template shows earlier messages otherwise once it is there: what stands behind the head with which it is asked for."""
    *before, message = messages
    alone = template.render(before, tools, **switches)
    head = asked.removeprefix(alone)
    if not asked.startswith(alone) or not head.strip():
        return None
    if text.startswith(alone) and head.strip() not in text[len(alone) :] and not message.get("tool_calls"):
        return text[len(alone) :]  # Some write no head behind the result of a tool, and ask with one. (Of a call, other marks are missing with it.)
    if head not in text:
        return None
    # Behind what was said last: an answer may have such a head within it, between a thought and the rest.
    said = (before[-1].get("content") or "").strip()
    if len(said) < SHORT or said not in text:
        return text.rpartition(head)[2]
    _, found, answer = text[text.rfind(said) :].partition(head)
    return answer if found else None


def _asked(template: ChatTemplate, before: list[dict], tools: list[dict] | None, switches: dict, text: str) -> str:
    """What the model sees when it is asked for what follows, in a conversation that is rendered as `text`."""
    if any(message["role"] == "user" for message in before):
        return template.render(before, tools, answer_next=True, **switches)
    # Many ask for no answer where nobody has said anything, but write one that stands there.
    mark = "Wkfyg"
    head, found, _ = template.render([*before, {"role": "assistant", "content": mark}], tools, **switches).partition(mark)
    if found and text.startswith(head):
        opened = opened_thought(template.asks_with)
        asks = opened[0] if opened else template.asks_with
        return head[: head.rfind(asks)] + template.asks_with if asks and asks in head else head
    return template.render(before, tools, answer_next=True, **switches)


def _behind_opened(tag: str, asked: str, tail: str, message: dict) -> str:
    """The answer to a text that opened a thought, where the template writes an answer otherwise: `tail`.

    A thought that the template shows goes on behind the tag. One that it does not show stands there as the model writes it, between
    the tag and its end; where nothing was thought, as nothing, which is how models are asked not to think.
    """
    thought, closing = said_in(message).thought, closing_of(tag)
    shown = tail.lstrip()
    if shown.startswith(tag):
        return shown[len(tag) :].lstrip()
    if shown.startswith(closing):
        return thought + tail
    line = "\n" if asked[-1:].isspace() else ""
    return f"{thought}{line}{closing}{line * 2}{shown if thought else tail}"


def _with_thought(template: ChatTemplate, asked: str, answer: str, message: dict) -> str:
    """The answer with its thought, which a template may have cut off as it does with earlier ones."""
    thought, tag = said_in(message).thought, template.thought_tag
    if not thought or not tag or thought in answer or asked.rstrip().endswith(closing_of(tag)):
        return answer
    nothing = NOTHING_THOUGHT.match(answer)
    return f"{tag}\n{thought}\n{closing_of(tag)}\n\n{answer[nothing.end() if nothing else 0 :].lstrip()}"


def found_in(template: ChatTemplate, text: str, asked: str, answer: str, message: dict) -> tuple[int, int] | None:
    """Where the answer stands in the whole conversation, or None where what is before it reads otherwise there.

    Behind the last turn a template may write what it does not write between turns: a line end, or the end of the text, unless
    nothing else ends the answer.
    """
    shortest = answer.rstrip()
    without_eos = shortest.removesuffix(template.tokenizer.eos_token or "").rstrip()
    content = (message.get("content") or "").strip()
    is_ended = without_eos == shortest or not content or not without_eos.endswith(content)
    for ending in (answer, shortest, *([without_eos] if is_ended else [])):
        if text.startswith(asked) and text.startswith(ending, len(asked)):
            return len(asked), len(asked) + len(ending)
    return None
