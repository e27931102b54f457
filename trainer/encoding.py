"""Conversations as tokens, with the loss on the answers: what the model sees, and what of it is learnt."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from .failures import BadInput
from .rows import Conversation

IGNORED = -100  # The label that PyTorch's cross entropy leaves out.

# ChatML, for models that bring no template of their own, with the token in place of <|im_end|> that they end a text by: it is
# one token, and where they stop.
DEFAULT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

# What is done with a row of more tokens than max_length: its end is cut off, it is left out, or it becomes several.
TOO_LONG = ("truncate", "drop", "split")


@dataclass(frozen=True)
class Example:
    """Tokens of one sequence, and the same tokens as labels where they are learnt, else IGNORED."""

    ids: list[int]
    labels: list[int]

    def cut(self, start: int, end: int) -> "Example":
        return Example(self.ids[start:end], self.labels[start:end])

    @property
    def first_answer(self) -> int | None:
        return next((place for place, label in enumerate(self.labels) if label != IGNORED), None)


@dataclass
class Encoded:
    """A row as it is trained on. Nothing is trained on where it was dropped, or no answer stands within max_length."""

    examples: list[Example]
    tokens: int  # Of the row as it is, whatever its length.
    truncated: bool = False
    dropped: bool = False


@dataclass
class Data:
    rows: list[dict] = field(default_factory=list)
    truncated: int = 0
    dropped: int = 0
    skipped: int = 0
    # Of the rows that are trained on, by the id of the dataset that they come from.
    tokens: Counter = field(default_factory=Counter)


def encode_all(tokenizer, conversations: list[Conversation], max_length: int, too_long: str) -> Data:
    """All rows as examples; those that are not trained on are counted."""
    data = Data()
    for number, conversation in enumerate(conversations, start=1):
        try:
            encoded = encode(tokenizer, conversation, max_length, too_long)
        except BadInput as failure:
            raise BadInput(f"Row {number} of the training data: {failure}") from failure
        data.truncated += encoded.truncated
        data.dropped += encoded.dropped
        data.skipped += not encoded.examples and not encoded.dropped
        data.tokens[conversation.dataset_id] += sum(len(example.ids) for example in encoded.examples)
        data.rows += [{"input_ids": example.ids, "labels": example.labels} for example in encoded.examples]
    return data


def encode(tokenizer, conversation: Conversation, max_length: int, too_long: str = "truncate") -> Encoded:
    """A row as one example, or several where it is split, or where the chat template does not show every answer at once."""
    whole = examples_of(tokenizer, conversation.messages, conversation.tools)
    encoded = Encoded(whole, tokens=max((len(example.ids) for example in whole), default=0))
    if encoded.tokens > max_length and too_long == "drop":
        return Encoded([], encoded.tokens, dropped=True)
    if encoded.tokens > max_length and too_long == "split":
        encoded.examples = list(pieces(tokenizer, conversation, max_length))
    encoded.truncated = any(len(example.ids) > max_length for example in encoded.examples)
    cut = (example.cut(0, max_length) for example in encoded.examples)
    encoded.examples = [example for example in cut if example.first_answer is not None]
    return encoded


def pieces(tokenizer, conversation: Conversation, max_length: int) -> Iterator[Example]:
    """A plain text in parts of max_length; a conversation in parts that fit, each of whole turns behind its system prompt.

    A single turn that is too long stays so.
    """
    if is_text(conversation.messages):
        [text] = examples_of(tokenizer, conversation.messages)
        for start in range(0, len(text.ids), max_length):
            yield text.cut(start, start + max_length)
        return
    system, turns = in_turns(conversation.messages)
    fits: list[Example] = []
    taken: list[dict] = []
    for turn in turns:
        longer = examples_of(tokenizer, system + taken + turn, conversation.tools)
        if taken and max(len(example.ids) for example in longer) > max_length:
            yield from fits
            taken, longer = [], examples_of(tokenizer, system + turn, conversation.tools)
        taken, fits = taken + turn, longer
    yield from fits


def in_turns(messages: list[dict]) -> tuple[list[dict], list[list[dict]]]:
    """The system prompt, and the rest in turns: a message of the user with all that follows until the next."""
    system = [message for message in messages[:1] if message["role"] == "system"]
    turns: list[list[dict]] = []
    for message in messages[len(system) :]:
        if message["role"] == "user" or not turns:
            turns.append([])
        turns[-1].append(message)
    return system, turns


def is_text(messages: list[dict]) -> bool:
    """Plain text, to be learnt as a whole, is one message with this role, which no chat has."""
    return bool(messages) and messages[0]["role"] == "text"


def examples_of(tokenizer, messages: list[dict], tools: list[dict] | None = None) -> list[Example]:
    """A conversation as one example with the loss on every answer, through the model's own chat template.

    An answer is what the conversation rendered with it has beyond the conversation rendered up to it, so templates need not
    mark it. Some rewrite earlier turns when there are later ones (they drop their reasoning, or move the system prompt): there
    each answer gets an example of its own, with the loss on it alone, which is what the model sees when it is asked for it.
    """
    if is_text(messages):
        ids = tokenizer(messages[0]["content"], add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
        return [Example(ids, ids)]
    answers = [index for index, message in enumerate(messages) if message["role"] == "assistant"]
    parts = [asked_and_answered(tokenizer, messages[: index + 1], tools) for index in answers]
    text = render(tokenizer, messages, tools=tools)
    spans = [_found(tokenizer, text, before, answer) for before, answer in parts]
    if all(spans):
        return [_example(tokenizer, text, spans)]
    return [_example(tokenizer, before + answer, [(len(before), len(before + answer))]) for before, answer in parts]


def asked_and_answered(tokenizer, messages: list[dict], tools: list[dict] | None) -> tuple[str, str]:
    """What the model sees when it is asked for the last message, and the text that it is to answer with."""
    before = render(tokenizer, messages[:-1], answer_next=True, tools=tools)
    upto = render(tokenizer, messages, tools=tools)
    if upto.startswith(before):
        return before, upto[len(before) :]
    # A template may show a system prompt only where an answer is asked for. The answer itself is the same without one.
    others = [message for message in messages if message["role"] != "system"]
    if len(others) < len(messages):
        _, answer = asked_and_answered(tokenizer, others, tools)
        return before, answer
    raise BadInput("The model's chat template writes an answer differently than it asks for one, so its tokens cannot be told from the rest.")


def end_of_answer(tokenizer) -> int | None:
    """The special token that the chat template writes behind an answer: a model that was trained with it ends by that. None where there is none."""
    content = "yes"
    try:
        _, answer = asked_and_answered(tokenizer, [{"role": "user", "content": "Well?"}, {"role": "assistant", "content": content}], None)
    except BadInput:
        return None  # A template for other conversations than this.
    behind = tokenizer(answer.rpartition(content)[2], add_special_tokens=False)["input_ids"]
    special = {token for token, added in tokenizer.added_tokens_decoder.items() if added.special}
    return next((token for token in behind if token in special), None)


def _found(tokenizer, text: str, before: str, answer: str) -> tuple[int, int] | None:
    """Where the answer stands in the whole conversation, or None where what is before it reads otherwise there.

    Behind the last turn a template may write what it does not write between turns: a line end, or the end of the text.
    """
    shortest = answer.rstrip()
    for ending in (answer, shortest, shortest.removesuffix(tokenizer.eos_token or "").rstrip()):
        if text.startswith(before + ending):
            return len(before), len(before + ending)
    return None


def _example(tokenizer, text: str, learnt: list[tuple[int, int]]) -> Example:
    """`learnt`: parts of the text, by their characters."""
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids = encoded["input_ids"]
    return Example(ids, [token if any(a <= first < b for a, b in learnt) else IGNORED for token, (first, _) in zip(ids, encoded["offset_mapping"])])


def render(tokenizer, messages: list[dict], answer_next: bool = False, tools: list[dict] | None = None) -> str:
    """The text of a conversation. A template that knows no system prompt gets it at the head of the first question."""
    def apply(messages: list[dict]) -> str:
        return tokenizer.apply_chat_template(messages, tools=tools, tokenize=False, add_generation_prompt=answer_next)

    try:
        return apply(messages)
    except Exception as error:  # noqa: BLE001: templates raise what they like.
        merged = without_system(messages)
        try:
            if merged is not None:
                return apply(merged)
        except Exception:  # noqa: BLE001
            pass
        raise BadInput(f"The model's chat template refuses the conversation: {error}") from error


def without_system(messages: list[dict]) -> list[dict] | None:
    """With the system prompt before the first question, or None where there is no such pair."""
    if len(messages) < 2 or [message["role"] for message in messages[:2]] != ["system", "user"]:
        return None
    system, first, *others = messages
    return [{**first, "content": f"{system['content']}\n\n{first['content']}"}, *others]
