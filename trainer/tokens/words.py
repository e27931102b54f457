"""Texts as tokens word by word: rows say the same again and again, and to find it here takes a fraction of what a tokenizer takes for it."""

import re
from bisect import bisect_left, bisect_right
from functools import lru_cache
from itertools import product

from .pieces import Piece, Pieces, Tokens

# Before a single blank, and between a letter or digit and what is none: there most tokenizers divide a text, whatever else stands in it.
_MARK = r"[!-&(-/:-@\[-`{-~]"
_BETWEEN = rf"(?<=\S)(?= \S)|(?<=[A-Za-z0-9])(?={_MARK})"
# What stands between two such places. (The first half finds most words, in half of the time.)
_WORD = re.compile(rf" ?{_MARK}*[A-Za-z0-9]+(?={_MARK}| \S|\Z)|(?s:.)+?(?:{_BETWEEN}|\Z)")
_DIVIDED = re.compile(_BETWEEN)
# What the rules of tokenizers look for: letters of many scripts, digits, marks, white space.
_TRIED = [
    *"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~aZé1", "the", "He's", "I'LL", "JSONData", "x2", "2024", "...", "end.\n\nThe", "a\n", "\tb", "c  d", "nai\u0308ve",
    "да", "日本", "हिन्दी", "ع", "¡", "€", "²", "—", "👍🏽", "\u200b", "\u0301", "ﬁ", "ǅ",
]  # fmt: skip
# Of the words that are kept: some 40,000, and 20 MB.
_MOST_CHARACTERS = 400_000
# Of added tokens in a text: the next one may well begin as it does, as where each answer of a conversation has a text of its own.
_MANY = 16
# Of so many characters a tokenizer makes tokens in about the time that trying takes (a tenth of a second).
_WORTH_TRYING = 50_000
# To find one of Gemma's 6,000 takes longer than to make tokens of the text.
_MOST_ADDED = 2000


class Words:
    """Makes tokens of texts as a tokenizer does.

    An added token divides a text before anything else does: what stands on one side of it does not matter on the other. A part between two of them is
    divided into words, where the tokenizer does so, and of each word tokens are made once. `added`: such tokens; `normalized`: those that are found in the parts.
    """

    def __init__(self, backend, added: list[str], normalized: list[str], has_words: bool):
        self._backend, self._added, self._has_words = backend, added, has_words
        self._dividing, self._within = _any_of(added), _any_of(normalized)
        self._longest = max(map(len, added))
        self._known: dict[str, Piece] = {}
        self._characters = 0
        # The text before, its tokens, and those of its pieces that are added tokens.
        self._before: tuple[str, Pieces, list[int]] = "", Pieces(), []

    def tokens_of(self, text: str) -> Pieces:
        if self._characters > _MOST_CHARACTERS:
            self._known, self._characters = {}, 0
        tokens, dividing = self._in_common(text)
        parts = self._dividing.split(text[tokens.length :])
        if not self._has_words and len(dividing) + len(parts) // 2 < _MANY:
            return Pieces([whole(self._backend, text)])
        words: list[str] = []
        for number, part in enumerate(parts):
            if number % 2:
                dividing.append(len(tokens) + len(words))
                words.append(part)
            elif part and number == 0 and not dividing:
                first, *words = self._in_words(part)
                tokens.add([whole(self._backend, first)])  # To begin a text, tokenizers may do what they do nowhere else.
            elif part:
                words += self._in_words(part)
        tokens.add(self._of_words(words))
        if len(dividing) >= _MANY:
            self._before = text, tokens, dividing
        return tokens

    def _in_common(self, text: str) -> tuple[Pieces, list[int]]:
        """What stands before an added token in this text and in the one before, and which of its pieces are added tokens."""
        before, tokens, dividing = self._before
        following = bisect_right(dividing, _same(before, text) - self._longest, key=tokens.place_of)
        return (tokens.upto(dividing[following - 1]), dividing[: following - 1]) if following > 1 else (Pieces(), [])

    def _in_words(self, part: str) -> list[str]:
        if not self._has_words:
            return [part]
        return [word for number, each in enumerate(self._within.split(part)) for word in ([each] if number % 2 else _WORD.findall(each))]

    def _of_words(self, words: list[str]) -> list[Piece]:
        known = self._known
        try:
            return [known[word] for word in words]
        except KeyError:
            self._learn([word for word in dict.fromkeys(words) if word not in known])
        return [known[word] for word in words]

    def _learn(self, words: list[str]) -> None:
        """All of them from one text, in which each that does not stand behind a word stands behind an added token."""
        text, places = "", []
        for word in words:
            if not (self._has_words and _DIVIDED.match(text + word[:2], len(text))):
                text += self._added[0]
            places.append(len(text))
            text += word
        tokens = whole(self._backend, text)
        for word, place in zip(words, places):
            first, behind = tokens.first_from(place), tokens.first_from(place + len(word))
            self._known[word] = Piece(tokens.ids[first:behind], [(start - place, end - place) for start, end in tokens.offsets[first:behind]], len(word))
        self._characters += len(text)


