"""python -m trainer.tests.conformance: every template of two packages with conversations of every kind, and what became of each.

Prints the table of docs/templates.md. What is right is said here in rules of its own, not in those that encode by.
"""

import json
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import groupby

from ..chats.forms import DROPPED, Choices
from ..chats.rendering import NO_CHATS
from ..chats.templates import ChatTemplate
from ..datasets.rows import Conversation
from ..platform.failures import BadInput
from ..platform.markdown import cell
from ..row_tokens import tokens_in
from ..tokens.encoding import IGNORED, Encoded, Example, encode_row
from . import packages, twins
from .conversations import CONVERSATIONS, DAY, conversation

MOST_NAMED = 9
# Tokens that ask for an answer: as many at least stand behind the last question.
MOST_COMPARED = 4


@dataclass(frozen=True)
class Outcome:
    kind: str  # right, refused, wrong
    why: str
    # Of the examples, the learnt texts.
    learnt: tuple[str, ...] = ()
    notes: frozenset[str] = frozenset()


def outcome(template: ChatTemplate, row: Conversation, choices: Choices = Choices(today=DAY)) -> Outcome:
    try:
        encoded = encode_row(template, row, 100_000, "truncate", choices)
    except BadInput as failure:
        return Outcome("refused" if is_reason(template, row, str(failure)) else "wrong", str(failure))
    learnt = tuple(text for example in encoded.examples for text in learnt_texts(template.tokenizer, example))
    wrong = broken_rule(template, row, encoded, learnt)
    return Outcome("wrong" if wrong else "right", wrong or "", learnt, frozenset(encoded.notes))


def texts_of(tokenizer, example: Example) -> list[str]:
    """Of each token the text that it was made from: decoded, a token of SentencePiece may be another."""
    return [token["text"] for token in tokens_in(tokenizer, 0, example, len(example.ids))]


def learnt_texts(tokenizer, example: Example) -> list[str]:
    """Each run of tokens that are learnt."""
    runs = groupby(zip(texts_of(tokenizer, example), example.labels), lambda token: token[1] != IGNORED)
    return ["".join(text for text, _ in run) for is_learnt, run in runs if is_learnt]


def broken_rule(template: ChatTemplate, row: Conversation, encoded: Encoded, learnt: tuple[str, ...]) -> str | None:
    answers = [message for message in row.messages if message["role"] == "assistant" and message.get("weight") != 0]
    if "unasked" in encoded.notes:
        answers = answers[1:]
    if len(learnt) != len(answers):
        return f"{len(learnt)} parts are learnt, of {len(answers)} answers"
    shown = [example.text for example in encoded.examples]
    for text, answer in zip(learnt, answers):
        # Everything that the answer says.
        for said in said_by(answer, encoded.notes):
            if said not in text:
                return f"{said!r} is not learnt in {text!r}"
        # And nothing else: what others say, and the head that it is asked for with.
        for message in row.messages:
            if message is not answer and any(word in text for word in said_by(message, frozenset()) if not is_part(word, answer)):
                return f"{message['content']!r} is learnt in {text!r}"
        if template.asks_with.strip() and text.startswith(template.asks_with):
            return f"the head of an answer is learnt in {text!r}"
        # What ends it.
        ends = [template.tokenizer.convert_ids_to_tokens(end) for end in [*template.ends(), template.tokenizer.eos_token_id]]
        said = said_by(answer, frozenset())
        behind = text[max(text.find(each) + len(each) for each in said) :]
        if not any(end in behind for end in ends):
            return f"{text!r} does not end with one of {ends}"
    # The others are shown, up to the last answer.
    last = max(place for place, message in enumerate(row.messages) if message is answers[-1])
    for message in row.messages[:last]:
        if message["role"] != "assistant" and not any(said in text or said.replace("\n", "\\n") in text for said in said_by(message, frozenset()) for text in shown):
            if message["content"].strip():
                return f"{message['content']!r} is not shown"
    return asked_otherwise(template, row, encoded)


def asked_otherwise(template: ChatTemplate, row: Conversation, encoded: Encoded) -> str | None:
    """Of an answer to plain messages: whether what is before it is what apply_chat_template writes to ask for it."""
    example, last = encoded.examples[-1], row.messages[-1]
    plain = "</think>" not in str(row.messages) and all(set(message) <= {"role", "content", "weight"} and message["role"] in ("user", "assistant") for message in row.messages)
    if last["role"] != "assistant" or not plain or row.messages[0]["role"] != "user" or template._renderer.takes_parts:
        return None
    if encoded.notes & {"switched"}:
        return None
    asked = template.tokenizer.apply_chat_template(row.messages[:-1], tokenize=False, add_generation_prompt=True)
    starts = [place for place, label in enumerate(example.labels) if label != IGNORED and (place == 0 or example.labels[place - 1] == IGNORED)]
    before = "".join(texts_of(template.tokenizer, example)[: starts[-1]])
    if before != asked:
        return f"it is asked for with {before[-80:]!r}, and in use with {asked[-80:]!r}"
    # In tokens as well; of what is before the last question, an answer begins with a token of its own where it is learnt.
    in_use = template.tokenizer(asked, add_special_tokens=False)["input_ids"][-MOST_COMPARED:]
    ours = example.ids[: starts[-1]][-MOST_COMPARED:]
    return None if ours == in_use else f"it is asked for with the tokens {ours}, and in use with {in_use}"


