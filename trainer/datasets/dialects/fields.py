"""The fields of what is read: what nobody asks for is reported as unused, unless it is known to mean nothing."""

import json
import re
import unicodedata
from pathlib import Path

FORMATS = json.loads((Path(__file__).parent.parent / "formats.json").read_text(encoding="utf-8"))

_NO_VALUES = frozenset(FORMATS["no_values"])
_NO_OPTIONAL_VALUES = _NO_VALUES | frozenset(FORMATS["no_values_of_optional_columns"])


class RowProblem(Exception):
    """Why a row gives no conversation, as the end of a sentence."""


class Written(float):
    """A number with a point or an exponent, which also knows how it was written."""

    def __new__(cls, text: str):
        number = super().__new__(cls, text)
        number.text = text
        return number


def from_json(text: str):
    """Raises ValueError for what is no JSON; NaN and its like are none."""
    return json.loads(text, parse_float=Written, parse_constant=_no_number)


def _no_number(word: str):
    raise ValueError(f"{word} is no JSON")


def to_json(value) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def number_text(value) -> str | None:
    """A number as it was written; None for what is none."""
    if isinstance(value, Written):
        return value.text
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return str(value)


def is_blank(text: str) -> bool:
    """White space alone, also Unicode's."""
    return all(character in "\t\n\v\f\r \u0085\ufeff" or unicodedata.category(character)[0] == "Z" for character in text)


def is_empty(value) -> bool:
    """Nothing is lost with it: it is what exports write where there is no value."""
    if value is None:
        return True
    if isinstance(value, str):
        return is_blank(value)
    if isinstance(value, list):
        return all(map(is_empty, value))
    return isinstance(value, dict) and all(map(is_empty, value.values()))


def stands_for_nothing(text: str, optional: bool) -> bool:
    """Whether a cell's text stands for a value that is missing: `nan`, and what else programs write for one."""
    word = text.strip()
    return len(word) <= 4 and word in (_NO_OPTIONAL_VALUES if optional else _NO_VALUES)


def is_nothing(cell) -> bool:
    return is_empty(cell) or (isinstance(cell, str) and stands_for_nothing(cell, optional=True))


def plain_text(cell, what: str) -> str:
    """A cell that is to be a text: never the JSON of a list or an object."""
    if is_empty(cell):
        raise RowProblem(f"the {what} is empty")
    if isinstance(cell, bool):
        return "true" if cell else "false"
    number = number_text(cell)
    if number is not None:
        return number
    if not isinstance(cell, str):
        raise RowProblem(f"the {what} is {'a list' if isinstance(cell, list) else 'an object'}, and no text")
    if stands_for_nothing(cell, optional=False):
        raise RowProblem(f"the {what} is {cell.strip()}, which stands for a missing value")
    return cell


class Fields:
    """The fields of an object, each asked for by its names."""

    def __init__(self, of: dict, path: str, unused: set[str]):
        self._of, self._path, self._unused = of, path, unused
        self._used: set[str] = set()

    def take(self, *names: str):
        """The first of these that has a value; others that have another value are left to be reported."""
        name = next((one for one in names if not is_empty(self._of.get(one))), None) or next((one for one in names if one in self._of), None)
        if name is None:
            return None
        value = self._of[name]
        self._used |= {other for other in names if other == name or (other in self._of and self._of[other] == value)}
        return value

    def take_all(self, names):
        """Each of these that there is, with its name."""
        for name in names:
            if name in self._of:
                self._used.add(name)
                yield name, self._of[name]

    def report_rest(self, meaningless) -> None:
        for key, value in self._of.items():
            if key not in self._used and key not in meaningless and not is_empty(value):
                self._unused.add(f"{self._path}.{key}")


_PYTHON_TEXT = re.compile(r"^\s*[\[{]+\s*(?:array\()?[\[{\s]*'")


def json_list(text: str, what: str):
    """The value of a cell that is JSON text. Raises RowProblem, which names the likely cause."""
    try:
        return from_json(text)
    except ValueError:
        pass
    if _PYTHON_TEXT.match(text):
        raise RowProblem(
            f"the {what} are Python text, as str() and to_csv write it, and no JSON; write them with json.dumps, or the file as JSON lines"
        )
    raise RowProblem(f"the {what} are no JSON list")


def maybe_json(text: str):
    """The value of a text that is JSON of a list or an object, or None."""
    if not re.match(r"\s*[\[{]", text):
        return None
    try:
        return from_json(text)
    except ValueError:
        return None
