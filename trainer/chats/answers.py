"""The texts that a conversation is learnt from, through the model's own chat template, and which parts of them are learnt."""

import json
from dataclasses import replace

from ..platform.failures import BadInput
from .asking import NOTHING_THOUGHT, SHORT, Part, asked_and_answered, found_in, upto
from .forms import EMPTY_THOUGHT, TOOLS_LEFT_OUT, UNANSWERED, UNASKED, Choices, Form, forms
from .many_turns import Seen, at_once
from .messages import calls_of, has_calls, learnt_answers, with_texts, without_weights
from .rendering import Refused, plain
from .shown import THOUGHT, Lost, lost_in
from .templates import ChatTemplate
from .turn_by_turn import parts_of_turns


def seen(template: ChatTemplate, messages: list[dict], tools: list[dict] | None, choices: Choices) -> tuple[list[Seen], set[str]]:
    """A conversation as one text with all answers, and notes. Some templates rewrite earlier turns when there are later ones (they drop
    their thoughts, or move the system prompt): there each answer gets a text of its own, which is what the model sees when it is asked for it.

    Raises BadInput where the template refuses the conversation, or leaves out something that it says.
    """
    answers = learnt_answers(messages)
    if not answers:
        return [], set()
    if template.problem:
        raise Refused(template.problem)
    messages, tools = plain(with_texts(messages), tools)
    notes = {UNANSWERED} if answers[-1] < len(messages) - 1 else set()
    if quick := at_once(template, without_weights(messages), tools, answers):
        return [quick], notes | ({EMPTY_THOUGHT} if any(NOTHING_THOUGHT.match(quick.text, start) for start, _ in quick.answers) else set())
    refused: Exception | None = None
    lost: list[Lost] = []
    for form in forms(template, messages, tools, choices):
        answers = learnt_answers(form.messages)  # They stand at other places than in the row where messages were joined.
        form = replace(form, messages=without_weights(form.messages))
        try:
            found, more = _seen_in(template, form, answers)
        except Refused as failure:
            refused = refused or failure
            continue
        found_lost = _lost_in(found, form) or _lost_among_others(template, form, answers)
        if not found_lost:
            return [one for one, _, _ in found], notes | form.notes | more | ({TOOLS_LEFT_OUT} if form.tools and not template.shows_tools else set())
        lost = lost or found_lost
    raise BadInput(_cannot_show(template, messages, tools, choices, refused, lost)) from refused


def _lost_in(found: list[tuple[Seen, int, list[int]]], form: Form) -> list[Lost]:
    """What does not stand in the last text, which has all messages; nor in earlier ones of what the answer is about."""
    lost = []
    for one, count, shown in found:
        places = range(count) if count == found[-1][1] else sorted({0, max(0, count - 2), count - 1})
        lost += lost_in(one.text, one.answers, form.messages, shown, places)
    return lost


def _lost_among_others(template: ChatTemplate, form: Form, answers: list[int]) -> list[Lost]:
    """What is left out of a conversation of the same shape, where a text is so short that it may stand in another by chance."""
    texts = [(message.get("content") or "").strip() for message in form.messages]
    if not any(0 < len(text) < SHORT for text in texts):
        return []
    shape = (*((message["role"], bool(text), bool(message.get("tool_calls"))) for message, text in zip(form.messages, texts)), bool(form.tools), *answers)
    if shape not in template.known_shapes:
        same = [{**message, "content": f"Xq{place:05}zw"} if text else message for place, (message, text) in enumerate(zip(form.messages, texts))]
        try:
            template.known_shapes[shape] = _lost_in(_seen_in(template, replace(form, messages=same), answers)[0], replace(form, messages=same))
        except Refused:  # It goes by what the texts say.
            template.known_shapes[shape] = []
    return template.known_shapes[shape]


