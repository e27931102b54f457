"""Texts as tokens, so that an answer begins with a token of its own."""

from functools import lru_cache

from ..chats.rendering import DEFAULT_TEMPLATE
from .pieces import Piece, Pieces, Tokens
from .words import encoder_of


@lru_cache(maxsize=8)
def beginning_of(tokenizer) -> tuple[int, ...]:
    """The tokens that a tokenizer itself puts before every text, most often a BOS: its models know no text without them. None with many."""
    text, given = (tokenizer.backend_tokenizer.encode("x", add_special_tokens=added).ids for added in (False, True))
    return tuple(next((given[:start] for start in range(len(given)) if given[start : start + len(text)] == text), []))


def default_template(tokenizer) -> str:
    """For a model that brings none: texts of it begin as those that it was pre-trained on. (What a template of its own does not write is missing in use, too.)"""
    beginning = beginning_of(tokenizer)
    written = "".join(tokenizer.convert_ids_to_tokens(beginning))
    is_read = tuple(tokenizer.backend_tokenizer.encode(written, add_special_tokens=False).ids) == beginning
    return f"{written}{DEFAULT_TEMPLATE}" if is_read else DEFAULT_TEMPLATE


def tokens_of(tokenizer, text: str, answers: list[int]) -> Tokens:
    """The tokens of a text. `answers`: where answers begin.

    A tokenizer may make one token of the end of what asks for an answer and of the answer's beginning (of two line ends, say), or divide
    line ends otherwise where something follows. In use it cannot, since the question is all that it gets. There the text is divided, so
    that the model is trained on the tokens that it will see.
    """
    tokens = _encoded(tokenizer, text)
    divided = [place for place in answers if _is_within_a_token(tokens, place) or _looks_ahead(tokenizer, _blank_before(text, place))]
    if not divided:
        return tokens
    behind = [_going_on(tokenizer, text[start:end]) for start, end in zip(divided, [*divided[1:], len(text)])]
    return Pieces([_encoded(tokenizer, text[: divided[0]]), *behind])


def _encoded(tokenizer, text: str) -> Tokens:
    backend = tokenizer.backend_tokenizer
    if backend.truncation is not None:
        backend.no_truncation()
    return encoder_of(backend).tokens_of(text)


def _is_within_a_token(tokens: Tokens, place: int) -> bool:
    before = tokens.first_from(place) - 1
    return before >= 0 and tokens.span(before)[1] > place


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
    alone, followed = (_encoded(tokenizer, text).ids for text in (f"x{blank}", f"x{blank}N"))
    return followed[: len(alone)] != alone


_BLANK = "\u2581"  # As SentencePiece writes a blank.


def _going_on(tokenizer, text: str) -> Tokens:
    """Of a text that stands behind another. Those of the Llama 2 family begin every text with a blank that is not there."""
    tokens = _encoded(tokenizer, text)
    if not tokens.ids or not tokenizer.convert_ids_to_tokens(tokens.ids[0]).startswith(_BLANK) or text.startswith(" "):
        return tokens
    tokens = _encoded(tokenizer, f"\n{text}")
    ours = tokens.first_from(1)
    return Piece(tokens.ids[ours:], [(first - 1, last - 1) for first, last in tokens.offsets[ours:]], len(text))
