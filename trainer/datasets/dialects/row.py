"""The one rule by which a row becomes a conversation: exactly the one that its author meant, or none and why."""

import re
from dataclasses import dataclass, field

from .calls import read_calls, read_tools, without_foreign_arguments
from .content import read_content
from .conversation_cell import conversation_cell, is_conversation
from .fields import FORMATS, RowProblem, is_blank, is_empty, is_nothing, json_list, maybe_json, number_text, plain_text, stands_for_nothing
from .marked_text import read_marked_text
from .messages import check_conversation, read_messages
from .preferences import as_context, read_chosen

_MEANINGLESS = frozenset(name.lower() for name in FORMATS["columns"]["meaningless"])


@dataclass
class RowReading:
    """What a row gives: a conversation, or why it gives none (the end of a sentence); and what training makes no use of. `rejected`: of a
    pair, the answer that is not to be given, in place of what `messages` has from the first answer on that is learnt."""

    messages: list[dict] | None
    tools: list[dict] | None = None
    rejected: list[dict] | None = None
    problem: str | None = None
    unused: set[str] = field(default_factory=set)


def is_meaningless(column: str) -> bool:
    return column.strip().lower() in _MEANINGLESS


def read_row(mapping: dict[str, str], cells: dict) -> RowReading:
    """`mapping`: as the service has them (src/datasets/rows/mapping.ts). `cells`: values by the names of their columns."""
    used = set(mapping.values())
    unused = {name for name, cell in cells.items() if name not in used and not is_meaningless(name) and not is_nothing(cell)}
    try:
        _check_marks(mapping, cells)
        tools = read_tools(cells.get(mapping["tools"]), unused) if "tools" in mapping else None
        messages, own, rejected = _conversation(mapping, cells, tools, unused)
        return RowReading(messages, own or tools, rejected, unused=unused)
    except RowProblem as problem:
        return RowReading(None, problem=str(problem), unused=unused)


def _conversation(mapping: dict, cells: dict, tools: list[dict] | None, unused: set[str]) -> tuple[list[dict], list[dict] | None, list[dict] | None]:
    """Its messages, the tools beside them, and what was rejected."""

    def cell(part: str):
        return cells.get(mapping[part]) if part in mapping else None

    if "text" in mapping:
        return [{"role": "text", "content": plain_text(cell("text"), "text")}], None, None
    system = _system(cell("system"), unused)

    def checked(messages: list[dict]) -> list[dict]:
        return check_conversation(_with_system(system, messages, mapping.get("system"), unused), unused)

    if "dialogue" in mapping:
        return checked(read_marked_text(plain_text(cell("dialogue"), "dialogue"))), None, None
    if "messages" in mapping:
        given, own = conversation_cell(cell("messages"), "messages", unused)
        return checked(read_messages(given, own or tools, unused)), own, None
    if "chosen" in mapping:
        messages, own, rejected = read_chosen(mapping, cells, tools, unused)
        return checked(messages), own, rejected
    is_alpaca = "instruction" in mapping
    asked, answer = (cell("instruction"), cell("output")) if is_alpaca else (cell("prompt"), cell("completion"))
    before = _history(cell("history"), unused)
    if is_conversation(asked):
        question = [as_context(message) for message in read_messages(conversation_cell(asked, "prompt", unused)[0], tools, unused)]
    else:
        question = [_user(plain_text(asked, "prompt"), mapping, cells)]
    thought = _optional(cell("reasoning"), mapping["reasoning"]) if "reasoning" in mapping else ""
    return checked([*before, *question, *_answer(answer, thought, tools, unused)]), None, None


def _user(prompt: str, mapping: dict, cells: dict) -> dict:
    """The prompt, with what belongs to it: an input stands behind an instruction, a context before a question."""
    more = {part: _optional(cells.get(mapping[part]), mapping[part]) for part in ("input", "context") if part in mapping}
    parts = (more.get("context", ""), prompt, more.get("input", ""))
    return {"role": "user", "content": "\n\n".join(part for part in parts if part)}


