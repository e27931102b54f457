"""The rows of a step, laid end to end into few sequences in place of batches that are padded.

What all rows of a sequence begin with, such as a system prompt, stands once, at its head, as far as nothing of it is learnt.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from .batches import Rank, collate
from .encoding import IGNORED
from .pairs import length_of


@dataclass(frozen=True)
class Sequence:
    """Rows that are laid end to end: the `shared` tokens that all of them begin with, then what each has behind those."""

    rows: list[dict]
    shared: int


def sequences_of(rows: list[dict], most_tokens: int) -> list[Sequence]:
    """Rows in their order, in sequences of at most so many tokens of rows; one row may have more. (What is shared counts for each row, so that
    attention, which is computed row by row, needs no more memory than a batch of as many tokens.)"""
    sequences: list[Sequence] = []
    tokens = 0
    for row in rows:
        length = len(row["input_ids"])
        if sequences and tokens + length <= most_tokens:
            before = sequences.pop()
            shared = min(before.shared, _alike(before.rows[0], row), _unlearnt(row))
            sequences.append(Sequence([*before.rows, row], shared))
            tokens += length
        else:
            sequences.append(Sequence([row], _unlearnt(row)))
            tokens = length
    return sequences


def collator_of(hyper, rows: list[dict], pad_id: int, rank: Rank):
    """What makes tensors of the rows of a batch, or, with `packing`, of a step: in sequences of no more tokens than a batch of the longest rows has."""
    if not hyper.packing:
        return collate(pad_id, rank)
    return collate_packed(pad_id, rank, math.ceil(hyper.batch_size / rank.count) * max(length_of(row) for row in rows))


def collate_packed(pad_id: int, rank: Rank, most_tokens: int):
    """A collator that lays this process's rows of a step into sequences, one behind the other: `attention_mask` says of each token how many rows
    read it, `row_lengths` has the tokens of each row, `rows` and `shared` what each sequence has of them. `parts_of` takes them apart."""
    import numpy
    import torch

    def batch(rows: list[dict]) -> dict:
        # A process that has no row of a step computes on padding, of which nothing is learnt.
        padding = Sequence([{"input_ids": [pad_id], "labels": [IGNORED]}], 0)
        given = sequences_of(rank.share(rows), most_tokens)
        sequences = given or [padding]
        laid = [part for sequence in sequences for part in _laid(sequence)]
        ids, labels, positions, readers = (torch.from_numpy(numpy.concatenate(parts).astype(numpy.int64)).unsqueeze(0) for parts in zip(*laid))
        return {
            "input_ids": ids,
            "labels": labels,
            "position_ids": positions,
            "attention_mask": readers if given else torch.zeros_like(readers),
            "row_lengths": torch.tensor([len(row["input_ids"]) for sequence in sequences for row in sequence.rows]),
            "rows": torch.tensor([len(sequence.rows) for sequence in sequences]),
            "shared": torch.tensor([sequence.shared for sequence in sequences]),
        }

    return batch


def parts_of(batch: dict) -> Iterator[tuple[dict, int, list[int]]]:
    """Of a batch of `collate_packed`, each sequence: what a model reads of it, how many tokens its rows share, and the tokens of each row."""
    row_lengths, start = iter(batch["row_lengths"].tolist()), 0
    for rows, shared in zip(batch["rows"].tolist(), batch["shared"].tolist()):
        lengths = [next(row_lengths) for _ in range(rows)]
        end = start + sum(lengths) - shared * (rows - 1)
        yield {name: batch[name][:, start:end] for name in ("input_ids", "labels", "position_ids")}, shared, lengths
        start = end


def _laid(sequence: Sequence) -> Iterator[tuple]:
    """Tokens, labels, positions, and how many rows read each: of what is shared, then of each row behind it."""
    import numpy

    rows, shared = sequence.rows, sequence.shared
    for row, begin, end in [(rows[0], 0, shared), *((row, shared, len(row["input_ids"])) for row in rows)]:
        labels = numpy.array(row["labels"][begin:end])
        if begin == shared and end > begin:
            labels[0] = IGNORED  # What stands before it here is of another row, or nothing.
        yield row["input_ids"][begin:end], labels, numpy.arange(begin, end), numpy.full(end - begin, len(rows) if begin < shared else 1)


def _alike(one: dict, other: dict) -> int:
    """How many tokens both begin with."""
    import numpy

    length = min(len(one["input_ids"]), len(other["input_ids"]))
    differs = numpy.flatnonzero(numpy.asarray(one["input_ids"][:length]) != numpy.asarray(other["input_ids"][:length]))
    return int(differs[0]) if len(differs) else length


def _unlearnt(row: dict) -> int:
    """How many tokens at its head are learnt neither themselves nor as what follows the last of them."""
    import numpy

    learnt = numpy.flatnonzero(numpy.asarray(row["labels"][1:]) != IGNORED)
    return int(learnt[0]) if len(learnt) else len(row["labels"]) - 1
