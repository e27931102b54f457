"""The forms in which a conversation can be given to a chat template, until it shows all that is said."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product

from .messages import calls_as_text, has_calls, said_in, with_calls, with_ids, without_system
from .templates import ChatTemplate

# What is done with thoughts that a template cannot show: they are learnt in the text of the answer, or left out.
REASONING = ("inline", "drop")
# What is done with calls of tools that a template cannot show: the row is refused, or they are written as JSON in the text.
TOOL_CALLS = ("refuse", "json")
# What is learnt of a conversation (tokens/encoding.py).
TRAIN_ON = ("answers", "everything", "last_answer")

# Notes: what a row is learnt without, or otherwise than it stands there, because the template cannot show it.
INLINE = "inline"
DROPPED = "dropped"
AS_JSON = "as_json"
TOOLS_LEFT_OUT = "tools_left_out"
EMPTY_THOUGHT = "empty_thought"
SWITCHED = "switched"
UNASKED = "unasked"
UNANSWERED = "unanswered"
NOTES = {
    INLINE: "have thoughts that the model's chat template has no place for: they are learnt in the text of the answer, between <think> and </think> (reasoning: inline; or drop)",
    DROPPED: "have thoughts that the model's chat template has no place for: they are left out (reasoning: drop; or inline)",
    UNASKED: "begin with an answer, and the model's chat template asks for none where nobody has asked anything: that answer is shown, and not learnt",
    UNANSWERED: "go on behind the last answer that is learnt: nothing is learnt from what stands there",
    AS_JSON: "have calls of tools that the model's chat template cannot show: they are learnt as JSON between <tool_call> and </tool_call> (tool_calls: json)",
    TOOLS_LEFT_OUT: "list tools, and the model's chat template shows none: the model is trained without the list, as it is used",
    EMPTY_THOUGHT: "have answers without thoughts, and the model's chat template has a place for thoughts: an empty one is learnt before the answer",
    SWITCHED: "have thoughts that the model's chat template shows only with thinking switched on (enable_thinking or thinking is true): use the model that way",
}


@dataclass(frozen=True)
class Choices:
    """What is done with what a chat template cannot show, the day that it takes for today, and what is learnt."""

    reasoning: str = "inline"
    tool_calls: str = "refuse"
    today: str | None = None
    train_on: str = "answers"


@dataclass(frozen=True)
class Form:
    """One way to give a conversation to a template."""

    messages: list[dict]
    tools: list[dict] | None
    switches: dict
    notes: frozenset[str] = frozenset()


def forms(template: ChatTemplate, messages: list[dict], tools: list[dict] | None, choices: Choices) -> Iterator[Form]:
    """As the conversation is, and then what else says the same, and then what the choices allow."""
    given = [Form(messages, tools, {})]
    if has_calls(messages):
        called = [with_calls(messages, form) for form in template.call_forms(bool(tools))]
        given = [Form(each, tools, {}) for each in [*called, *map(with_ids, called)]]
        if choices.tool_calls == "json":
            given.append(Form(calls_as_text(messages, tools), None, {}, frozenset([AS_JSON])))
    for form, thoughts in product(given, _forms_of_thoughts(template, messages, choices)):
        thinking = Form([thoughts.change(message) for message in form.messages], form.tools, thoughts.switches, form.notes | thoughts.notes)
        yield thinking
        if merged := without_system(thinking.messages):
            yield replace(thinking, messages=merged)


@dataclass(frozen=True)
class _Thoughts:
    change: Callable[[dict], dict]
    switches: dict
    notes: frozenset[str] = frozenset()


def _forms_of_thoughts(template: ChatTemplate, messages: list[dict], choices: Choices) -> list[_Thoughts]:
    said = [said_in(message) for message in messages if message["role"] == "assistant"]
    forms = [_Thoughts(lambda message: message, {})]
    if not any(each.thought for each in said):
        return forms
    if any(each.is_inline for each in said):
        # Where a template has a place for thoughts, they are thoughts there, and not a text with tags.
        forms = [_Thoughts(_in_its_field, {}), *forms]
    if template.thought_switches:
        forms += [_Thoughts(form.change, template.thought_switches, frozenset([SWITCHED])) for form in forms]
    chosen = _Thoughts(_in_the_text, {}, frozenset([INLINE])) if choices.reasoning == "inline" else _Thoughts(_without_thoughts, {}, frozenset([DROPPED]))
    forms.append(chosen)
    if template.thought_switches:
        forms.append(_Thoughts(chosen.change, template.thought_switches, chosen.notes | {SWITCHED}))
    return forms


def _in_its_field(message: dict) -> dict:
    said = said_in(message)
    return {**message, "reasoning_content": said.thought, "content": said.rest} if message["role"] == "assistant" and said.thought else message


def _in_the_text(message: dict) -> dict:
    said = said_in(message)
    if message["role"] != "assistant" or not said.thought:
        return message
    return {**_without_thoughts(message), "content": f"<think>\n{said.thought}\n</think>\n\n{said.rest}"}


def _without_thoughts(message: dict) -> dict:
    return {**{key: value for key, value in message.items() if key != "reasoning_content"}, "content": said_in(message).rest} if message["role"] == "assistant" else message
