"""Which rows are trained on together, and how they become tensors."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from .encoding import IGNORED
from .pairs import sides_of

# like_length: rows of a step are about as long as each other, so that little is computed on padding. random: any rows.
BATCHING = ("like_length", "random")

# Rows of so many steps are sorted by length among each other: enough that they are alike, few enough that rows meet others in
# each epoch, also where there are few (as transformers does it).
MOST_POOL_STEPS = 50
LEAST_POOLS = 4


@dataclass(frozen=True)
class Rank:
    """Which process of how many."""

    number: int = 0
    count: int = 1

    def share(self, rows: list) -> list:
        """Its rows of a batch, of which it may have none. Neighbours are of like length, so every process has some of each."""
        return rows[self.number :: self.count]


class LikeLengths:
    """A sampler: the order of an epoch's rows. It depends on the seed and the epoch alone, so a resumed training has the same."""

    def __init__(self, lengths: list[int], rows_per_step: int, seed: int):
        self.lengths, self.rows_per_step, self.seed, self.epoch = lengths, rows_per_step, seed, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = random.Random(f"{self.seed} {self.epoch}")
        order = list(range(len(self.lengths)))
        generator.shuffle(order)
        steps: list[list[int]] = []
        pool_rows = self.rows_per_step * max(1, min(MOST_POOL_STEPS, len(order) // (LEAST_POOLS * self.rows_per_step)))
        for start in range(0, len(order), pool_rows):
            pool = sorted(order[start : start + pool_rows], key=lambda row: self.lengths[row])
            steps += [pool[first : first + self.rows_per_step] for first in range(0, len(pool), self.rows_per_step)]
        # A step with fewer rows can only be the last: others begin where the one before ends.
        rest = [steps.pop()] if steps and len(steps[-1]) < self.rows_per_step else []
        generator.shuffle(steps)
        return (row for step in steps + rest for row in step)


def collate(pad_id: int, rank: Rank = Rank()):
    """A collator that takes this process's rows of a batch, and pads to the longest of them; padding counts for nothing. Rows are
    lists, or arrays, which are ready many times faster. Of pairs, all chosen answers stand before all rejected ones; `pairs` is
    how many of them the batch has in all processes, and `reference` what the base makes of each, where that is known."""
    import numpy
    import torch

    def batch(rows: list[dict]) -> dict:
        pairs = len(rows) if rows and "rejected" in rows[0] else 0
        is_referred = pairs > 0 and "reference" in rows[0]
        shared = rank.share(rows)
        rows = [side for sides in zip(*map(sides_of, shared)) for side in sides]
        # Where a batch has fewer rows than there are processes, one of them computes on padding alone, of which nothing is learnt.
        shape = max(1, len(rows)), max((len(row["input_ids"]) for row in rows), default=1)
        ids, labels, is_there = (numpy.full(shape, filler, numpy.int64) for filler in (pad_id, IGNORED, 0))
        for place, row in enumerate(rows):
            length = len(row["input_ids"])
            ids[place, :length], labels[place, :length], is_there[place, :length] = row["input_ids"], row["labels"], 1
        tensors = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(is_there), "labels": torch.from_numpy(labels)}
        if pairs:
            tensors["pairs"] = torch.tensor(pairs)
        if is_referred:
            reference = [row["reference"][side] for side in (0, 1) for row in shared]
            tensors["reference"] = torch.tensor(reference, dtype=torch.float32)
        return tensors

    return batch
