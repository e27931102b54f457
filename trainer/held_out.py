"""The rows that a model is compared on, and its loss on them: those that have not been trained on."""

from dataclasses import dataclass

from .batches import collate
from .encoding import IGNORED, Example, asked_and_answered, encode
from .failures import BadInput
from .memory import as_many_as_fit
from .rows import Conversation

MOST_BATCH_ROWS = 8


@dataclass(frozen=True)
class Question:
    """A held-out row as the model is asked for the last answer of it."""

    last_message: str
    # All of the conversation up to the answer, and the answer, as the chat template writes both.
    text: str
    expected: str
    # What the template writes at the head of an answer, such as that nothing was thought.
    opening: str

    def said(self, answer: str) -> str:
        """Of an answer, what was said with it."""
        return answer.removeprefix(self.opening)


@dataclass(frozen=True)
class HeldOutRow:
    """What the loss is measured on, and what the model is asked. A plain text asks nothing."""

    examples: list[Example]
    question: Question | None


def by_trait(conversations: list[Conversation], tokenizer, max_length: int, context: float, most: int) -> dict[str, list[HeldOutRow]]:
    """At most so many rows of each trait, in their order, of those that have an answer within `max_length` tokens and the model's
    context: of others it sees none, as in training. A trait without any is left out.

    Raises BadInput with the row that the chat template refuses.
    """
    longest = int(min(max_length, context))
    traits: dict[str, list[HeldOutRow]] = {}
    for number, row in enumerate(conversations, start=1):
        rows = traits.setdefault(row.trait, [])
        try:
            if len(rows) < most and (examples := learnt_from(tokenizer, row, longest)):
                rows.append(HeldOutRow(examples, question_of(tokenizer, row, longest, context)))
        except BadInput as failure:
            raise BadInput(f"Row {number} of the held-out data: {failure}") from failure
    return {trait: rows for trait, rows in traits.items() if rows}


def questions_of(rows: list[HeldOutRow]) -> list[Question]:
    return [row.question for row in rows if row.question]


def learnt_from(tokenizer, row: Conversation, longest: int) -> list[Example]:
    """Its examples in which something is to be told from what is before it."""
    return [example for example in encode(tokenizer, row, longest).examples if any(label != IGNORED for label in example.labels[1:])]


def question_of(tokenizer, row: Conversation, longest: int, context: float) -> Question | None:
    """None of a row that ends in no answer to something, whose question takes `longest` tokens, or whose answer goes beyond the context."""
    if len(row.messages) < 2 or row.messages[-1]["role"] != "assistant":
        return None
    text, answer = asked_and_answered(tokenizer, row.messages, row.tools)
    asked, answered = tokenizer([text, answer], add_special_tokens=False)["input_ids"]
    if len(asked) >= longest or len(asked) + len(answered) > context:
        return None
    # As what the model says is read: without the tokens that mark its end, and with a call of a tool as the template writes it.
    expected = tokenizer.decode(answered, skip_special_tokens=True).rstrip()
    content = row.messages[-1].get("content") or expected
    opening = expected.partition(content)[0] if content and content in expected else ""
    return Question(row.messages[-2].get("content", ""), text, expected, opening)


def answer_loss(model, pad_id: int, rows: list[HeldOutRow], batch_rows: int) -> float:
    """The mean loss of an answer's token, with so many examples at once."""
    import torch

    batch_of = collate(pad_id)

    def total(examples: list[Example]) -> list[tuple[float, int]]:
        batch = batch_of([{"input_ids": example.ids, "labels": example.labels} for example in examples])
        batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
        with torch.inference_mode():
            logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1]
        labels = batch["labels"][:, 1:]
        learnt = labels != IGNORED
        return [(torch.nn.functional.cross_entropy(logits[learnt].float(), labels[learnt], reduction="sum").item(), int(learnt.sum()))]

    examples = [example for row in rows for example in row.examples]
    losses, tokens = zip(*as_many_as_fit(examples, batch_rows, total))
    return sum(losses) / sum(tokens)
