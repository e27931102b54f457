"""What the messages of a conversation say, and other forms of the same, for chat templates that do not show the first."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..platform.failures import BadInput
from .templates import CALL_ID, CallForm

# At the head of an answer. Where a model was asked with the opening tag, rows may have the closing one alone.
_THOUGHT = re.compile(
    r"\s*(?:<(?P<tag>think|thinking|thought|thoughts|reasoning)>)?(?P<thought>(?:(?!</?(?:think|thinking|thought|thoughts|reasoning)>).)*)"
    r"</(?P<end>think|thinking|thought|thoughts|reasoning)>\s*(?P<rest>.*)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Said:
    """What an answer says: what was thought first, and the rest of its text."""

    thought: str
    rest: str
    is_inline: bool = False  # The thought stands in the text, between tags.


def said_in(message: dict) -> Said:
    content = message.get("content") or ""
    if thought := (message.get("reasoning_content") or "").strip():
        return Said(thought, content)
    found = _THOUGHT.fullmatch(content) if "</" in content else None
    if found and found["tag"] in (None, found["end"]) and found["thought"].strip():
        return Said(found["thought"].strip(), found["rest"], is_inline=True)
    return Said("", content)


def learnt_answers(messages: list[dict]) -> list[int]:
    """The places of the answers that are learnt: all but those with the weight 0."""
    learnt = []
    for place, message in enumerate(messages):
        weight = message.get("weight")
        if weight not in (None, 0, 1):
            raise BadInput(f"Message {place + 1} has the weight {weight!r}; it must be 1 (learnt) or 0 (shown, and not learnt).")
        if message["role"] == "assistant" and weight != 0:
            learnt.append(place)
    return learnt


def with_texts(messages: list[dict]) -> list[dict]:
    """An answer that has no text but thoughts, say, has an empty one: templates write what is not there in many ways."""
    return [message if message.get("tool_calls") or message.get("content") is not None else {**message, "content": ""} for message in messages]


def without_weights(messages: list[dict]) -> list[dict]:
    return [{key: value for key, value in message.items() if key != "weight"} for message in messages]


def with_last_alone(messages: list[dict]) -> list[dict]:
    """Of the answers that are learnt, all but the last with the weight 0."""
    earlier = learnt_answers(messages)[:-1]
    return [{**message, "weight": 0} if place in earlier else message for place, message in enumerate(messages)]


def in_turns(messages: list[dict]) -> tuple[list[dict], list[list[dict]]]:
    """The system prompt, and the rest in turns: a message of the user with all that follows until the next."""
    system = [message for message in messages[:1] if message["role"] == "system"]
    turns: list[list[dict]] = []
    for message in messages[len(system) :]:
        if message["role"] == "user" or not turns:
            turns.append([])
        turns[-1].append(message)
    return system, turns


def without_system(messages: list[dict]) -> list[dict] | None:
    """With the system prompt before the first question, or None where there is no such pair."""
    if len(messages) < 2 or [message["role"] for message in messages[:2]] != ["system", "user"]:
        return None
    system, first, *others = messages
    return [{**first, "content": f"{system['content']}\n\n{first['content']}"}, *others]


def with_calls(messages: list[dict], form: CallForm) -> list[dict]:
    """Calls as the template takes them, each with an id that its result has too."""
    return [_with_calls(message, form) for message in messages]


def _with_calls(message: dict, form: CallForm) -> dict:
    if not message.get("tool_calls"):
        return message
    calls = [{**call, "function": {**call["function"], "arguments": _arguments(call["function"], form)}} for call in message["tool_calls"]]
    return {**message, "content": message.get("content") or form.content, "tool_calls": calls}


def with_ids(messages: list[dict]) -> list[dict]:
    """With ids for calls that have none, or none of the kind that Mistral's templates want, and for the results of each in their order."""
    given: list[str] = []
    known: dict[str, str] = {}
    number = 0
    changed = []
    for message in messages:
        if message.get("tool_calls"):
            calls = []
            given = []
            for call in message["tool_calls"]:
                number += 1
                new = f"{CALL_ID[:4]}{number:05}"
                known[call.get("id", "")] = new
                given.append(new)
                calls.append({**call, "id": new})
            message = {**message, "tool_calls": calls}
        elif message["role"] == "tool":
            following = given.pop(0) if given else CALL_ID
            message = {**message, "tool_call_id": known.get(message.get("tool_call_id") or "\0", following)}
        changed.append(message)
    return changed


def _arguments(function: dict, form: CallForm):
    arguments = function.get("arguments", {})
    if form.arguments_as_text and not isinstance(arguments, str):
        return json.dumps(arguments, ensure_ascii=False)
    return arguments


def has_calls(messages: list[dict]) -> bool:
    return any(message.get("tool_calls") or message["role"] == "tool" for message in messages)


def calls_of(message: dict) -> Iterator[tuple[str, object]]:
    """Name and arguments of each."""
    for call in message.get("tool_calls") or []:
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise BadInput(f"A call of a tool is {json.dumps(call)[:100]}; it must be an object with a function that has a name and arguments.")
        yield function["name"], function.get("arguments", {})


TOOLS_AS_TEXT = (
    "You may call these tools. To call one, write its name and arguments as JSON between <tool_call> and </tool_call>; "
    "the result follows between <tool_response> and </tool_response>.\n<tools>\n{tools}\n</tools>"
)


def calls_as_text(messages: list[dict], tools: list[dict] | None) -> list[dict]:
    """Tools, calls and results as texts that any template shows, in the tags of Hermes' models, which many servers read as calls.

    Tools stand in the system prompt; results that follow each other are one message of the user.
    """
    written: list[dict] = []
    if tools:
        listed = TOOLS_AS_TEXT.format(tools="\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools))
        is_system = messages[:1] and messages[0]["role"] == "system"
        written.append({"role": "system", "content": f"{messages[0]['content']}\n\n{listed}" if is_system else listed})
        messages = messages[1:] if is_system else messages
    was_result = False
    for message in messages:
        is_result = message["role"] == "tool"
        if is_result:
            text = f"<tool_response>\n{message.get('content') or ''}\n</tool_response>"
            if was_result:
                written[-1] = {**written[-1], "content": f"{written[-1]['content']}\n{text}"}
            else:
                written.append({"role": "user", "content": text})
        elif message.get("tool_calls"):
            calls = [f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments}, ensure_ascii=False)}\n</tool_call>" for name, arguments in calls_of(message)]
            texts = [message["content"]] if (message.get("content") or "").strip() else []
            written.append({**{key: value for key, value in message.items() if key != "tool_calls"}, "content": "\n".join(texts + calls)})
        else:
            written.append(message)
        was_result = is_result
    return written
