"""Conversations as tokens, with the loss on the answers: what the model sees, and what of it is learnt."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from .answers import Seen, seen
from .forms import Choices
from .messages import in_turns
from .rows import Conversation
from .templates import ChatTemplate
from .tokens import Texts, beginning_of, tokens_of

IGNORED = -100  # The label that PyTorch's cross entropy leaves out.

# What is done with a row of more tokens than max_length: its end is cut off, it is left out, or it becomes several.
TOO_LONG = ("truncate", "drop", "split")


@dataclass(frozen=True)
class Example:
    """Tokens of one sequence, and the same tokens as labels where they are learnt, else IGNORED."""

    ids: list[int]
    labels: list[int]
    # What its tokens were made from, and which characters of that each of them stands for.
    text: str = ""
    offsets: list[tuple[int, int]] = field(default_factory=list)

    def cut(self, start: int, end: int) -> "Example":
        if start == 0 and end >= len(self.ids):
            return self
        return replace(self, ids=self.ids[start:end], labels=self.labels[start:end], offsets=self.offsets[start:end])

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
    cut = () if encoded.dropped else (example.cut(0, max_length) for example in encoded.examples)
    return replace(encoded, examples=[example for example in cut if example.teaches])


def encode_uncut(template: ChatTemplate, conversation: Conversation, max_length: int, too_long: str, choices: Choices) -> Encoded:
    """The same with the examples as they are before what is beyond max_length is cut off or left out."""
    whole, notes = examples_of(template, conversation.messages, conversation.tools, choices)
    encoded = Encoded(whole, tokens=max((len(example.ids) for example in whole), default=0), notes=notes)
    if encoded.tokens > max_length and too_long == "drop":
        return replace(encoded, dropped=True, notes=set())
    if encoded.tokens > max_length and too_long == "split":
        encoded.examples = list(pieces(template, conversation, max_length, choices))
    encoded.truncated = any(len(example.ids) > max_length for example in encoded.examples)
    return encoded


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
    beginning, body = _begun(tokenizer, text)
    starts = list(range(0, len(body.ids), max(1, max_length - len(beginning.ids))))
    if not beginning.ids and len(starts) > 1 and starts[-1] == len(body.ids) - 1:
        starts[-1] -= 1  # By itself the last token, the end of the text, would not be learnt.
    for start, end in zip(starts, [*starts[1:], len(body.ids)]):
        yield _joined(beginning, body.cut(start, end))


def _begun(tokenizer, text: str) -> tuple[Example, Example]:
    """What the tokenizer puts before a text, unless that begins so already or is empty, and the text with its end."""
    ids, offsets = tokens_of(tokenizer, text, [])
    beginning = list(beginning_of(tokenizer)) if ids else []
    if beginning == ids[: len(beginning)]:
        beginning = []
    ids, offsets = [*ids, tokenizer.eos_token_id], [*offsets, (len(text), len(text))]
    return Example(beginning, [IGNORED] * len(beginning), text, [(0, 0)] * len(beginning)), Example(ids, ids, text, offsets)


def _joined(beginning: Example, body: Example) -> Example:
    start = body.offsets[0][0]
    return replace(body, ids=beginning.ids + body.ids, labels=beginning.labels + body.labels, offsets=[(start, start)] * len(beginning.ids) + body.offsets)


def is_text(messages: list[dict]) -> bool:
    """Plain text, to be learnt as a whole, is one message with this role, which no chat has."""
    return bool(messages) and messages[0]["role"] == "text"


def examples_of(template: ChatTemplate, messages: list[dict], tools: list[dict] | None, choices: Choices) -> tuple[list[Example], set[str]]:
    """A conversation as one example with the loss on every answer, or one for each answer (answers.py), and notes on what is learnt otherwise."""
    if is_text(messages):
        return [_joined(*_begun(template.tokenizer, messages[0]["content"]))], set()
    texts, notes = seen(template, messages, tools, choices)
    tokens = Texts(template.tokenizer)
    return [_example(tokens, text) for text in texts], notes


def _example(tokens: Texts, seen: Seen) -> Example:
    ids, offsets = tokens.tokens_of(seen.text, [start for start, _ in seen.answers])
    labels = [IGNORED] * len(ids)
    for start, end in seen.learnt:
        first, behind = bisect_left(offsets, (start, 0)), bisect_left(offsets, (end, 0))
        # Where a template marks what is learnt of an answer, a token may begin with the white space before that.
        while first > 0 and offsets[first - 1][1] > start and seen.text[start : offsets[first - 1][1]].strip():
            first -= 1
        labels[first:behind] = ids[first:behind]
    return Example(ids, labels, seen.text, offsets)
