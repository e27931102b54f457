"""python -m trainer.template_facts MODEL_DIRECTORY: what the model's chat template can show, and what ends its answers, as a JSON object.
Needs no weights. Exit codes: failures.py."""

import json
import re
import sys

from .chats.answers import seen
from .chats.forms import EMPTY_THOUGHT, INLINE, SWITCHED, Choices
from .chats.templates import ChatTemplate
from .platform.failures import DONE, BadInput
from .tokenizer_command import parser_of, template_of

# Texts that no template has in itself.
_SYSTEM = {"role": "system", "content": "Vbnqt wxkpl zzrgh."}
_ASKED = {"role": "user", "content": "Xqzjv wkfyg hvbwp?"}
_ANSWERED = {"role": "assistant", "content": "Qwplk mnvxz trbgh."}
_THOUGHT = {**_ANSWERED, "reasoning_content": "Zxcvq plmkn jhgtr."}


def main() -> int:
    print(json.dumps(facts_of(template_of(parser_of("template_facts", __doc__, encodes=False).parse_args()))))
    return DONE


def facts_of(template: ChatTemplate) -> dict:
    """
    - problem: why it takes no conversation, or None; nothing else is known then
    - system: "shown", "in_question" (it knows no system prompt, which is put at the head of the first question) or "refused"
    - tools: whether it lists those that may be called; tool_calls: whether it shows a call, with its arguments
    - thoughts: "shown", "switched" (with thinking switched on) or "in_text" (it has no place for them)
    - empty_thought: whether an answer without a thought is learnt behind an empty one
    - all_answers_at_once: whether one text shows every answer as the model gives it, of rows without thoughts; else each has an example
    - writes_today: whether it writes today's date
    - ends: the tokens that end its answers and its calls
    """
    single = _texts(template, [_ASKED, _ANSWERED])
    if isinstance(single, BadInput):
        return {"problem": str(single)}
    several = _texts(template, [_ASKED, _ANSWERED] * 2)
    return {
        "problem": None,
        "system": _system(template),
        "tools": template.shows_tools,
        "tool_calls": bool(template.call_forms(True)),
        "thoughts": _thoughts(template),
        "empty_thought": EMPTY_THOUGHT in single[1],
        "all_answers_at_once": not isinstance(several, BadInput) and len(several[0]) == 1,
        "writes_today": bool(re.search(r"\bstrftime_now\b", template.source() + template.source(tools=[{}]))),
        "ends": template.tokenizer.convert_ids_to_tokens(template.ends() or [template.tokenizer.eos_token_id]),
    }


def _system(template: ChatTemplate) -> str:
    found = _texts(template, [_SYSTEM, _ASKED, _ANSWERED])
    if isinstance(found, BadInput):
        return "refused"
    try:
        return "shown" if _SYSTEM["content"] in template.render([_SYSTEM, _ASKED]) else "in_question"
    except BadInput:
        return "in_question"


def _thoughts(template: ChatTemplate) -> str:
    found = _texts(template, [_ASKED, _THOUGHT])
    if isinstance(found, BadInput) or INLINE in found[1]:
        return "in_text"
    return "switched" if SWITCHED in found[1] else "shown"


def _texts(template: ChatTemplate, messages: list[dict]):
    """The texts that the conversation is learnt from, and notes; or why it is refused."""
    try:
        return seen(template, messages, None, Choices())
    except BadInput as failure:
        return failure


if __name__ == "__main__":
    sys.exit(main())
