"""Whether an exported file is the model that it was made from: the same tokens, the same answers, the same loss."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import Protocol

from ..evaluation.held_out import HeldOutRow, losses_of, mean_loss
from ..platform.failures import BadInput
from ..tokens.encoding import IGNORED, Example
from .formats import Bounds

MOST_ROWS = 16
MOST_ANSWER_TOKENS = 32
# Of each row the first so many tokens of its answers are compared: each is a question to llama.cpp.
MOST_LOSS_TOKENS = 32
# How much likelier, in nats, another token may be that the model itself says: computing in other precision turns such a choice around.
NEARLY_AS_LIKELY = 0.05


@dataclass(frozen=True)
class Said:
    tokens: list[int]
    # Whether it ended by itself: the last of `tokens` is one that ends answers.
    has_ended: bool


class Exported(Protocol):
    """An exported file, loaded by a program that uses such files."""

    def tokens_of(self, text: str) -> list[int]:
        """Without what stands before every text; with the special tokens that are written in it."""

    def goes_on(self, ids: list[int], most: int) -> Said:
        """With the likeliest token each time."""

    def losses_of(self, ids: list[int], places: list[int]) -> dict[int, float]:
        """By place, minus the logarithm of how likely the token there is behind those before it; without places of which the program tells nothing."""


class NotTheSame(BadInput):
    """A sentence about an export that is not its model, and what was found, for its row."""

    def __init__(self, message: str, found: dict):
        super().__init__(message)
        self.found = found


@dataclass(frozen=True)
class Asked:
    """What is compared: a few rows, in turns of their traits."""

    rows: list[HeldOutRow]

    @staticmethod
    def of(traits: dict[str, list[HeldOutRow]]) -> "Asked":
        in_turns = [row for row in chain.from_iterable(zip_longest(*traits.values())) if row is not None]
        return Asked([HeldOutRow([_beginning(row.examples[0])], row.question) for row in in_turns[:MOST_ROWS]])

    @property
    def questions(self) -> list[str]:
        return [row.question.text for row in self.rows if row.question]

    @property
    def longest(self) -> int:
        return max(len(row.examples[0].ids) for row in self.rows)


def _beginning(example: Example) -> Example:
    """Up to the last token whose loss is compared."""
    learnt = [place for place, label in enumerate(example.labels) if label != IGNORED and place > 0]
    return example.cut(learnt[:MOST_LOSS_TOKENS][-1] + 1)


def prove(asked: Asked, model, tokenizer, ends: list[int], exported: Exported, bounds: Bounds, tell: Callable[[float], None]) -> dict:
    """What was found. `tell` hears which part is done, from 0 to 1. Raises NotTheSame."""
    found = {"rows": len(asked.rows), "answers": {"asked": 0, "equal": 0, "nearly": 0}, "loss": None, "most_difference": bounds.most_loss}
    for text in asked.questions:
        if exported.tokens_of(text) != tokenizer(text, add_special_tokens=False)["input_ids"]:
            raise NotTheSame(
                f"llama.cpp splits a held-out question into other tokens than the model's tokenizer ({text[:80]!r}): the file would answer worse than the model. "
                "Use the trained model in safetensors instead.",
                found,
            )
    for number, text in enumerate(asked.questions, start=1):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        kind = _compared(model, ids, exported.goes_on(ids, MOST_ANSWER_TOKENS), ends)
        found["answers"]["asked"] += 1
        if kind != "other":
            found["answers"][kind] += 1
        tell(0.5 * number / len(asked.questions))
    other = found["answers"]["asked"] - found["answers"]["equal"] - found["answers"]["nearly"]
    if bounds.keeps_answers and other:
        raise NotTheSame(
            f"The exported file gives other answers than its model to {other} of {found['answers']['asked']} held-out questions, though it has all of its 16 bits: it is not the same model. "
            "Use the trained model in safetensors instead.",
            found,
        )
    losses, rows = _losses_of(exported, asked.rows, lambda part: tell(0.5 + 0.5 * part))
    if not rows:
        raise NotTheSame("llama.cpp gives no loss of any held-out answer: each of their tokens is a part of a character alone. Hold out other rows.", found)
    of_model, of_file, tokens = mean_loss(losses_of(model, tokenizer.pad_token_id, rows, 1)), sum(losses) / len(losses), len(losses)
    found["loss"] = {"model": of_model, "exported": of_file, "difference": of_file - of_model, "tokens": tokens}
    if not abs(of_file - of_model) <= bounds.most_loss:
        raise NotTheSame(
            f"The exported file's loss on {len(asked.rows)} rows is {of_file:.3f}, and its model's {of_model:.3f}: they may differ by {bounds.most_loss:g} in this format. "
            "Export the model in more bits, or use it in safetensors.",
            found,
        )
    return found


def _compared(model, ids: list[int], said: Said, ends: list[int]) -> str:
    """Whether the model would have said the same, at each of its tokens, by one look at all of them: `equal`; `nearly`, where the first other token is about as
    likely; else `other`."""
    import torch

    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([ids + said.tokens], device=model.device)).logits[0, len(ids) - 1 :].float().log_softmax(-1)
    for place, (token, at_place) in enumerate(zip(said.tokens, logits)):
        is_last = said.has_ended and place == len(said.tokens) - 1
        # Where the model would have ended, and only there, so must the file; with which of the tokens that end an answer does not matter.
        if (token in ends) != is_last:
            return "other"
        likeliest = int(at_place.argmax())
        if token != likeliest and not (is_last and likeliest in ends):
            return "nearly" if float(at_place[likeliest] - at_place[token]) <= NEARLY_AS_LIKELY else "other"
    return "equal"


def _losses_of(exported: Exported, rows: list[HeldOutRow], tell: Callable[[float], None]) -> tuple[list[float], list[HeldOutRow]]:
    """The losses of the answers' tokens, as far as the program gives them, and the rows with labels for those alone."""
    losses, told = [], []
    for number, row in enumerate(rows, start=1):
        [example] = row.examples
        places = [place for place, label in enumerate(example.labels) if label != IGNORED and place > 0]
        found = exported.losses_of(example.ids, places)
        losses += found.values()
        labels = [example.ids[place] if place in found else IGNORED for place in range(len(example.ids))]
        told += [replace(row, examples=[replace(example, labels=labels)])] if found else []
        tell(number / len(rows))
    return losses, told
