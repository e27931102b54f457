"""Which chunks an answer rests on: those that take away what of it would surprise a model that has not read them.

Needs nothing; a copy of this file lies in each bundle.
"""

import re
from dataclasses import dataclass

# An answer rests on chunks that explain so much of it: of its surprise (negative log-probability) without any document, the share that
# is gone with them. What repeats the question is no surprise, and counts for nothing.
LEAST_EXPLAINED = 0.5
# And that leave none of its words a surprise, or few of a long one's. A chunk that is merely alike explains how such an answer is put; the
# number or the name that it does not hold stays as unlikely as it was. SmolLM2-135M, in nats: with the right chunk "Piet" 12.8 → 2.3 and
# "keys" 4.9 → 2.6; with one on another town, what was wrong of a number 3.4 → 3.2 and 3.0 → 2.8.
SURPRISING = 2.0
MOST_LEFT = 0.1
# A chunk that explains less than this share beside the others carries nothing of it.
LEAST_ADDED = 0.15
# Where a sentence ends: behind its mark and a space (none in scripts that write none), or with the line.
_SENTENCE = re.compile(r".*?(?:[.!?][\"')\]]*(?=\s)|[。！？]|\n|$)", re.DOTALL)


@dataclass(frozen=True)
class Surprises:
    """Of each token of an answer, in nats: without any document, and with each chunk alone."""

    without: list[float]
    alone: list[list[float]]

    def part(self, first: int, end: int) -> "Surprises":
        return Surprises(self.without[first:end], [each[first:end] for each in self.alone])


def explains(without: list[float], rest: list[float]) -> bool:
    """Whether an answer rests on chunks: by what each token is without any document, and what is left of that with them."""
    surprising = [(before, left) for before, left in zip(without, rest) if before >= SURPRISING]
    # By the geometric mean: what was nearly impossible may stay unlikely, what was unlikely must not stay so.
    still = sum(left * left >= SURPRISING * before for before, left in surprising)
    return still <= MOST_LEFT * len(surprising) and sum(without) - sum(rest) >= LEAST_EXPLAINED * sum(without) > 0


def carriers(of: Surprises) -> list[int]:
    """The places of the chunks that an answer rests on, all together: the one that explains most of it, whatever adds to that, and those
    that explain it by themselves (the same may be written twice). None where they do not explain it."""
    # A word is explained by the chunk that explains it best: of an answer out of two, each leaves half of it a surprise.
    rest, added = of.without, []
    while len(added) < len(of.alone):
        place, less = min(((place, [*map(min, rest, with_chunk)]) for place, with_chunk in enumerate(of.alone)), key=lambda each: sum(each[1]))
        if sum(rest) - sum(less) <= LEAST_ADDED * sum(of.without):
            break
        added.append(place)
        rest = less
    if not explains(of.without, rest):
        return []
    return [place for place, with_chunk in enumerate(of.alone) if place in added or explains(of.without, [*map(min, of.without, with_chunk)])]


def grounded(of: Surprises, ends: list[int]) -> tuple[int, list[int]]:
    """How many tokens of an answer rest on chunks, and the places of those.

    `ends`: behind which tokens a sentence ends. The answer counts up to the first sentence that rests on none: what a model adds to
    what it has read is its own. (What it says first, such as "Sure.", is judged with the sentence behind it.)
    """
    first, carried = 0, set()
    for end in ends:
        carry = carriers(of.part(first, end))
        if not carry and carried:
            break
        if carry:
            first = end
            carried.update(carry)
    return first, sorted(carried)


def sentence_ends(text: str) -> list[int]:
    """Behind which characters the sentences of a text end."""
    return [match.end() for match in _SENTENCE.finditer(text) if match.group().strip()]