def _answer(answer, thought: str, tools: list[dict] | None, unused: set[str]) -> list[dict]:
    if is_conversation(answer):
        messages = read_messages(conversation_cell(answer, "answer", unused)[0], tools, unused)
        first = next((message for message in messages if message["role"] == "assistant"), None)
        if thought and first and "reasoning_content" not in first:
            first["reasoning_content"] = thought
        return messages
    if calls := _called(answer, tools, unused):
        return [{"role": "assistant", **({"reasoning_content": thought} if thought else {}), "content": "", "tool_calls": calls}]
    content = _one_of(answer, unused) if isinstance(answer, list) else plain_text(answer, "answer")
    return [{"role": "assistant", **({"reasoning_content": thought} if thought else {}), "content": content}]


def _called(answer, tools: list[dict] | None, unused: set[str]) -> list[dict] | None:
    """Of a row with tools, the calls that are its answer: a list of names with arguments."""
    given = maybe_json(answer) if isinstance(answer, str) else answer
    if not tools or not isinstance(given, list) or not given:
        return None
    if not all(isinstance(one, dict) and isinstance(one.get("name"), str) and "arguments" in one for one in given):
        return None
    return without_foreign_arguments(read_calls(given, "answer[]", unused), tools)


def _one_of(given: list, unused: set[str]) -> str:
    """The one answer that a list holds: of responses to a survey (Argilla), the one that was submitted."""
    there = [one for one in given if not is_empty(one)]
    if there and all(isinstance(one, dict) and "value" in one and "status" in one for one in there):
        submitted = [one["value"] for one in there if one["status"] == "submitted"]
        if not submitted:
            raise RowProblem("no response was submitted")
        if len(submitted) > 1:
            unused.add("responses that were submitted behind the first")
        return plain_text(submitted[0], "answer")
    if len(there) == 1:
        return plain_text(there[0], "answer")
    if not there:
        raise RowProblem("the answer is empty")
    raise RowProblem('the answer is a list of several; where the first is the best, name its column as "chosen" in the mapping')


def _history(cell, unused: set[str]) -> list[dict]:
    """Earlier turns: pairs of question and answer, or messages. As in LLaMA-Factory, its answers are learnt as well."""
    if is_nothing(cell):
        return []
    given = json_list(cell, "history") if isinstance(cell, str) else cell
    if not isinstance(given, list):
        raise RowProblem("the history is no list of earlier turns")
    turns = [turn for turn in given if not is_empty(turn)]
    return read_messages(turns, None, unused) if turns else []


def _system(cell, unused: set[str]) -> str:
    if is_nothing(cell):
        return ""
    if isinstance(cell, str):
        return "" if stands_for_nothing(cell, optional=True) else cell
    text = read_content(cell["parts"] if isinstance(cell, dict) and "parts" in cell else cell, unused).text
    if text is None:
        raise RowProblem("the system prompt is no text")
    return text


def _with_system(system: str, messages: list[dict], column: str | None, unused: set[str]) -> list[dict]:
    """The system prompt of a column before the messages, unless they begin with one of their own."""
    if is_blank(system):
        return messages
    if messages[0]["role"] != "system":
        return [{"role": "system", "content": system}, *messages]
    if messages[0]["content"] != system:
        unused.add(f"{column} where the messages have a system prompt")
    return messages


def _check_marks(mapping: dict, cells: dict) -> None:
    if "deleted" in mapping and _is_true(cells.get(mapping["deleted"])):
        raise RowProblem("it is marked as deleted")
    if "label" not in mapping or _is_true(cells.get(mapping["label"])):
        return
    label = mapping["label"]
    is_false = re.fullmatch(r"\s*(false|0|0\.0)\s*", _text(cells.get(label)), re.IGNORECASE)
    raise RowProblem(f"it is marked as bad: {label} is false" if is_false else f"{label} is neither true nor false")


def _is_true(cell) -> bool:
    return re.fullmatch(r"\s*(true|1|1\.0)\s*", _text(cell), re.IGNORECASE) is not None


def _text(cell) -> str:
    if isinstance(cell, bool):
        return str(cell)
    return number_text(cell) or (cell if isinstance(cell, str) else "")


def _optional(cell, column: str) -> str:
    return "" if is_nothing(cell) else plain_text(cell, column)