def _any_of(tokens: list[str]) -> re.Pattern:
    """The longest that stands at a place."""
    return re.compile(f"({'|'.join(re.escape(token) for token in sorted(tokens, key=len, reverse=True)) or '(?!)'})")


def _same(one: str, other: str) -> int:
    """How many characters they begin with that are the same."""
    least, most = 0, min(len(one), len(other))
    while least < most:
        middle = (least + most + 1) // 2
        if one[least:middle] == other[least:middle]:
            least = middle
        else:
            most = middle - 1
    return least


def whole(backend, text: str) -> Piece:
    """A text as the tokenizer's own code gives it, at half of what a call of the tokenizer costs beside that for a short one."""
    encoded = backend.encode(text, add_special_tokens=False)
    return Piece(encoded.ids, encoded.offsets, len(text))


@lru_cache(maxsize=8)
def encoder_of(backend) -> "Encoder":
    return Encoder(backend)


class Encoder:
    """Makes tokens of texts: of the first ones as the tokenizer itself does, until there are so many that it is worth trying whether words will do."""

    def __init__(self, backend):
        self._backend, self._characters = backend, 0

    def tokens_of(self, text: str) -> Tokens:
        if self._characters < _WORTH_TRYING:
            self._characters += len(text)
            return whole(self._backend, text)
        words = words_of(self._backend)
        return words.tokens_of(text) if words else whole(self._backend, text)


@lru_cache(maxsize=8)
def words_of(backend) -> Words | None:
    """None for a tokenizer of which that is not so: by what its tokens say of themselves, and by trying it."""
    tokens = [token for token in backend.get_added_tokens_decoder().values() if token.content]
    added, normalized = ([token.content for token in tokens if token.normalized == is_normalized] for is_normalized in (False, True))
    if not 0 < len(added) <= _MOST_ADDED or backend.encode_special_tokens or any(token.lstrip or token.rstrip or token.single_word for token in tokens):
        return None
    divided = " ".join(f"{one}{other} {other}" for one, other in product(_TRIED, _TRIED))
    text = divided + added[0].join(["", *_TRIED, ""])
    encoded = backend.encode(text, add_special_tokens=False)
    ids, offsets, stretches = encoded.ids, encoded.offsets, encoded.word_ids
    begin = [bisect_left(offsets, (between.start(), 0)) for between in _DIVIDED.finditer(divided)]
    is_normalized = backend.normalizer is not None and backend.normalizer.normalize_str(f" {divided} ") != f" {divided} "
    is_divided = not (normalized and is_normalized) and all(stretches[token] != stretches[token - 1] for token in begin)
    for has_words in (True, False) if is_divided else (False,):
        tried = Words(backend, added, normalized, has_words).tokens_of(text)
        if (tried.ids, tried.offsets) == (ids, offsets):
            return Words(backend, added, normalized, has_words)
    return None
