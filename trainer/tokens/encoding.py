"""Conversations as tokens, with the loss on the answers: what the model sees, and what of it is learnt."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ..chats.answers import Seen, seen
from ..chats.forms import UNANSWERED, Choices
from ..chats.messages import in_turns, with_last_alone, without_weights
from ..chats.templates import ChatTemplate
from ..datasets.rows import Conversation
from .pieces import Offsets, Piece, Pieces, Tokens
from .tokens import beginning_of, tokens_of

IGNORED = -100  # The label that PyTorch's cross entropy leaves out.

# What is done with a row of more tokens than max_length: its end is cut off, it is left out, or it becomes several.
TOO_LONG = ("truncate", "drop", "split")


@dataclass(frozen=True)
class Example:
    """Tokens of one sequence, and the same tokens as labels where they are learnt, else IGNORED."""

    ids: list[int]
    labels: list[int]
    # What its tokens were made from, and where they stand in it.
    text: str = ""
    tokens: Tokens = field(default=Piece([], [], 0), compare=False)

    def cut(self, length: int) -> "Example":
        return replace(self, ids=self.ids[:length], labels=self.labels[:length]) if length < len(self.ids) else self

    @property
    def offsets(self) -> Offsets:
        """Of each token the characters that it stands for."""
        return self.tokens.offsets[: len(self.ids)]

    @property
    def teaches(self) -> bool:
        """Whether a token of it is learnt. The first one is told from nothing, whatever its label is."""
        return any(label != IGNORED for label in self.labels[:0:-1])  # From its end, where answers stand.


@dataclass
class Encoded:
    """A row as it is trained on. Nothing is trained on where it was dropped, or no answer stands within max_length."""

    examples: list[Example]
    tokens: int  # Of the row as it is, whatever its length.
    truncated: bool = False
    dropped: bool = False
    notes: set[str] = field(default_factory=set)


def encode(tokenizer, conversation: Conversation, max_length: int, too_long: str = "truncate", choices: Choices = Choices()) -> Encoded:
    return encode_row(ChatTemplate(tokenizer, choices.today), conversation, max_length, too_long, choices)


def encode_row(template: ChatTemplate, conversation: Conversation, max_length: int, too_long: str, choices: Choices) -> Encoded:
    """A row as one example, or several where it is split, or where the chat template does not show every answer at once."""
    encoded = encode_uncut(template, conversation, max_length, too_long, choices)
    cut = () if encoded.dropped else (example.cut(max_length) for example in encoded.examples)
    return replace(encoded, examples=[example for example in cut if example.teaches])


def encode_uncut(template: ChatTemplate, conversation: Conversation, max_length: int, too_long: str, choices: Choices) -> Encoded:
    """The same with the examples as they are before what is beyond max_length is cut off or left out."""
    conversation = replace(conversation, messages=_WEIGHED[choices.train_on](conversation.messages))
    whole, notes = examples_of(template, conversation.messages, conversation.tools, choices)
    encoded = Encoded(whole, tokens=max((len(example.ids) for example in whole), default=0), notes=notes)
    if encoded.tokens > max_length and too_long == "drop":
        return replace(encoded, dropped=True, notes=set())
    if encoded.tokens > max_length and too_long == "split":
        encoded.examples = list(pieces(template, conversation, max_length, choices))
    encoded.truncated = any(len(example.ids) > max_length for example in encoded.examples)
    return encoded


# The messages of a conversation, with the weights of what is learnt. (Who learns everything asks for no weights.)
_WEIGHED = {"answers": lambda messages: messages, "last_answer": with_last_alone, "everything": without_weights}


def pieces(template: ChatTemplate, conversation: Conversation, max_length: int, choices: Choices) -> Iterator[Example]:
    """A plain text in parts of max_length; a conversation in parts that fit, each of whole turns behind its system prompt.

    A single turn that is too long stays so.
    """
    if is_text(conversation.messages):
        yield from _parts_of_text(template.tokenizer, conversation.messages[0]["content"], max_length)
        return
    system, turns = in_turns(conversation.messages)
    fits: list[Example] = []
    taken: list[dict] = []
    for turn in turns:
        longer, _ = examples_of(template, system + taken + turn, conversation.tools, choices)
        if taken and max((len(example.ids) for example in longer), default=0) > max_length:
            yield from fits
            taken, longer = [], examples_of(template, system + turn, conversation.tools, choices)[0]
        taken, fits = taken + turn, longer
    yield from fits


def _parts_of_text(tokenizer, text: str, max_length: int) -> Iterator[Example]:
    """Each begins as a text does: so they stand in what a model is pre-trained on, and so it is given them in use."""
    beginning, tokens = _begun(tokenizer, text)
    ids, offsets = tokens.ids, tokens.offsets
    starts = list(range(0, len(ids), max(1, max_length - len(beginning))))
    if not beginning and len(starts) > 1 and starts[-1] == len(ids) - 1:
        starts[-1] -= 1  # By itself the last token, the end of the text, would not be learnt.
    for start, end in zip(starts, [*starts[1:], len(ids)]):
        yield _learnt_behind(beginning, Piece(ids[start:end], offsets[start:end], len(text)), text)


def _begun(tokenizer, text: str) -> tuple[list[int], Tokens]:
    """What the tokenizer puts before a text, unless that begins so already or is empty, and the text with its end."""
    tokens = tokens_of(tokenizer, text, [])
    beginning = list(beginning_of(tokenizer))
    if not tokens.ids or beginning == tokens.ids[: len(beginning)]:
        beginning = []
    return beginning, Pieces([tokens, Piece([tokenizer.eos_token_id], [(0, 0)], 0)])


def _learnt_behind(beginning: list[int], tokens: Tokens, text: str) -> Example:
    """All that is learnt of a text, or of a part of it."""
    start = tokens.span(0)[0]
    begun = Pieces([Piece(beginning, [(start, start)] * len(beginning), 0), tokens])
    return Example(begun.ids, [IGNORED] * len(beginning) + tokens.ids, text, begun)


def is_text(messages: list[dict]) -> bool:
    """Plain text, to be learnt as a whole, is one message with this role, which no chat has."""
    return bool(messages) and messages[0]["role"] == "text"


def examples_of(template: ChatTemplate, messages: list[dict], tools: list[dict] | None, choices: Choices) -> tuple[list[Example], set[str]]:
    """A conversation as one example with the loss on every answer, or one for each answer (answers.py), and notes on what is learnt otherwise."""
    if is_text(messages):
        text = messages[0]["content"]
        return [_learnt_behind(*_begun(template.tokenizer, text), text)], set()
    texts, notes = seen(template, messages, tools, choices)
    if choices.train_on == "everything" and texts:
        is_at_its_end = not texts[-1].text[texts[-1].answers[-1][1] :].strip()
        texts, notes = _with_all_learnt(texts), notes if is_at_its_end else notes - {UNANSWERED}
    return [_example(template.tokenizer, text) for text in texts], notes


def _with_all_learnt(texts: list[Seen]) -> list[Seen]:
    """All of each text is learnt, from where it goes on behind the end of the one before: what stands earlier is learnt there."""
    before = ["", *(each.text for each in texts)]
    return [replace(each, learnt=[(_going_on(each, earlier), len(each.text))]) for each, earlier in zip(texts, before)]


def _going_on(seen: Seen, before: str) -> int:
    """The place in a text behind the longest end of the one before it that stands there, ahead of the answer."""
    asked = seen.text[: seen.answers[0][0]]
    longest = bisect_left(range(1, len(before) + 1), True, key=lambda length: before[-length:] not in asked)
    return asked.rfind(before[len(before) - longest :]) + longest if longest else 0


def _example(tokenizer, seen: Seen) -> Example:
    tokens = tokens_of(tokenizer, seen.text, [start for start, _ in seen.answers])
    labels = [IGNORED] * len(tokens.ids)
    for start, end in seen.learnt:
        first, behind = tokens.first_from(start), tokens.first_from(end)
        # Where a template marks what is learnt of an answer, a token may begin with the white space before that.
        while first > 0 and (reached := tokens.span(first - 1)[1]) > start and seen.text[start:reached].strip():
            first -= 1
        labels[first:behind] = tokens.ids[first:behind]
    return Example(tokens.ids, labels, seen.text, tokens)
