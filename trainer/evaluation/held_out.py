"""The rows that a model is compared on, and its loss on them: those that have not been trained on."""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass

from ..chats.answers import seen
from ..chats.forms import Choices
from ..chats.messages import said_in
from ..chats.templates import ChatTemplate
from ..chats.thoughts import begins_thought, opened_thought, thought_end
from ..datasets.rows import Conversation
from ..platform.failures import BadInput, as_failure
from ..platform.memory import as_many_as_fit
from ..tokens.all_rows import place_of
from ..tokens.batches import collate
from ..tokens.encoding import Example, encode_row, is_text
from .answer_loss import AnswerLoss, most_logits

MOST_BATCH_ROWS = 8
# Of its hash: no two of a project's rows share them by chance.
IDENTITY_CHARACTERS = 16


@dataclass(frozen=True)
class Question:
    """A held-out row as the model is asked for the last answer of it."""

    # The messages up to the answer.
    asked: list[dict]
    # The same, and the answer, as the chat template writes both.
    text: str
    expected: str
    # What the template writes at the head of an answer, such as that nothing was thought.
    opening: str

    @property
    def last_message(self) -> str:
        return self.asked[-1].get("content", "")

    def said(self, answer: str) -> str:
        """Of an answer, what was said with it: what stands behind a thought, whatever that was; nothing, where the thought did not
        come to its end."""
        if closing := thought_end(answer):
            return answer.rpartition(closing)[2].lstrip()
        is_thought = opened_thought(self.text) is not None or begins_thought(answer)
        return "" if is_thought else answer.removeprefix(self.opening)


@dataclass(frozen=True)
class HeldOutRow:
    """What the loss is measured on, and what the model is asked. A plain text asks nothing."""

    examples: list[Example]
    question: Question | None
    # Of a pair of answers, the same with the one that was rejected.
    rejected: list[Example] | None = None
    # Where it comes from.
    source: Conversation | None = None

    @property
    def all_examples(self) -> list[Example]:
        return [*self.examples, *(self.rejected or [])]


def by_trait(
    conversations: list[Conversation],
    tokenizer,
    max_length: int,
    context: float,
    most: int,
    choices: Choices = Choices(),
    names: dict[int, str] | None = None,
    refused: list[str] | None = None,
) -> dict[str, list[HeldOutRow]]:
    """At most so many rows of each trait, in their order, of those that have an answer within `max_length` tokens and the model's
    context: of others it sees none, as in training. A trait without any is left out.

    Raises BadInput with the row that the chat template refuses, or adds it to `refused`.
    """
    longest = int(min(max_length, context))
    template = ChatTemplate(tokenizer, choices.today)
    traits: dict[str, list[HeldOutRow]] = {}
    for number, row in enumerate(conversations, start=1):
        rows = traits.setdefault(row.trait, [])
        try:
            if len(rows) < most and all(sides := [encode_row(template, side, longest, "truncate", choices).examples for side in row.sides]):
                rows.append(HeldOutRow(sides[0], question_of(template, row, longest, context, choices), *sides[1:], source=row))
        except BadInput as failure:
            reason = f"{place_of(row, number, 'held-out data', names)}: {failure}"
            if refused is None:
                raise BadInput(reason) from failure
            refused.append(reason)
    return {trait: rows for trait, rows in traits.items() if rows}


def questions_of(rows: list[HeldOutRow]) -> list[Question]:
    return [row.question for row in rows if row.question]


def question_of(template: ChatTemplate, row: Conversation, longest: int, context: float, choices: Choices) -> Question | None:
    """None of a row that ends in no answer to something, whose question takes `longest` tokens, or whose answer goes beyond the context."""
    last = row.messages[-1]
    if is_text(row.messages) or len(row.messages) < 2 or last["role"] != "assistant" or last.get("weight") == 0:
        return None
    *_, whole = seen(template, row.messages, row.tools, choices)[0]
    start, end = whole.answers[-1]
    text, answer = whole.text[:start], whole.text[start:end]
    asked, answered = template.tokenizer([text, answer], add_special_tokens=False)["input_ids"]
    if len(asked) >= longest or len(asked) + len(answered) > context:
        return None
    # As what the model says is read: without the tokens that mark its end, and with a call of a tool as the template writes it.
    expected = template.tokenizer.decode(answered, skip_special_tokens=True).rstrip()
    content = said_in(last).rest or expected
    opening = expected.partition(content)[0] if content and content in expected else ""
    return Question(row.messages[:-1], text, expected, opening)


def losses_of(
    model, pad_id: int, rows: list[HeldOutRow], batch_rows: int, tell: Callable[[int], None] = lambda read: None, is_alone: bool = True
) -> list[tuple[float, int]]:
    """Of each row the sum of the losses of its answers' tokens, and how many there are; with so many examples at once. Of a pair, the loss
    of telling which of both answers was chosen by how likely they are, which counts as one. `tell` is called with how many tokens are read. Where other processes
    compute the same (not `is_alone`), one that lacks memory raises OutOfMemory: it cannot try with fewer rows while they wait for it."""
    loss, batch_of = AnswerLoss(model, most_logits(model.device.type == "cuda")), collate(pad_id)

    read = 0

    def of_examples(examples: list[Example]) -> list[tuple[float, int]]:
        nonlocal read
        batch = batch_of([{"input_ids": example.ids, "labels": example.labels} for example in examples])
        try:
            losses = loss.of_rows({name: tensor.to(model.device) for name, tensor in batch.items()})
        except (RuntimeError, MemoryError) as error:
            if is_alone:
                raise
            raise as_failure(error) from error
        read += sum(len(example.ids) for example in examples)
        tell(read)
        return losses

    sides = [side for row in rows for side in (row.examples, row.rejected or [])]
    examples = iter(as_many_as_fit([example for side in sides for example in side], batch_rows, of_examples))
    of_sides = iter([[next(examples) for _ in side] for side in sides])
    return [_loss_of(next(of_sides), next(of_sides)) for _ in rows]


def _loss_of(chosen: list[tuple[float, int]], rejected: list[tuple[float, int]]) -> tuple[float, int]:
    total = sum(loss for loss, _ in chosen)
    if not rejected:
        return total, sum(tokens for _, tokens in chosen)
    # Of two answers that are as likely as the model says, how surprising it is that this one was chosen.
    above = total - sum(loss for loss, _ in rejected)
    return max(above, 0.0) + math.log1p(math.exp(-abs(above))), 1


def is_preferred(loss: float) -> bool:
    """Of the loss of a pair: whether the chosen answer is the more likely one."""
    return loss < math.log(2)


def mean_loss(losses: list[tuple[float, int]]) -> float:
    """The mean loss of a token, of what `losses_of` gives."""
    return sum(loss for loss, _ in losses) / sum(tokens for _, tokens in losses)


def fingerprint(traits: dict[str, list[HeldOutRow]]) -> str:
    """Of the rows of each trait, as they are measured: whether two measurements are of the same."""
    digest = hashlib.sha256()
    for trait, rows in sorted(traits.items()):
        digest.update(json.dumps([trait, [_measured(row) for row in rows]]).encode())
    return digest.hexdigest()


def identity_of(row: HeldOutRow) -> str:
    """Of one row, as it is measured: the same in every run that holds it out, whatever else that holds out."""
    return hashlib.sha256(json.dumps(_measured(row)).encode()).hexdigest()[:IDENTITY_CHARACTERS]


def _measured(row: HeldOutRow) -> list:
    return [[[int(id) for id in part] for part in (example.ids, example.labels)] for example in row.all_examples]
