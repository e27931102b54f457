"""What one message holds: a text, or parts that are texts, thoughts, calls of tools and their results."""

from dataclasses import dataclass, field

from .calls import read_calls
from .fields import Fields, RowProblem, is_empty, number_text, to_json

_TEXT_TYPES = frozenset(["text", "input_text", "output_text"])
_THOUGHT_TYPES = frozenset(["thinking", "reasoning", "thought"])
_MEANINGLESS = frozenset(["type", "cache_control", "cachePoint", "annotations", "signature", "id", "index"])


@dataclass
class Content:
    text: str | None = None
    reasoning: str = ""
    calls: list[dict] = field(default_factory=list)
    # Each is a message of its own: text, and id and name where they are known.
    results: list[dict] = field(default_factory=list)

    def add(self, text: str) -> None:
        self.text = (self.text or "") + text


def read_content(value, unused: set[str]) -> Content:
    content = Content()
    if value is None:
        return content
    number = number_text(value)
    if number is not None:
        content.text = number
    elif isinstance(value, str):
        content.text = value
    elif isinstance(value, list):
        for part in value:
            _read_part(part, content, unused)
    elif isinstance(value, dict):
        _read_part(value, content, unused)
    else:
        raise RowProblem("a message has no text as its content")
    return content


def _read_part(part, content: Content, unused: set[str]) -> None:
    if part is None:
        return
    if isinstance(part, str):
        content.add(part)
        return
    if not isinstance(part, dict):
        raise RowProblem("a part of a message is no text and no object")
    fields = Fields(part, "messages[].content[]", unused)
    kind = part["type"] if isinstance(part.get("type"), str) else None
    path = "messages[].content[].call"
    if kind in ("tool_use", "function_call", "tool_call"):
        content.calls += read_calls(part, path, unused)
        return
    call = fields.take("functionCall", "function_call", "toolUse", "tool_use")
    if isinstance(call, dict):
        content.calls += read_calls(call, path, unused)
    if kind in ("tool_result", "function_call_output"):
        content.results.append(_result(part, unused))
        return
    result = fields.take("functionResponse", "function_response", "toolResult", "tool_result")
    if isinstance(result, dict):
        content.results.append(_result(result, unused))
    bedrock = part.get("reasoningContent")
    if isinstance(bedrock, dict):
        fields.take("reasoningContent")
        text = bedrock.get("reasoningText")
        content.reasoning += str(text.get("text") or "") if isinstance(text, dict) else ""
    is_thought = kind in _THOUGHT_TYPES or part.get("thought") is True
    text = fields.take(*(["thinking", "reasoning", "thought", "text"] if is_thought else ["text", "content", "value"]))
    if part.get("thought") is True:
        fields.take("thought")
    if is_thought:
        content.reasoning += text if isinstance(text, str) else str(part.get("text") or "")
    elif isinstance(text, str):
        content.add(text)
    elif not isinstance(call, dict) and not isinstance(result, dict) and "reasoningContent" not in part and not is_empty(part):
        what = f"of the type {to_json(kind[:40])}" if kind is not None and kind not in _TEXT_TYPES else "without a text"
        raise RowProblem(f"a message has a part {what}, which cannot be trained on here")
    fields.report_rest(_MEANINGLESS)


def _result(result: dict, unused: set[str]) -> dict:
    fields = Fields(result, "messages[].content[].result", unused)
    id = fields.take("tool_use_id", "toolUseId", "tool_call_id", "call_id")
    name = fields.take("name")
    text = result_text(fields.take("content", "response", "output", "result"))
    fields.report_rest(frozenset(["type", "id", "status", "cache_control"]))
    return {
        "role": "tool",
        "content": text,
        **({"tool_call_id": id} if isinstance(id, str) and id else {}),
        **({"name": name} if isinstance(name, str) and name else {}),
    }


def result_text(value) -> str:
    """What a tool gave back: texts as they are; everything else is data, so that its JSON is what the model was shown."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(map(_is_text_part, value)):
        return "".join(part["text"] if isinstance(part.get("text"), str) else to_json(part["json"]) for part in value)
    return to_json(value)


def _is_text_part(part) -> bool:
    return isinstance(part, dict) and (isinstance(part.get("text"), str) or ("json" in part and len(part) == 1))
