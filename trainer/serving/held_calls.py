"""Answers that are held to calls of tools: as the template writes a call, with a tool's name, and arguments that its schema describes."""

from collections.abc import Iterator
from dataclasses import dataclass

from .asked import CannotAsk
from .calls import CallMarks
from .form import Form, Forms, json_rule
from .tagged_calls import TaggedCalls
from .written_call import WrittenCall


@dataclass(frozen=True)
class HeldCalls:
    """`must`: the answer is a call, as `form` says from its first token on; else each call in it, from its mark on."""

    must: bool
    form: Form


def held_calls(forms: Forms, marks: CallMarks, tools: list[dict], must: bool) -> HeldCalls:
    """`tools`: {"name", "schema"} of each that may be called; without a schema, it takes any arguments. Raises CannotAsk."""
    if marks.written is None:
        raise CannotAsk("The model's chat template writes the arguments of calls in a form that answers cannot be held to. Send tool_choice as auto, and tools without strict.", "tool_choice")
    # Some templates end the turn before a call, and begin another one.
    head = "" if forms.ends_in(marks.written.head) else marks.written.head
    begins = head + marks.opening + marks.written.before if must else marks.written.before
    return HeldCalls(must, forms.of_rules(list(_rules(forms, marks, begins, tools)), "tools"))


def _rules(forms: Forms, marks: CallMarks, begins: str, tools: list[dict]) -> Iterator[str]:
    written: WrittenCall = marks.written
    yield f"start: {forms.literal(begins)} ({' | '.join(f'call_{place}' for place in range(len(tools)))}) {forms.literal(written.after)}"
    for place, tool in enumerate(tools):
        schema = tool["schema"] or {"type": "object"}
        begun = forms.literal(tool["name"] + written.between)
        if isinstance(marks, TaggedCalls):
            pairs = list(_pairs(forms, written, schema, place))
            yield f"call_{place}: {begun} {' '.join(name for name, _ in pairs)}"
            yield from (rule for _, rules in pairs for rule in rules)
        else:
            yield f"call_{place}: {begun} {json_rule(schema)}"


def _pairs(forms: Forms, written: WrittenCall, schema: dict, call: int) -> Iterator[tuple[str, list[str]]]:
    """Of each argument how the call names it, and its rules."""
    shared = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
    for place, (name, wanted) in enumerate((schema.get("properties") or {}).items()):
        rule = f"pair_{call}_{place}"
        begun = forms.literal(written.key_begins + name + written.key_ends)
        ends = forms.literal(written.value_ends)
        reference = f"{rule}?" if name not in schema.get("required", []) else rule
        if not isinstance(wanted, dict) or wanted.get("type") != "string":
            yield reference, [f"{rule}: {begun} {json_rule({**shared, **(wanted if isinstance(wanted, dict) else {})})} {ends}"]
        elif texts := [text for text in wanted.get("enum", []) if isinstance(text, str)]:
            yield reference, [f"{rule}: {begun} ({' | '.join(forms.literal(text) for text in texts)}) {ends}"]
        elif forms.is_text(written.value_ends):
            yield reference, [f"{rule}: {begun} {rule}_text", rf"{rule}_text[suffix={ends}]: /[\s\S]*/"]
        else:
            yield reference, [rf"{rule}: {begun} /[\s\S]*/ {ends}"]
