"""TRL's templates and their "training" twins, which mark what is to be learnt: where that is what is learnt here, and why not elsewhere."""

import re
from dataclasses import dataclass

from ..chats.answers import seen
from ..chats.forms import Choices
from ..chats.messages import said_in, with_calls, without_weights
from ..chats.templates import CALL_FORMS, ChatTemplate
from ..platform.failures import BadInput
from . import packages
from .conversations import CONVERSATIONS, DAY, conversation

# Reasons, each with the rule that finds it. Whatever has none is a failure of the test.
REASONS = {
    "same": "the same text is learnt",
    "prompt": "the twin marks the head of the answer as well (<think>, <｜Assistant｜>), which stands in what the model is asked with",
    "empty thought": "the template asks by opening a thought; the twin learns an answer that does not go on from there",
    "thoughts": "the twin leaves out what was thought, in all answers or in all but the last, or shows it as a text; here each answer is learnt with its thought",
    "white space": "only white space behind the end of an answer differs",
    "return": "each answer is learnt as the last one, which gpt-oss ends by <|return|>; the twin ends earlier ones by <|end|>, as they stand in the history",
    "end of a call": "a call is learnt with the token behind it that ends it (<|tool_response>, <｜tool▁outputs▁begin｜>)",
    "refused here": "the template does not show the whole row; the twin learns what is left of it, an empty answer for a call",
    "text beside a call": "the template shows the text of an answer that calls a tool where it was just said, and not later; the twin leaves it out",
    "refused there": "the twin refuses a system prompt, which stands at the head of the first question here",
    "first answer": "the twin's template lets a conversation begin with an answer",
}


@dataclass(frozen=True)
class Compared:
    reason: str | None
    ours: list[str] | str
    theirs: list[str] | str


def compared() -> dict[tuple[str, str], Compared]:
    found = {}
    for name, (text, twin) in packages.twins().items():
        template, marking = (packages.chat_template(each) for each in (text, twin))
        for kind in CONVERSATIONS:
            if kind != "an answer of weight 0":  # Twins know no weights.
                found[name, kind] = compare(template, marking, kind)
    return found


def compare(template: ChatTemplate, marking: ChatTemplate, kind: str) -> Compared:
    row = conversation(kind)
    asked: list[str] = []
    ours: list[str] | str
    theirs: list[str] | str
    notes: set[str] = set()
    try:
        texts, notes = seen(template, row.messages, row.tools, Choices(today=DAY))
        ours = [each.text[start:end] for each in texts for start, end in each.learnt]
        asked = [each.text[:start] for each in texts for start, _ in each.answers]
    except BadInput as failure:
        ours = str(failure)
    try:
        forms = marking.call_forms(bool(row.tools)) or CALL_FORMS
        text, marks = marking.marked(with_calls(without_weights(row.messages), forms[0]), row.tools)
        theirs = [text[start:end] for start, end in marks]
    except BadInput as failure:
        theirs = str(failure)
    return Compared(reason_for(row.messages, ours, theirs, asked, notes), ours, theirs)


def reason_for(messages: list[dict], ours: list[str] | str, theirs: list[str] | str, asked: list[str], notes: set[str]) -> str | None:
    if isinstance(ours, str):
        return "same" if isinstance(theirs, str) else "refused here"
    if isinstance(theirs, str):
        return "refused there"
    if "".join(ours) == "".join(theirs):
        return "same"
    if "unasked" in notes:
        return "first answer"
    thoughts = [said_in(message).thought for message in messages if message["role"] == "assistant" and said_in(message).thought]
    if thoughts and all(thought in "".join(ours) for thought in thoughts):
        shown = [thought for thought in thoughts if re.search(rf"(?<!<think>\n){re.escape(thought)}", "".join(theirs))]
        tagged = all(f"<think>\n{thought}" in "".join(theirs) for thought in thoughts)
        if len(shown) < len(thoughts) and not (tagged and len(theirs) == len(ours) and _begins_so(ours, theirs, asked)):
            return "thoughts"
    if len(ours) == len(theirs) and _begins_so(ours, theirs, asked):
        return "prompt"
    bare_ours, bare_theirs = _bare(ours), _bare(theirs)
    if "empty_thought" in notes and bare_ours == bare_theirs:
        return "empty thought"
    if bare_ours == bare_theirs:
        return "white space"
    if bare_ours.replace("<|return|>", "<|end|>") == bare_theirs.replace("<|return|>", "<|end|>"):
        return "return"
    if any(message.get("tool_calls") for message in messages):
        if bare_ours.replace("<｜tool▁outputs▁begin｜>", "").replace("<|tool_response>", "") == bare_theirs:
            return "end of a call"
        if any(message.get("tool_calls") and message["content"] and message["content"] not in "".join(theirs) for message in messages):
            return "text beside a call"
    return None


def _begins_so(ours: list[str], theirs: list[str], asked: list[str]) -> bool:
    """Whether theirs has more at the beginning of each answer, and that is what is asked with."""
    return all(their.endswith(our) and before.endswith(their.removesuffix(our)) for our, their, before in zip(ours, theirs, asked))


_HEAD = re.compile(r"(<\|im_start\|>assistant|<\|start\|>assistant|<｜Assistant｜>|<｜tool▁outputs▁end｜>)?\s*(<think>)?\s*(</think>)?\s*")


def _bare(texts: list[str]) -> str:
    """Without heads, empty thoughts and white space."""
    return "".join(re.sub(r"\s", "", _HEAD.sub("", text, count=1)) for text in texts)
