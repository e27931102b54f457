"""Scores of answers by what the expected ones look like: a number, a JSON object, Python code. An answer that means the
same in other words is not what was expected to the letter, and is right all the same."""

import ast
import json
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

_NUMBER = re.compile(r"(?<![\w.])-?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:/[1-9]\d*|\.\d+)?|\.\d+)")
_FENCED = re.compile(r"```[ \t]*(\w*)[^\n]*\n(.*?)(?:```|\Z)", re.DOTALL)
_PYTHON = ("", "python", "python3", "py")
_CODE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.For, ast.While, ast.If, ast.With, ast.Try, ast.Call)


@dataclass(frozen=True)
class Scorer:
    name: str
    # Whether an expected answer has this format.
    has_format: Callable[[str], bool]
    # Of an expected answer and one that was given, from 0 (wrong) to 1 (right).
    score: Callable[[str, str], float]


def scorer_of(expected: list[str]) -> Scorer | None:
    """The scorer whose format most of these answers have; None for free text."""
    return next((scorer for scorer in SCORERS if 2 * sum(map(scorer.has_format, expected)) > len(expected)), None)


def score_by_format(expected: list[str], base: list[str], tuned: list[str]) -> tuple[str, list[int], list[float], list[float]] | None:
    """The scorer, the places of the rows whose expected answer has its format, and the scores of what base and tuned answered to each of these;
    None for free text."""
    scorer = scorer_of(expected)
    if scorer is None:
        return None
    rows = [number for number, text in enumerate(expected) if scorer.has_format(text)]
    scores = ([scorer.score(expected[row], texts[row]) for row in rows] for texts in (base, tuned))
    return scorer.name, rows, *scores


def last_number(text: str) -> Fraction | None:
    found = _NUMBER.findall(text)
    return _fraction(found[-1]) if found else None


def _fraction(digits: str) -> Fraction | None:
    try:
        return Fraction(digits.replace(",", ""))
    except ValueError:
        return None  # Of more digits than Python converts.


def _ends_in_number(text: str) -> bool:
    found = list(_NUMBER.finditer(text))
    return bool(found) and "```" not in text and not re.search(r"\w", text[found[-1].end() :])


def _same_number(expected: str, given: str) -> float:
    return float(last_number(expected) == last_number(given))


def json_object(text: str) -> dict | None:
    """The first JSON object of a text, fenced or not, whatever follows it."""
    try:
        value, _ = json.JSONDecoder().raw_decode(text, text.index("{"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _is_json(text: str) -> bool:
    fenced = _FENCED.match(text.strip())
    inside = fenced.group(2) if fenced else text
    return inside.lstrip().startswith("{") and json_object(inside) is not None


def _equal_fields(expected: str, given: str) -> float:
    wanted, found = json_object(expected), json_object(given)
    if found is None:
        return 0.0
    names = wanted.keys() | found.keys()
    equal = sum(name in wanted and name in found and _equal(wanted[name], found[name]) for name in names)
    return equal / len(names) if names else 1.0


def _equal(one, other) -> bool:
    # To Python, true is 1.
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _is_python(text: str) -> bool:
    """Whether it parses as Python and does something. Of a text with fenced code, the code counts; many a word and many a
    number parses as well."""
    fenced = _FENCED.findall(text)
    if any(language.lower() not in _PYTHON for language, _ in fenced):
        return False
    code = "\n".join(block for _, block in fenced) if fenced else text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(isinstance(node, _CODE) for node in ast.walk(tree))


# In this order: code may end in a number, and a JSON object is no code.
SCORERS = (
    Scorer("json_fields", _is_json, _equal_fields),
    Scorer("python_parses", _is_python, lambda expected, given: float(_is_python(given))),
    Scorer("number", _ends_in_number, _same_number),
)
