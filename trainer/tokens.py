"""Texts as tokens, so that an answer begins with a token of its own."""

from bisect import bisect_left
from functools import lru_cache

Offsets = list[tuple[int, int]]


def tokens_of(tokenizer, text: str, answers: list[int] | None = None) -> tuple[list[int], Offsets]:
    """The tokens of a text, and the characters of it that each stands for. `answers`: where answers begin.

    A tokenizer may make one token of the end of what asks for an answer and of the answer's beginning (of two line ends, say), or divide
    line ends otherwise where something follows. In use it cannot, since the question is all that it gets. There the text is divided, so
    that the model is trained on the tokens that it will see.
    """
    ids, offsets = _encoded(tokenizer, text)
    within = _within_a_token(offsets, answers or [])
    divided = [place for place in answers or [] if place in within or _looks_ahead(tokenizer, _blank_before(text, place))]
    if not divided:
        return ids, offsets
    ids, offsets = _encoded(tokenizer, text[: divided[0]])
    for start, end in zip(divided, [*divided[1:], len(text)]):
        more, more_offsets = _going_on(tokenizer, text[start:end])
        ids += more
        offsets += [(first + start, last + start) for first, last in more_offsets]
    return ids, offsets


def _encoded(tokenizer, text: str) -> tuple[list[int], Offsets]:
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    return encoded["input_ids"], encoded["offset_mapping"]


def _within_a_token(offsets: Offsets, places: list[int]) -> set[int]:
    firsts = [first for first, _ in offsets]
    before = [(place, bisect_left(firsts, place) - 1) for place in places]
    return {place for place, token in before if token >= 0 and offsets[token][1] > place}


def _blank_before(text: str, place: int) -> str:
    start = place
    while start > 0 and text[start - 1].isspace():
        start -= 1
    return text[start:place]


@lru_cache(maxsize=256)
def _looks_ahead(tokenizer, blank: str) -> bool:
    """Whether white space has other tokens where something follows: GPT-2's rule leaves the last of it to the word behind."""
    if len(blank) < 2:
        return False
    alone, followed = (_encoded(tokenizer, text)[0] for text in (f"x{blank}", f"x{blank}N"))
    return followed[: len(alone)] != alone


_BLANK = "\u2581"  # As SentencePiece writes a blank.


def _going_on(tokenizer, text: str) -> tuple[list[int], Offsets]:
    """Of a text that stands behind another. Those of the Llama 2 family begin every text with a blank that is not there."""
    ids, offsets = _encoded(tokenizer, text)
    if not ids or not tokenizer.convert_ids_to_tokens(ids[0]).startswith(_BLANK) or text.startswith(" "):
        return ids, offsets
    ids, offsets = _encoded(tokenizer, f"\n{text}")
    ours = bisect_left([first for first, _ in offsets], 1)
    return ids[ours:], [(first - 1, last - 1) for first, last in offsets[ours:]]
