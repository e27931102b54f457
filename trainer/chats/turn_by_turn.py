"""A long conversation as it is asked for and answered, from renderings of two of its turns each."""

from collections.abc import Callable, Iterator

from .asking import Part, asked_and_answered, upto
from .forms import Form
from .messages import in_turns
from .rendering import Refused
from .templates import ChatTemplate

LEAST_TURNS = 5  # So few are rendered as they are.
_TRIED_TURN = 2  # The first of which there is another before the one before it.


def parts_of_turns(template: ChatTemplate, form: Form, answers: list[int], derive: Callable[[int], Part | None]) -> dict[int, Part] | None:
    """What `derive`, which renders the whole conversation up to an answer, gives for each answer: from as many renderings, of two turns each.

    The template is asked for each turn behind its system prompt and the turn before. What it writes from the question before on is put behind
    what was written until there. That is right where no earlier turn is written otherwise for what comes later: two turns and the last one are derived as well,
    and what stands before the last question, which has all others in it, has to be the same to the last character. None where it is not.
    """
    system, turns = in_turns(form.messages)
    if len(turns) < LEAST_TURNS or any(message["role"] != "user" or not said(message) for message, *_ in turns[1:]):
        return None
    try:
        return _parts(template, form, answers, derive, system, turns)
    except (Refused, _NotSo):
        return None


class _NotSo(Exception):
    """What is written of a turn depends on others than the one before it."""


def _parts(template: ChatTemplate, form: Form, answers: list[int], derive: Callable[[int], Part | None], system: list[dict], turns: list[list[dict]]) -> dict[int, Part]:
    learnt = set(answers)
    parts: dict[int, Part] = {}
    place = len(system)  # Of the first message of the turn.
    written = ""  # The conversation up to the end of the question of the turn before.
    for number, turn in enumerate(turns):
        places = [each for each in range(place, place + len(turn)) if each in learnt]
        is_tried = number == _TRIED_TURN or number == len(turns) - 1
        if number < _TRIED_TURN or is_tried:
            parts.update((each, part) for each in places if (part := derive(each)))
        if number == 1:
            written = _upto_question(template.render(form.messages[: place + 1], form.tools, answer_next=True, **form.switches), said(turn[0]))
        elif number > 1:
            before = [*system, *turns[number - 1]]
            asked = template.render([*before, turn[0]], form.tools, answer_next=True, **form.switches)
            cut = _end_of(asked, said(turns[number - 1][0]), system)
            for each, part in _within(template, form, before, turn, places, place, asked):
                if not part[0].startswith(asked[:cut]):
                    raise _NotSo
                found = _behind(written, cut, part)
                if is_tried and found[:2] != parts[each][:2]:
                    raise _NotSo
                parts[each] = parts.get(each, found)
            if number == len(turns) - 1 and written + asked[cut:] != template.render(form.messages[: place + 1], form.tools, answer_next=True, **form.switches):
                raise _NotSo
            written += _upto_question(asked[cut:], said(turn[0]))
        place += len(turn)
    return parts


def _within(template: ChatTemplate, form: Form, before: list[dict], turn: list[dict], places: list[int], first: int, asked: str) -> Iterator[tuple[int, Part]]:
    """Of the learnt answers of a turn each as it stands behind `before`."""
    for place in places:
        messages = [*before, *turn[: place - first + 1]]
        known = asked if place == first + 1 else None
        yield place, asked_and_answered(template, messages, form.tools, form.switches, *upto(template, messages, form.tools, form.switches), asked=known)


def _behind(written: str, cut: int, part: Part) -> Part:
    asked, answer, marks = part
    moved = len(written) - cut
    return written + asked[cut:], answer, [(start + moved, end + moved) for start, end in marks if end > cut]


def _upto_question(text: str, question: str) -> str:
    """Up to the end of the last question in it."""
    start = text.rfind(question)
    if start < 0:
        raise _NotSo
    return text[: start + len(question)]


def _end_of(text: str, question: str, system: list[dict]) -> int:
    """Where the question ends that stands behind the system prompt."""
    behind = max((text.find(said(message)) + len(said(message)) for message in system), default=0)
    start = text.find(question, max(behind, 0))
    if start < 0:
        raise _NotSo
    return start + len(question)


def said(message: dict) -> str:
    return (message.get("content") or "").strip()
