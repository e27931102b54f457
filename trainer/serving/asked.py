"""What a model is asked with: a conversation through its chat template, or a text as it is."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..chats.forms import Choices, Form, forms
from ..chats.messages import calls_as_text, calls_of, has_calls, with_texts, without_system
from ..chats.rendering import Refused, plain
from ..chats.templates import ChatTemplate
from ..platform.failures import BadInput

_CHOICES = Choices(reasoning="drop", tool_calls="json")


class CannotAsk(BadInput):
    """Something of a request: `field` by the name that it has there (None: what the model is asked), `code` for programs."""

    def __init__(self, sentence: str, field: str | None = None, code: str | None = None):
        super().__init__(sentence)
        self.field, self.code_for_clients = field, code


@dataclass(frozen=True)
class Asked:
    """The text that the model goes on from, to the character, and its tokens."""

    text: str
    tokens: list[int]


def asked_by_text(tokenizer, text: str) -> Asked:
    """A text that is to be continued, behind what the tokenizer puts before every text."""
    tokens = tokenizer(text)["input_ids"]
    if not tokens:
        raise BadInput("prompt is empty, and this model needs something to go on from. Send a text.")
    return Asked(text, tokens)


def asked_by_tokens(tokenizer, tokens: list[int]) -> Asked:
    """Tokens that are to be continued, as they are. Raises CannotAsk for those that the model does not have."""
    size = len(tokenizer)
    if unknown := [token for token in tokens if not 0 <= token < size]:
        raise CannotAsk(f"prompt has the token {unknown[0]}, and the model's tokens are 0 to {size - 1}.", "prompt")
    return Asked(tokenizer.decode(tokens), tokens)


def asked_by_chat(template: ChatTemplate, messages: list[dict], tools: list[dict] | None) -> Asked:
    """As the model was asked in training: the first form of the conversation in which its template shows all that was said.

    Raises BadInput where there is none.
    """
    messages, tools = plain(with_texts([_with_arguments(message) for message in messages]), tools)
    refused: Refused | None = None
    for form in _forms(template, messages, tools):
        try:
            text = template.render(form.messages, form.tools, answer_next=True, **form.switches)
        except Refused as failure:
            refused = refused or failure
            continue
        if _shows(text, messages):
            return Asked(text, template.tokenizer(text, add_special_tokens=False)["input_ids"])
    raise refused or BadInput("The model's chat template leaves out some of the messages. Send a conversation of a system prompt, and questions and answers in turns.")


def _forms(template: ChatTemplate, messages: list[dict], tools: list[dict] | None) -> Iterator[Form]:
    if tools and not template.shows_tools:
        as_text = Form(calls_as_text(messages, tools), None, {})
        yield as_text
        if merged := without_system(as_text.messages):
            yield replace(as_text, messages=merged)
        return
    yield from forms(template, messages, tools, _CHOICES)


def _shows(text: str, messages: list[dict]) -> bool:
    """Whether all is there that is no answer (of those, templates leave out thoughts), and that tools were called."""
    said = [(message.get("content") or "").strip() for message in messages if message["role"] != "assistant"]
    called = [name for message in messages for name, _ in calls_of(message)] if has_calls(messages) else []
    return all(part in text for part in [*said, *called])


def _with_arguments(message: dict) -> dict:
    """Arguments of calls as objects: clients send them as JSON texts, as they got them."""
    if not message.get("tool_calls"):
        return message
    calls = [{**call, "function": {**call["function"], "arguments": _read(call["function"].get("arguments", {}))}} for call in message["tool_calls"]]
    return {**message, "tool_calls": calls}


def _read(arguments):
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments
