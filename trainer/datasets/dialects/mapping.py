"""Which columns of a file make a conversation, told from their names and their content (src/datasets/detect-mapping.ts)."""

import re

from ...platform.failures import BadInput
from .fields import FORMATS
from .row import is_conversation, read_row

_NAMES = FORMATS["columns"]
SAMPLE_ROWS = 1000


def detect_mapping(columns: list[str], rows: list[dict]) -> dict[str, str] | None:
    """The first of the suggested mappings by which at least half of the rows are conversations, else the one by which most are.

    Raises BadInput for two answers to each question, of which nobody can tell the better.
    """
    chosen, rejected = _find(columns, _NAMES["chosen"]), _find(columns, _NAMES["rejected"])
    if chosen and rejected:
        return _preferences(columns, rows, chosen, rejected)
    for two in _NAMES["two_answers"]:
        found = [_find(columns, [name]) for name in two]
        if all(found):
            raise BadInput(f"The data has two answers to each question ({', '.join(found)}), and which of them is to be learnt is not guessed. Keep the one to train on, as messages or completion.")
    named = _by_name(columns, rows)
    suggested = [*named, *_by_content(columns, rows, bool(named))]
    parts = [_part(mapping, rows) for mapping in suggested]
    best = max(range(len(parts)), key=lambda place: parts[place], default=None)
    fits = next((place for place, part in enumerate(parts) if part >= 0.5), best)
    if fits is None or (parts[fits] == 0 and not named):
        return None
    return suggested[fits]


def _preferences(columns: list[str], rows: list[dict], chosen: str, rejected: str) -> dict[str, str]:
    """Pairs of answers. Where more rows are pairs without the column that seems to have the prompt, the answers have it themselves."""
    around = {part: _find(columns, _NAMES[part]) for part in ("system", "tools")}
    prompt = _find(columns, [*_NAMES["prompt"], *_NAMES["messages"]], chosen, rejected)
    whole = _with_columns(chosen=chosen, rejected=rejected, **around)
    apart = _with_columns(chosen=chosen, rejected=rejected, prompt=prompt, **around)
    return whole if _part(whole, rows) > _part(apart, rows) else apart


def _find(columns: list[str], names: list[str], *but: str | None) -> str | None:
    for name in names:
        for column in columns:
            if column.strip().lower() == name.lower() and column not in but:
                return column
    return None


def _with_columns(**parts: str | None) -> dict[str, str]:
    return {part: column for part, column in parts.items() if column is not None}


def _by_name(columns: list[str], rows: list[dict]) -> list[dict[str, str]]:
    def mark(names: list[str]) -> str | None:
        column = _find(columns, names)
        cells = [row.get(column) for row in rows]
        return column if column and any(cell is not None for cell in cells) and all(map(_is_truth, cells)) else None

    deleted = mark(_NAMES["deleted"])
    around = {"tools": _find(columns, _NAMES["tools"]), "system": _find(columns, _NAMES["system"]), "deleted": deleted}
    history = _find(columns, _NAMES["history"])
    chats = []
    for name in _NAMES["messages"]:
        messages = _find(columns, [name])
        if messages and any(_is_list(row.get(messages)) for row in rows):
            chats.append(_with_columns(messages=messages, **around))
    instruction = _find(columns, _NAMES["instruction"])
    output = _find(columns, _NAMES["completion"], instruction)
    alpaca = []
    if instruction and output:
        given = _find(columns, _NAMES["input"], instruction, output)
        alpaca = [_with_columns(instruction=instruction, input=given, output=output, system=around["system"], history=history, deleted=deleted)]
    prompt = _find(columns, _NAMES["prompt"])
    completion = _find(columns, _NAMES["completion"], prompt)
    pairs = []
    if prompt and completion:
        context = _find(columns, _NAMES["context"])
        more = {
            "context": context if context not in (prompt, completion) else None,
            "history": history,
            "reasoning": _find(columns, _NAMES["reasoning"], prompt, completion),
            "label": mark(_NAMES["label"]) if len(columns) > 2 else None,
        }
        pairs = [_with_columns(prompt=prompt, completion=completion, **around, **more)]
    ranked = [found for mapping in [*alpaca, *pairs] if (found := _ranked(mapping, rows))]
    both = [*alpaca, *pairs] if prompt == instruction or not prompt else [*pairs, *alpaca]
    return [*chats, *both, *ranked]


def _ranked(mapping: dict[str, str], rows: list[dict]) -> dict[str, str] | None:
    """Of answers that are lists of texts, the mapping that takes the first."""
    prompt, answer = mapping.get("instruction", mapping.get("prompt")), mapping.get("output", mapping.get("completion"))
    cells = [row.get(answer) for row in rows]
    is_ranked = bool(cells) and all(isinstance(cell, list) and len(cell) > 1 and all(isinstance(one, str) for one in cell) for cell in cells)
    return {"chosen": answer, "prompt": prompt} if is_ranked else None


def _is_truth(cell) -> bool:
    return cell is None or re.fullmatch(r"\s*(true|false)?\s*", str(cell), re.IGNORECASE) is not None


def _is_list(cell) -> bool:
    return re.match(r"\s*[\[{]", cell) is not None if isinstance(cell, str) else isinstance(cell, list | dict)


def _by_content(columns: list[str], rows: list[dict], is_named: bool) -> list[dict[str, str]]:
    """Columns whose cells look like a chat or a dialogue, whatever their name; then plain text."""

    def holds(column: str, what) -> bool:
        return bool(rows) and sum(bool(what(row.get(column))) for row in rows) * 2 >= len(rows)

    system = _find(columns, _NAMES["system"])
    texts = [column for column in columns if not holds(column, lambda cell: isinstance(cell, list | dict))]
    plain = [column for column in texts if column.strip().lower() in _NAMES["text"]]
    return [
        *({"messages": column} for column in columns if holds(column, is_conversation)),
        *(mapping for column in texts for mapping in ([{"dialogue": column, "system": system}] if system not in (None, column) else []) + [{"dialogue": column}]),
        *({"text": column} for column in (texts if len(columns) == 1 and not plain and not is_named else plain)),
    ]


def _part(mapping: dict[str, str], rows: list[dict]) -> float:
    """The part of the rows that are conversations, or would be if they were not marked as bad ones."""
    problems = [read_row(mapping, row).problem for row in rows]
    return sum(problem is None or problem.startswith("it is marked") for problem in problems) / max(1, len(rows))
