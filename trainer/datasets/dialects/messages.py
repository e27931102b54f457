"""The messages of a conversation, from a list in any of the dialects that are published."""

from .calls import read_calls, without_foreign_arguments
from .content import read_content, result_text
from .fields import FORMATS, Fields, RowProblem, is_blank, is_empty, to_json

_ROLES = {name: role for role, names in FORMATS["roles"].items() for name in names}
_NAMES = FORMATS["message"]
_MEANINGLESS = frozenset(_NAMES["meaningless"])


def read_messages(given: list, tools: list[dict] | None, unused: set[str]) -> list[dict]:
    """Raises RowProblem."""
    if not given:
        raise RowProblem("there are no messages")
    messages: list[dict] = []
    for place, entry in enumerate(given):
        if entry is not None:
            for message in _entry(entry, place, unused):
                _add(messages, message)
    for message in messages:
        if "tool_calls" in message:
            message["tool_calls"] = without_foreign_arguments(message["tool_calls"], tools)
    return messages


def _add(messages: list[dict], message: dict) -> None:
    """Calls that stand in entries of their own, behind each other or behind a text, are one message of the assistant."""
    is_call = message.pop("is_call", False)
    last = messages[-1] if messages else None
    if is_call and last and last["role"] == "assistant" and last.get("weight") == message.get("weight"):
        last["tool_calls"] = last.get("tool_calls", []) + message["tool_calls"]
    else:
        messages.append(message)


def _entry(entry, place: int, unused: set[str]) -> list[dict]:
    # A list of texts, or of pairs of them, is a conversation in turns.
    if isinstance(entry, str):
        return [{"role": "assistant" if place % 2 else "user", "content": entry}]
    if isinstance(entry, list) and len(entry) == 2 and all(isinstance(side, str) for side in entry):
        return [{"role": "user", "content": entry[0]}, {"role": "assistant", "content": entry[1]}]
    if not isinstance(entry, dict):
        raise RowProblem("a message is no object with role and content")
    fields = Fields(entry, "messages[]", unused)
    name = fields.take(*_NAMES["role"])
    if isinstance(name, dict):
        name = name.get("role")
    if not isinstance(name, str):
        return _pair(entry, unused)
    role = _ROLES.get(name.strip().lower())
    if role is None:
        raise RowProblem(f"a message has the role {to_json(name[:40])}, which is none of system, user, assistant and tool")
    messages = _call_entry(fields, unused) if role == "call" else _message(role, fields, unused)
    fields.report_rest(_MEANINGLESS)
    return messages


def _pair(entry: dict, unused: set[str]) -> list[dict]:
    """One object for a question and its answer, each under the name of its role or of what it is."""

    def named(names: list[str]) -> str | None:
        return next((name for name in names if isinstance(entry.get(name), str) and not is_empty(entry[name])), None)

    user = named(FORMATS["roles"]["user"] + _NAMES["asked"])
    assistant = named(FORMATS["roles"]["assistant"] + _NAMES["answered"])
    if user is None or assistant is None:
        raise RowProblem("a message is no object with role and content")
    fields = Fields(entry, "messages[]", unused)
    messages = [{"role": "user", "content": fields.take(user)}, {"role": "assistant", "content": fields.take(assistant)}]
    fields.report_rest(_MEANINGLESS)
    return messages


def _call_entry(fields: Fields, unused: set[str]) -> list[dict]:
    calls = read_calls(fields.take(*_NAMES["content"]), "messages[].call", unused)
    if not calls:
        raise RowProblem("a call of a tool is no JSON with name and arguments")
    return [{"role": "assistant", "content": "", "tool_calls": calls, "is_call": True, **_weight(fields, True, unused)}]


def _message(role: str, fields: Fields, unused: set[str]) -> list[dict]:
    given = fields.take(*_NAMES["content"])
    if role == "tool":
        known = {**_text("tool_call_id", fields.take(*_NAMES["tool_call_id"])), **_text("name", fields.take("name"))}
        _weight(fields, False, unused)
        results = _results(given, unused)
        return results if results is not None else [{"role": role, "content": result_text(given), **known}]
    content = read_content(given, unused)
    thought = fields.take(*_NAMES["reasoning"])
    reasoning = thought if isinstance(thought, str) and not is_blank(thought) else content.reasoning
    calls = [
        *content.calls,
        *read_calls(fields.take("tool_calls"), "messages[].tool_calls[]", unused),
        *read_calls(fields.take("function_call"), "messages[].function_call", unused),
    ]
    weight = _weight(fields, role == "assistant", unused)
    text = content.text
    if text is None and not calls:
        refusal = fields.take("refusal") if role == "assistant" else None
        if isinstance(refusal, str):
            text = refusal
        elif content.results:
            return content.results
        else:
            raise RowProblem("a message has no text as its content")
    if role != "assistant" and calls:
        raise RowProblem(f"a message of the {role} calls a tool")
    return [
        *content.results,
        {
            "role": role,
            **({"reasoning_content": reasoning} if reasoning else {}),
            "content": text or "",
            **({"tool_calls": calls} if calls else {}),
            **(_text("name", fields.take("name")) if role == "user" else {}),
            **weight,
        },
    ]


def _results(given, unused: set[str]) -> list[dict] | None:
    """The results that a tool's message has in parts; None where what it holds is data."""
    if not isinstance(given, list | dict):
        return None
    parts = given if isinstance(given, list) else [given]
    holds = any(
        isinstance(part, dict) and (part.get("type") == "tool_result" or isinstance(part.get("functionResponse", part.get("toolResult")), dict))
        for part in parts
    )
    return read_content(given, unused).results if holds else None


def _text(key: str, value) -> dict:
    return {key: value} if isinstance(value, str) and value else {}


def _weight(fields: Fields, is_answer: bool, unused: set[str]) -> dict:
    """What the marks of a message say of whether it is learnt. Of messages that never are, only another wish is reported."""
    is_learnt = True
    for name, value in fields.take_all(_NAMES["learnt"]):
        if is_empty(value):
            continue
        number = float(value) if isinstance(value, int | float) else None
        if number not in (0, 1):
            raise RowProblem(f"a message has {name} {to_json(value)[:40]}; 0 and 1 (or false and true) are what can be trained with")
        if number == 0:
            is_learnt = False
        elif not is_answer and name != "weight":
            unused.add(f"messages[].{name} of what is no answer")
    return {"weight": 0} if is_answer and not is_learnt else {}


def check_conversation(messages: list[dict], unused: set[str]) -> list[dict]:
    """What makes a conversation one that can be trained on. What comes behind the last answer teaches nothing. Raises RowProblem."""
    answers = [message for message in messages if message["role"] == "assistant"]
    if not answers:
        raise RowProblem("no message of the assistant says anything")
    learnt = [message for message in answers if message.get("weight") != 0]
    if not learnt:
        raise RowProblem("every answer is marked as not to be learnt")
    if any(is_blank(message["content"]) and "tool_calls" not in message for message in learnt):
        raise RowProblem("an answer is empty")
    if messages[-1] is not learnt[-1]:
        unused.add("messages[] behind the last answer that is learnt")
    return messages


def is_message(value) -> bool:
    if not isinstance(value, dict) or "status" in value:
        return False
    return any(isinstance(value.get(name), str) for name in _NAMES["role"]) and any(
        name in value for name in [*_NAMES["content"], "tool_calls", "function_call"]
    )
