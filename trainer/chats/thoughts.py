"""Where a thought begins and ends in a text, by its tags."""

import re

# Tags of thoughts go by the word in them, since models to come have tags of their own: <think>, <thought>, [THINK], <|START_THINKING|>.
_OPENS_THOUGHT = re.compile(r"(?P<tag>[<\[]\|?(?!/)[^<>\[\]|/]*(?:think|thought|reason)[^<>\[\]|/]*\|?[>\]])\s*$", re.IGNORECASE)
_CLOSES_THOUGHT = re.compile(r"</(?:\w+:)?(?:think|thinking|thought|thoughts|reasoning)(?::\w+)?>")
_BEGINS_THOUGHT = re.compile(r"\s*" + _CLOSES_THOUGHT.pattern.replace("</", "<", 1))


def opened_thought(asked: str) -> tuple[str, str] | None:
    """Of a text that asks for an answer by opening a thought: what is before it, and its tag."""
    found = _OPENS_THOUGHT.search(asked)
    return (asked[: found.start()], found["tag"]) if found else None


def begins_thought(answer: str) -> bool:
    """Whether a model that was not asked to begins by opening a thought."""
    return _BEGINS_THOUGHT.match(answer) is not None


def thought_end(text: str) -> str | None:
    """The tag that ends a thought in a text."""
    found = _CLOSES_THOUGHT.search(text)
    return found[0] if found else None


def closing_of(tag: str) -> str:
    """<think> is closed by </think>, [THINK] by [/THINK], <|START_THINKING|> by <|END_THINKING|>."""
    return tag.replace("START", "END") if "START" in tag else f"{tag[0]}/{tag[1:]}"
