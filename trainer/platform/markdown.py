"""Markdown of what models and users wrote: it must not become markup."""

import re


def table(head: list[str], rows: list[list]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(cell, line)) + " |" for line in lines)


def cell(value) -> str:
    if value is None:
        return "-"
    return re.sub(r"\s+", " ", re.sub(r"([\\`*\[\]<>|])", r"\\\1", str(value)))


def fenced(text: str, language: str = "text") -> str:
    """As a block of code, whatever fences are in it."""
    fence = "`" * max(3, *(len(found) + 1 for found in re.findall(r"`+", text)), 3)
    return f"{fence}{language}\n{text}\n{fence}"
