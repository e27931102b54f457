"""All rows of a training as examples, by as many processes as there are threads for it."""

import gc
import multiprocessing
import os
import signal
import sys
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field

from ..chats.forms import Choices
from ..chats.templates import ChatTemplate
from ..datasets.rows import Conversation
from ..platform.failures import BadInput
from ..platform.supervision import die_with_parent
from .encoding import encode_row, is_text
from .tokens import beginning_of, default_template

MOST_REASONS = 5
MOST_PROCESSES = 16
# What a process does at a time: a tenth of a second or two.
_BLOCK_MESSAGES = 512
# More work than this is worth other processes.
WORTH_SHARING_S = 1.0


@dataclass
class Data:
    """Rows as they are trained on: {"input_ids", "labels"} as arrays, of a pair two behind each other, and what became of all."""

    rows: list[dict] = field(default_factory=list)
    truncated: int = 0
    dropped: int = 0
    skipped: int = 0
    # Those that the chat template refuses, where such rows are left out, and why it refuses the first ones.
    refused: int = 0
    reasons: list[str] = field(default_factory=list)
    # How many rows are learnt otherwise than they stand there: forms.NOTES.
    notes: Counter = field(default_factory=Counter)
    # Of the rows that are trained on, by the id of the dataset that they come from.
    tokens: Counter = field(default_factory=Counter)
    # Whether some begin with what the tokenizer puts before every text because this trainer puts it there: earlier ones did not.
    is_begun: bool = False
    # Of all tokens, once somebody asked for it (token_cache.py): no row is added then.
    sha256: str | None = field(default=None, compare=False)

    def add(self, other: "Data") -> None:
        self.rows += other.rows
        for name in ("truncated", "dropped", "skipped", "refused"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.reasons = (self.reasons + other.reasons)[:MOST_REASONS]
        self.notes.update(other.notes)
        self.tokens.update(other.tokens)


@dataclass(frozen=True)
class Work:
    """What is to be done with the rows."""

    template: ChatTemplate
    conversations: list[Conversation]
    max_length: int
    too_long: str
    choices: Choices
    on_bad_rows: str
    names: dict[int, str] | None

    def encode(self, block: range) -> Data:
        """Those of the rows. Raises BadInput with the first that cannot be learnt, unless such rows are skipped."""
        often = gc.get_threshold()
        gc.set_threshold(20 * often[0], *often[1:])  # It would look through the new tokens again and again, for up to a fifth of the time.
        try:
            return self._encode(block)
        finally:
            gc.set_threshold(*often)

    def _encode(self, block: range) -> Data:
        data = Data()
        for place in block:
            conversation = self.conversations[place]
            try:
                sides = [encode_row(self.template, side, self.max_length, self.too_long, self.choices) for side in conversation.sides]
                if len(sides) > 1 and any(len(side.examples) > 1 for side in sides):
                    raise BadInput("the chat template shows its answers one at a time, so that the two of a pair cannot be compared. Give pairs whose last answer alone differs.")
            except BadInput as failure:
                refused = f"{place_of(conversation, place + 1, 'training data', self.names)}: {failure}"
                if self.on_bad_rows == "refuse":
                    raise BadInput(refused) from failure
                data.refused += 1
                data.reasons += [refused] if len(data.reasons) < MOST_REASONS else []
                continue
            dropped, whole = any(side.dropped for side in sides), all(side.examples for side in sides)
            data.truncated += any(side.truncated for side in sides)
            data.dropped += dropped
            data.skipped += not whole and not dropped
            data.notes.update(set().union(*(side.notes for side in sides)))
            examples = [example for side in sides for example in side.examples] if whole else []
            data.tokens[conversation.dataset_id] += sum(len(example.ids) for example in examples)
            data.rows += [{"input_ids": _as_array(example.ids), "labels": _as_array(example.labels)} for example in examples]
        return data


def _as_array(tokens: list[int]):
    import numpy

    return numpy.frombuffer(array("i", tokens), numpy.int32)  # In half of the time that numpy takes for a list.


def encode_all(
    tokenizer,
    conversations: list[Conversation],
    max_length: int,
    too_long: str,
    choices: Choices = Choices(),
    on_bad_rows: str = "refuse",
    names: dict[int, str] | None = None,
    processes: int = 1,
) -> Data:
    """All rows as examples, in their order, whatever the number of processes; those that are not trained on are counted. `names` are those of datasets.

    Raises BadInput with the first row that cannot be learnt, unless such rows are skipped.
    """
    work = Work(ChatTemplate(tokenizer, choices.today), conversations, max_length, too_long, choices, on_bad_rows, names)
    is_default = bool(beginning_of(tokenizer)) and tokenizer.chat_template == default_template(tokenizer)
    data = Data(is_begun=is_default or bool(beginning_of(tokenizer)) and any(is_text(conversation.messages) for conversation in conversations))
    for part in _in_order(work, _blocks(conversations), min(processes, MOST_PROCESSES)):
        data.add(part)
    return data


def place_of(conversation: Conversation, number: int, of: str, names: dict[int, str] | None = None) -> str:
    """Where the author finds it: rows of several datasets are mixed before they are trained on."""
    if conversation.row_number is None or conversation.dataset_id is None:
        return f"Row {number} of the {of}"
    # By the number that previews of the dataset have for it.
    return f"Row {conversation.row_number} of the dataset {(names or {}).get(conversation.dataset_id, conversation.dataset_id)} (counted from 0)"


def _blocks(conversations: list[Conversation]) -> list[range]:
    blocks, start, messages = [], 0, 0
    for end, conversation in enumerate(conversations, start=1):
        messages += len(conversation.messages)
        if messages >= _BLOCK_MESSAGES or end == len(conversations):
            blocks.append(range(start, end))
            start, messages = end, 0
    return blocks


def _in_order(work: Work, blocks: list[range], processes: int) -> Iterator[Data]:
    done = 0
    since = time.monotonic()
    for block in blocks[:2]:  # With the first a template is tried, which takes its time.
        since = time.monotonic()
        yield work.encode(block)
        done += 1
    left_s = (time.monotonic() - since) * (len(blocks) - done)
    # A copy of this process has all that it needs, and takes no time to start; elsewhere than on Linux what is loaded here may not like to be copied.
    if processes > 1 and left_s > WORTH_SHARING_S and sys.platform == "linux":
        try:
            for part in _by_copies(work, blocks[done:], processes):
                yield part
                done += 1
        except BrokenProcessPool:
            pass  # One was killed, for want of memory perhaps: what is left is done here.
    for block in blocks[done:]:
        yield work.encode(block)


_work: list[Work] = []  # Copies find it here.


def _by_copies(work: Work, blocks: list[range], processes: int) -> Iterator[Data]:
    _work[:] = [work]
    try:
        with ProcessPoolExecutor(processes, multiprocessing.get_context("fork"), _begin, (os.getpid(),)) as pool:
            yield from pool.map(_encode, blocks)
    finally:
        _work.clear()


def _begin(parent: int) -> None:
    # Who stops the training says so to the process that asked for this.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with_parent(parent)
    gc.freeze()  # What it has from that process is no garbage, and stays in the memory of both as long as nobody looks through it.


def _encode(block: range) -> Data:
    return _work[0].encode(block)
