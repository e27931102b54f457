"""Rows of a data file as conversations, and conversations as tokens with the loss on the answers."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from .failures import BadInput

IGNORED = -100  # The label that PyTorch's cross entropy leaves out.

# ChatML, for models that bring no template of their own.
DEFAULT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True)
class Conversation:
    messages: list[dict]
    trait: str
    tools: list[dict] | None = None
    dataset_id: int | None = None


def read_conversations(path: Path) -> list[Conversation]:
    """Reads Parquet, or JSON lines by hand: chat messages, prompt/completion, question/answer, or instruction/input/output."""
    if not path.is_file():
        raise BadInput(f"The data file {str(path)!r} does not exist.")
    if path.suffix == ".parquet":
        import pyarrow.parquet

        rows = pyarrow.parquet.read_table(path).to_pylist()
    else:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [conversation_of(row, number) for number, row in enumerate(rows, start=1)]


def conversation_of(row: dict, number: int) -> Conversation:
    return Conversation(_messages(row, number), row.get("trait") or "all", _tools(row), row.get("dataset_id"))


def _messages(row: dict, number: int) -> list[dict]:
    if "messages" in row:
        messages = json.loads(row["messages"]) if isinstance(row["messages"], str) else row["messages"]
        if not isinstance(messages, list) or not all(isinstance(m, dict) and {"role", "content"} <= set(m) for m in messages):
            raise BadInput(f"Row {number} has messages that are no list of objects with role and content.")
        return [_message(m) for m in messages]
    for prompt, answer in (("prompt", "completion"), ("question", "answer"), ("instruction", "output")):
        if prompt in row and answer in row:
            extra = f"\n\n{row['input']}" if prompt == "instruction" and row.get("input") else ""
            return [{"role": "user", "content": row[prompt] + extra}, {"role": "assistant", "content": row[answer]}]
    raise BadInput(f"Row {number} has the fields {', '.join(row)}; give messages, or prompt and completion, or instruction and output.")


def _message(message: dict) -> dict:
    """What chat templates know, without what is not there. Arguments of tool calls as objects: templates write them as JSON."""
    known = {key: message[key] for key in ("role", "content", "reasoning_content", "tool_calls", "tool_call_id", "name") if message.get(key) is not None}
    for call in known.get("tool_calls", []):
        function = call.get("function", {}) if isinstance(call, dict) else {}
        if isinstance(function.get("arguments"), str):
            try:
                function["arguments"] = json.loads(function["arguments"])
            except ValueError:
                pass  # A text that is no JSON is written as it is.
    return known


def _tools(row: dict) -> list[dict] | None:
    tools = row.get("tools")
    return (json.loads(tools) if isinstance(tools, str) else tools) or None


def is_text(messages: list[dict]) -> bool:
    """Plain text, to be learnt as a whole, is one message with this role, which no chat has."""
    return messages[0]["role"] == "text"


def render(tokenizer, messages: list[dict], answer_next: bool = False, tools: list[dict] | None = None) -> str:
    return tokenizer.apply_chat_template(messages, tools=tools, tokenize=False, add_generation_prompt=answer_next)


def encode_text(tokenizer, text: str, max_length: int) -> tuple[list[int], list[int], bool]:
    """Token ids with the end of a text, all of them labels, and whether the row was cut."""
    ids = tokenizer(text, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    return ids[:max_length], ids[:max_length], len(ids) > max_length


def encode(tokenizer, messages: list[dict], max_length: int, tools: list[dict] | None = None) -> tuple[list[int], list[int], bool]:
    """Token ids, labels, and whether the row was cut.

    Each answer is what the conversation rendered with it has beyond the conversation rendered up to it; so this works
    with templates that mark no generation. Where the template does not keep that prefix, the row is refused.
    """
    if is_text(messages):
        return encode_text(tokenizer, messages[0]["content"], max_length)
    text = render(tokenizer, messages, tools=tools)
    answers = []
    for index, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before = render(tokenizer, messages[:index], answer_next=True, tools=tools)
        upto = render(tokenizer, messages[: index + 1], tools=tools)
        if not upto.startswith(before) or not text.startswith(upto.rstrip()):
            raise BadInput("The model's chat template rewrites earlier turns, so the answers' tokens cannot be told from the rest.")
        answers.append((len(before), len(upto)))
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
    labels = [token if any(a <= first < b for a, b in answers) else IGNORED for token, (first, _) in zip(ids, offsets)]
    return ids[:max_length], labels[:max_length], len(ids) > max_length


@dataclass
class Encoded:
    rows: list[dict]
    truncated: int = 0
    skipped: int = 0
    # Of the rows that are trained on, by the id of the dataset that they come from.
    tokens: Counter = field(default_factory=Counter)
    longest: int = 0


def encode_all(tokenizer, conversations: list[Conversation], max_length: int) -> Encoded:
    """All rows as tokens; those without an answer token left are skipped and counted."""
    result = Encoded([])
    for conversation in conversations:
        ids, labels, cut = encode(tokenizer, conversation.messages, max_length, conversation.tools)
        result.truncated += cut
        if all(label == IGNORED for label in labels):
            result.skipped += 1
            continue
        result.tokens[conversation.dataset_id] += len(ids)
        result.longest = max(result.longest, len(ids))
        result.rows.append({"input_ids": ids, "labels": labels})
    return result


def collate(pad_id: int):
    """A collator that pads to the longest row of the batch; padding counts for nothing."""
    import torch

    def batch(rows: list[dict]) -> dict:
        longest = max(len(row["input_ids"]) for row in rows)
        pad = lambda values, filler: values + [filler] * (longest - len(values))  # noqa: E731
        return {
            "input_ids": torch.tensor([pad(row["input_ids"], pad_id) for row in rows]),
            "attention_mask": torch.tensor([pad([1] * len(row["input_ids"]), 0) for row in rows]),
            "labels": torch.tensor([pad(row["labels"], IGNORED) for row in rows]),
        }

    return batch
