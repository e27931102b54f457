"""Texts as tokens, so that an answer begins with a token of its own."""

from bisect import bisect_left
from functools import lru_cache

Offsets = list[tuple[int, int]]


@lru_cache(maxsize=8)
def beginning_of(tokenizer) -> tuple[int, ...]:
    """The tokens that a tokenizer itself puts before every text, most often a BOS: its models know no text without them. None with many."""
    text, given = (tokenizer.backend_tokenizer.encode("x", add_special_tokens=added).ids for added in (False, True))
    return tuple(next((given[:start] for start in range(len(given)) if given[start : start + len(text)] == text), []))


class Texts:
    """Makes tokens of texts that come one after the other, of which each may begin as the one before it: such beginnings are done once."""

    def __init__(self, tokenizer):
        self._tokenizer = tokenizer
        self._before, self._ids, self._offsets = "", [], []
        self._reach = 0  # Where the first answer of the text before begins: there that may be divided as this one is not.

    def tokens_of(self, text: str, answers: list[int]) -> tuple[list[int], Offsets]:
        """As `tokens_of` gives them."""
        tokens, start = self._in_common(text, min([len(text), self._reach, *answers]))
        ids, offsets = tokens_of(self._tokenizer, text[start:], [place - start for place in answers])
        if tokens:
            ids, offsets = self._ids[:tokens] + ids, self._offsets[:tokens] + [(first + start, last + start) for first, last in offsets]
        self._before, self._ids, self._offsets, self._reach = text, ids, offsets, min([len(text), *answers])
        return ids, offsets

    def _in_common(self, text: str, reach: int) -> tuple[int, int]:
        """How many tokens, and characters, they have in common before a token that a tokenizer divides texts by: on both sides of it, what stands on the other does
        not matter."""
        same = _same(self._before, text, reach)
        dividing = _dividing(self._tokenizer)
        for token in range(bisect_left(self._offsets, (same, 0)) - 1, 0, -1):
            first, last = self._offsets[token]
            if self._ids[token] in dividing and first < last <= same:
                return token, first
        return 0, 0


def _same(one: str, other: str, most: int) -> int:
    """How many characters they begin with that are the same, of so many."""
    least, most = 0, min(most, len(one), len(other))
    while least < most:
        middle = (least + most + 1) // 2
        if one[least:middle] == other[least:middle]:
            least = middle
        else:
            most = middle - 1
    return least


@lru_cache(maxsize=8)
def _dividing(tokenizer) -> frozenset[int]:
    """Tokens that are found in a text before anything else is, and take nothing of what is beside them."""
    added = tokenizer.added_tokens_decoder.items()
    return frozenset(number for number, token in added if not (token.normalized or token.lstrip or token.rstrip or token.single_word))


def tokens_of(tokenizer, text: str, answers: list[int]) -> tuple[list[int], Offsets]:
    """The tokens of a text, and the characters of it that each stands for. `answers`: where answers begin.

    A tokenizer may make one token of the end of what asks for an answer and of the answer's beginning (of two line ends, say), or divide
    line ends otherwise where something follows. In use it cannot, since the question is all that it gets. There the text is divided, so
    that the model is trained on the tokens that it will see.
    """
    ids, offsets = _encoded(tokenizer, text)
    within = _within_a_token(offsets, answers)
    divided = [place for place in answers if place in within or _looks_ahead(tokenizer, _blank_before(text, place))]
    if not divided:
        return ids, offsets
    ids, offsets = _encoded(tokenizer, text[: divided[0]])
    for start, end in zip(divided, [*divided[1:], len(text)]):
        more, more_offsets = _going_on(tokenizer, text[start:end])
        ids += more
        offsets += [(first + start, last + start) for first, last in more_offsets]
    return ids, offsets


def _encoded(tokenizer, text: str) -> tuple[list[int], Offsets]:
    # What the tokenizer itself asks, at half of what a call of it costs beside that for a short text.
    backend = tokenizer.backend_tokenizer
    if backend.truncation is not None:
        backend.no_truncation()
    encoded = backend.encode(text, add_special_tokens=False)
    return encoded.ids, encoded.offsets


def _within_a_token(offsets: Offsets, places: list[int]) -> set[int]:
    before = [(place, bisect_left(offsets, (place, 0)) - 1) for place in places]
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
