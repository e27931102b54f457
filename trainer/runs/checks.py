"""Checks of what a run file says, each with a sentence about the field, the value, and what it must be."""

import math
import os
import re
from dataclasses import fields
from datetime import date
from pathlib import Path
from types import NoneType
from typing import get_args

from ..platform.failures import BadInput

MOST_OF_TOKEN = 64  # In characters. (src/models/runs/hyperparameter-choices.ts)
_TOKEN = re.compile(rf"[^\s\x00-\x1f\x7f-\x9f\ud800-\udfff]{{1,{MOST_OF_TOKEN}}}")
TYPE_NAMES = {int: "a whole number", float: "a number", str: "a text", list: "a list", dict: "an object", Path: "a text (a path)", bool: "true or false", NoneType: "null"}


def kinds_of(field) -> tuple:
    """The types that a field of a dataclass may have."""
    return get_args(field.type) or (field.type,)


def require_types(record, place_of) -> None:
    """Holds the values of a dataclass against its annotations. A whole number counts as a number; true and false do not."""
    for field in fields(record):
        value, kinds = getattr(record, field.name), kinds_of(field)
        if bool not in kinds and isinstance(value, bool) or not isinstance(value, kinds + ((int,) if float in kinds else ())):
            names = " or ".join(TYPE_NAMES[kind] for kind in kinds if kind in TYPE_NAMES)
            raise BadInput(f"{place_of(field.name)} is {value!r}; it must be {names}.")


def shown(choice: str | None) -> str:
    return "null" if choice is None else choice


def is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def require_at_least(least: int, value: int, place: str) -> None:
    if value < least:
        raise BadInput(f"{place} is {value!r}; it must be at least {least}.")


def require_within(least: float, most: float, value: float | None, place: str) -> None:
    """A finite number, or None. `most`: math.inf where there is no bound."""
    if value is None or least <= value <= most and math.isfinite(value):
        return
    bounds = f"at least {least}" if most == math.inf else f"from {least} to {most}"
    raise BadInput(f"{place} is {value!r}; it must be {bounds}.")


def require_tokens(tokens: list | None, place: str) -> None:
    """Texts that tokens may have: some, each once, none with what is not seen."""
    if tokens is None:
        return
    if not (tokens and all(isinstance(token, str) and _TOKEN.fullmatch(token) for token in tokens)):
        raise BadInput(f"{place} is {tokens!r}; it must be a list of texts of 1 to {MOST_OF_TOKEN} characters without spaces or control characters, or null.")
    if twice := [token for token in dict.fromkeys(tokens) if tokens.count(token) > 1]:
        raise BadInput(f"{place} has {twice[0]!r} twice; name each token once.")


def require_writable(path: Path, place: str) -> None:
    """That a folder can be made there, or is there and can be written to. Writes nothing: hours before the model is to be saved."""
    existing = next(folder for folder in (path, *path.absolute().parents) if os.path.lexists(folder))
    if not existing.is_dir():
        raise BadInput(f"{place} is {str(path)!r}, and {str(existing)!r} is no directory.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise BadInput(f"{place} is {str(path)!r}, and {str(existing)!r} cannot be written to. Give its rights to this user, or name another folder.")