def _seen_in(template: ChatTemplate, form: Form, answers: list[int]) -> tuple[list[tuple[Seen, int, list[int]]], frozenset[str]]:
    """For each text how many of the messages stand in it, and which of these are learnt there."""
    text, marks = template.marked(form.messages, form.tools, **form.switches)
    if form.messages[-1]["role"] == "assistant":
        text = template.ended(text, bool(form.messages[-1].get("tool_calls")), bool(form.tools))
    parts, notes = _parts_of(template, form, answers, (text, marks))
    answers = [place for place in answers if place in parts]
    parts = [parts[place] for place in answers]
    if any(NOTHING_THOUGHT.match(answer) for _, answer, _ in parts):
        notes |= {EMPTY_THOUGHT}
    spans = [found_in(template, text, asked, answer, form.messages[place]) for place, (asked, answer, _) in zip(answers, parts)]
    ending = template.ending(bool(form.tools), is_call=False)
    if all(spans) and not (ending and ending.is_eos and (len(parts) > 1 or answers[-1] < len(form.messages) - 1)):
        return [(Seen(text, spans, _marked(marks, spans)), len(form.messages), answers)], notes
    found = []
    for place, (asked, answer, marks) in zip(answers, parts):
        span = [(len(asked), len(asked) + len(answer))]
        found.append((Seen(asked + answer, span, _marked(marks, span)), place + 1, [place]))
    return found, notes


def _parts_of(template: ChatTemplate, form: Form, answers: list[int], whole: tuple[str, list]) -> tuple[dict[int, Part], frozenset[str]]:
    """Each answer by its place, as it is asked for and given. `whole` is the conversation with all messages."""
    unasked = []

    def derive(place: int) -> Part | None:
        messages = form.messages[: place + 1]
        try:
            ended = whole if len(messages) == len(form.messages) else upto(template, messages, form.tools, form.switches)
            return asked_and_answered(template, messages, form.tools, form.switches, *ended)
        except Refused:
            is_unasked = all(message["role"] != "user" for message in messages[:-1])
            if not is_unasked or place == answers[-1]:
                raise
            unasked.append(place)
            return None

    parts = parts_of_turns(template, form, answers, derive)
    if parts is None:
        unasked = []
        parts = {place: part for place in answers if (part := derive(place))}
    return parts, frozenset([UNASKED] if unasked else [])


def _marked(marks: list[tuple[int, int]], spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Of the answers, what the template marks as learnt: all where it marks nothing in one. What ends an answer is learnt in any case."""
    learnt = []
    for start, end in spans:
        within = [(max(first, start), min(last, end)) for first, last in marks if first < end and last > start]
        learnt += [*within[:-1], (within[-1][0], end)] if within else [(start, end)]
    return learnt


def _cannot_show(template: ChatTemplate, messages: list[dict], tools: list[dict] | None, choices: Choices, refused: Exception | None, lost: list[Lost]) -> str:
    """Why no form of the conversation could be learnt, and what to do."""
    way_out = 'Set tool_calls to "json" to have calls and results written as JSON in the text, or on_bad_rows to "skip" to leave such rows out.'
    if has_calls(messages) and not template.call_forms(bool(tools)) and choices.tool_calls != "json":
        name = next((name for message in messages for name, _ in calls_of(message)), "a tool")
        return f"The model's chat template cannot show calls of tools: that of {name} would be learnt as an answer without it. {way_out}"
    if not lost:
        return str(refused) + (f" {way_out}" if has_calls(messages) and choices.tool_calls != "json" else "")
    which = f"{lost[0]}{f' and {len(lost) - 1} more' if len(lost) > 1 else ''}"
    said = f"The model's chat template leaves out {which}, so that the row would be learnt without it."
    if lost[0].is_elsewhere:
        said = f"The model's chat template writes {which} elsewhere than it was said."
    if lost[0].kind == THOUGHT and choices.reasoning != "drop":
        return f'{said} Set reasoning to "drop" to leave thoughts out{", or tool_calls to " + json.dumps("json") if has_calls(messages) else ""}.'
    if has_calls(messages) and choices.tool_calls != "json":
        return f"{said} {way_out}"
    return f"{said} Take it out of the row, or train a model whose template shows it."