def said_by(message: dict, notes: frozenset[str] | set[str]) -> list[str]:
    content = message.get("content") or ""
    parts = [part.strip() for part in content.replace("<think>", "</think>").split("</think>")]
    if message.get("reasoning_content") and DROPPED not in notes:
        parts.append(message["reasoning_content"])
    for each in message.get("tool_calls", []):
        parts += [each["function"]["name"], each["function"]["arguments"]["city"]]
    return [part for part in parts if part]


def is_part(word: str, answer: dict) -> bool:
    return any(word in said for said in said_by(answer, frozenset()))


def is_reason(template: ChatTemplate, row: Conversation, sentence: str) -> bool:
    """Whether a refusal names what the template cannot: what it raises itself, or what it does not show."""
    raised = sentence.partition("refuses the conversation: ")[2].partition(" Set tool_calls")[0]
    if raised:
        return raised[:40] in template.source()
    if "cannot show calls of tools" in sentence:
        return not shows_calls(template, row)
    known = ("leaves out the", "elsewhere than it was said", NO_CHATS, "writes an answer differently than it asks for one")
    return any(each in sentence for each in known)


def shows_calls(template: ChatTemplate, row: Conversation) -> bool:
    """Whether any way to give it the first call of the row shows that, by what apply_chat_template says."""
    place, message = next((place, message) for place, message in enumerate(row.messages) if message.get("tool_calls"))
    for arguments in (lambda given: given, json.dumps):
        for content in ({"content": ""}, {"content": None}, {"content": "Let me look."}):
            function = message["tool_calls"][0]["function"]
            called = {"role": "assistant", **content, "tool_calls": [{"type": "function", "id": "abcdefghi", "function": {**function, "arguments": arguments(function["arguments"])}}]}
            try:
                text = template.tokenizer.apply_chat_template([*row.messages[:place], called], tools=row.tools, tokenize=False)
            except Exception:  # noqa: BLE001: templates raise what they like.
                continue
            if "weather" in text.rpartition(row.messages[0]["content"])[2] and "Rome" in text.rpartition(row.messages[0]["content"])[2]:
                return True
    return False


# Those that most templates refuse, and are written in their text where that is chosen.
AS_TEXT = {"calls as JSON": "call", "parallel calls as JSON": "parallel calls", "calls with a text as JSON": "call with a text"}


@cache
def all_outcomes(tokenizer=None) -> dict[tuple[str, str], Outcome]:
    """By template and kind of conversation; with SmolLM2's tokenizer unless another is given."""
    found = {}
    for name, text in packages.templates().items():
        template = packages.chat_template(text, tokenizer)
        for kind in CONVERSATIONS:
            found[name, kind] = outcome(template, conversation(kind))
        for kind, calls in AS_TEXT.items():
            found[name, kind] = outcome(template, conversation(calls), Choices(tool_calls="json", today=DAY))
    return found


def main() -> None:
    found = all_outcomes()
    counts = {kind: Counter(outcome.kind for (_, each), outcome in found.items() if each == kind) for kind in [*CONVERSATIONS, *AS_TEXT]}
    print("| conversation | right | refused with the reason | wrong |\n|---|---|---|---|")
    for kind, count in counts.items():
        print(f"| {kind} | {count['right']} | {count['refused']} | {count['wrong']} |")
    total = sum(counts.values(), Counter())
    share = (total["right"] + total["refused"]) / total.total()
    print(f"| all: {total.total()} | {total['right']} | {total['refused']} | {total['wrong']} ({1 - share:.1%}) |")
    reasons: dict[str, list[tuple[str, str]]] = {}
    for key, outcome in found.items():
        if outcome.kind != "right":
            reasons.setdefault(f"{outcome.kind}: {outcome.why}", []).append(key)
    print("\n| why | of how many | templates |\n|---|---|---|")
    for why, keys in sorted(reasons.items(), key=lambda item: -len(item[1])):
        names = list(dict.fromkeys(name for name, _ in keys))
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        print(f"| {cell(why)} | {len(keys)} | {', '.join(names[:MOST_NAMED])}{more} |")
    print("\n| TRL's twins | of how many | why |\n|---|---|---|")
    counted = Counter(each.reason for each in twins.compared().values())
    for reason, count in counted.most_common():
        print(f"| {reason} | {count} | {cell(twins.REASONS.get(reason or '', 'not known'))} |")


if __name__ == "__main__":
    main()
