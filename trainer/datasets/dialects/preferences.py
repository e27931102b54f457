"""Rows of preferences: of two answers to the same question, the one that was chosen, and the one that was rejected."""

from .conversation_cell import conversation_cell, is_conversation
from .fields import RowProblem, is_blank, is_empty, is_nothing, plain_text
from .marked_text import read_marked_text
from .messages import read_messages


def read_chosen(mapping: dict, cells: dict, tools: list[dict] | None, unused: set[str]) -> tuple[list[dict], list[dict] | None, list[dict] | None]:
    """Messages, the tools beside the prompt, and of a pair what was rejected, from the first answer on in which the two differ.

    Where the mapping names what was rejected, both sides begin alike, and each goes on with an answer of its own. Else what was
    preferred is all of it, and its last answer is learnt. Raises RowProblem.
    """
    asked, own = _asked(mapping, cells, tools, unused)

    def side(column: str, what: str) -> list[dict]:
        return _side(cells.get(column), column, what, asked, own or tools, unused)

    if "rejected" not in mapping:
        messages = side(mapping["chosen"], "answer")
        behind = max((place for place, message in enumerate(messages, start=1) if message["role"] == "user"), default=0)
        return [*map(as_context, messages[:behind]), *messages[behind:]], own, None
    chosen, rejected = side(mapping["chosen"], "chosen answer"), side(mapping["rejected"], "rejected answer")
    place = next((place for place, message in enumerate(chosen) if message not in rejected[place : place + 1]), len(chosen))
    preferred, other = chosen[place:], rejected[place:]
    if not preferred and not other:
        raise RowProblem("both answers are the same")
    _require_answer(preferred, "chosen")
    _require_answer(other, "rejected")
    if place == 0:
        raise RowProblem("nothing is asked before both answers")
    return [*map(as_context, chosen[:place]), *preferred], own, other


def _asked(mapping: dict, cells: dict, tools: list[dict] | None, unused: set[str]) -> tuple[list[dict], list[dict] | None]:
    prompt = cells.get(mapping["prompt"]) if "prompt" in mapping else None
    if is_conversation(prompt):
        return _whole(prompt, tools, unused)
    if is_nothing(prompt):
        return [], None
    text = plain_text(prompt, "prompt")
    return _asked_in_marked_text(text) or [{"role": "user", "content": text}], None


_PLACE_OF_ANSWER = "x"


def _asked_in_marked_text(text: str) -> list[dict] | None:
    """The turns of a prompt that ends with the marker of the answer; None where it is no such text."""
    try:
        *messages, last = read_marked_text(f"{text.rstrip()} {_PLACE_OF_ANSWER}")
    except RowProblem:
        return None
    return messages if last["role"] == "assistant" and last["content"] == _PLACE_OF_ANSWER else None


def _side(cell, column: str, what: str, asked: list[dict], tools: list[dict] | None, unused: set[str]) -> list[dict]:
    """A whole conversation that ends in the answer of a cell. The prompt may be repeated there."""
    if not is_conversation(cell):
        text = _first(cell, column, what, unused) if isinstance(cell, list) else plain_text(cell, what)
        if asked:
            return [*asked, {"role": "assistant", "content": text}]
        if _asked_in_marked_text(text):
            raise RowProblem(f"the {what} is empty")
        return read_marked_text(text)
    messages, _ = _whole(cell, tools, unused)
    if messages and messages[0]["role"] == "assistant":
        return [*asked, *messages]
    if {(one["role"], one["content"]) for one in asked} <= {(one["role"], one["content"]) for one in messages}:
        return messages
    raise RowProblem(f"the {what} has another question than the prompt")


def _first(given: list, column: str, what: str, unused: set[str]) -> str:
    """The best of a list that is ranked."""
    first, *others = [one for one in given if not is_empty(one)] or [None]
    if others:
        unused.add(f"{column} behind the first")
    return plain_text(first, what)


def _require_answer(messages: list[dict], side: str) -> None:
    """What one side has for itself is to begin with an answer, and all of its answers are learnt."""
    if messages and messages[0]["role"] != "assistant":
        raise RowProblem("what is asked differs between both answers")
    answers = [message for message in messages if message["role"] == "assistant"]
    if not messages or any(is_blank(answer["content"]) and "tool_calls" not in answer for answer in answers):
        raise RowProblem(f"the {side} answer is empty")
    if any(answer.get("weight") == 0 for answer in answers):
        raise RowProblem(f"the {side} answer is marked as not to be learnt")


def _whole(cell, tools: list[dict] | None, unused: set[str]) -> tuple[list[dict], list[dict] | None]:
    given, own = conversation_cell(cell, "prompt", unused)
    return read_messages(given, own or tools, unused), own


def as_context(message: dict) -> dict:
    """An answer that stands before what is asked is not what is to be learnt."""
    return {**message, "weight": 0} if message["role"] == "assistant" else message
