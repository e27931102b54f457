"""A chat template as Ollama's: a Go template that writes the same. It is learnt from what the model's own template writes, and held against that.

What a template writes between two texts of a conversation (a gap) depends on a few facts: who speaks before and behind it, whether there is a system prompt, and
whether that is the end. Each is tried, and the Go template asks for those facts alone that make a difference.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from os.path import commonprefix

from ..chats.messages import without_system
from ..chats.templates import ChatTemplate
from ..platform.failures import BadInput
from .go_template import literal, quoted

# Where in a gap the system prompt and today's date stand; no template has these characters in itself.
SYSTEM, DATE = "\ue000", "\ue001"
_SYSTEM_TEXT = "Sqvbwkz"

# Who speaks, in turn: Ollama never gives a template two messages of one role in a row.
_TURNS = ("u", "ua", "uau", "uaua", "uauau", "uauaua", "uauauau", "au", "aua", "uasu", "uasua", "uasuau", "usa")
ROLES = {"u": "user", "a": "assistant", "s": "system"}
_ROLE, _BEFORE, _PROMPT, _IS_LAST, _IS_LAST_QUESTION = range(5)

_HEAD = {
    "$system": '{{ $system := "" }}{{ if eq (index .Messages 0).Role "system" }}{{ $system = (index .Messages 0).Content }}{{ end }}',
    "$asked": '{{ $asked := 0 }}{{ range $i, $_ := .Messages }}{{ if eq .Role "user" }}{{ $asked = $i }}{{ end }}{{ end }}',
}


@dataclass(frozen=True)
class Gap:
    """What stands between two texts, and the facts that it may depend on: the role that follows ("" at the end), the one before ("" at the start), the system
    prompt (none, empty or given), whether the last message follows, and whether the last question does."""

    facts: tuple[str, str, str, bool, bool]
    text: str


class Reference:
    """What the model's own template writes to ask for the next answer, or up to where an answer that is begun goes on; `beginning` is what the model's file
    puts before every text, and so has no place in a template."""

    def __init__(self, template: ChatTemplate, beginning: str):
        self._template, self._beginning = template, beginning
        # Such a template gets the system prompt at the head of the first question, as it did in training (chats/forms.py).
        self.takes_system = _SYSTEM_TEXT in (self._rendered(conversation("su")) or "")
        self.writes_beginning = bool(beginning) and (self._whole(conversation("u")) or "").startswith(beginning)

    def text(self, messages: list[dict]) -> str | None:
        """None where the template refuses the conversation."""
        if not self.takes_system and (merged := without_system(messages)):
            messages = merged if messages[0]["content"] else messages[1:]
        return self._rendered(messages)

    def _rendered(self, messages: list[dict]) -> str | None:
        text = self._whole(messages)
        return None if text is None else text.removeprefix(self._beginning)

    def _whole(self, messages: list[dict]) -> str | None:
        try:
            text = self._template.render(messages, answer_next=messages[-1]["role"] != "assistant")
        except BadInput:
            return None
        if messages[-1]["role"] == "assistant":
            said = next((each for each in (messages[-1]["content"], messages[-1]["content"].strip()) if each in text), "")
            text = text[: text.rfind(said) + len(said)]
        return text


def conversation(turns: str, system: str = _SYSTEM_TEXT) -> list[dict]:
    """Of messages with texts that no template has in itself."""
    return [{"role": ROLES[turn], "content": f"Xq{chr(97 + place)}zjv" if place or turn != "s" else system} for place, turn in enumerate(turns)]


def go_template(reference: Reference, today: str | None) -> str | None:
    """A Go template for what was tried of the reference, or None where nothing could be learnt. `today` is the day that the reference takes for today, where the
    Go template is to write each day's own, as YYYY-MM-DD."""
    gaps = {gap.facts: gap for gap in reversed([*_gaps(reference, today)])}.values()  # Of those that contradict each other, that of the shorter conversation.
    within, behind = ([gap for gap in gaps if bool(gap.facts[_ROLE]) == is_within] for is_within in (True, False))
    if not within or not behind:
        return None
    answered = [Gap(("", "assistant", prompt, False, False), "") for prompt in {gap.facts[_PROMPT] for gap in behind}]
    body = f'{{{{ range $i, $_ := .Messages }}}}{{{{ if or $i (ne .Role "system") }}}}{_code(within)}{{{{ .Content }}}}{{{{ $before = .Role }}}}{{{{ end }}}}{{{{ end }}}}'
    text = f"{body}{_code([*behind, *answered])}"
    return "".join(code for name, code in _HEAD.items() if name in text) + '{{ $before := "" }}' + text


def _gaps(reference: Reference, today: str | None) -> Iterator[Gap]:
    for turns, (prompt, system) in product(_TURNS, {"none": None, "given": _SYSTEM_TEXT, "empty": ""}.items()):
        messages = conversation(turns)
        text = reference.text(messages if system is None else [*conversation("s", system), *messages])
        if text is not None:
            marked = text.replace(_SYSTEM_TEXT, SYSTEM)
            yield from _between(marked.replace(today, DATE) if today else marked, messages, prompt)


def _between(text: str, messages: list[dict], prompt: str) -> Iterator[Gap]:
    gaps, rest = [], text
    for message in messages:
        gap, found, rest = rest.partition(message["content"])
        if not found:
            return
        gaps.append(gap)
    questions = [place for place, message in enumerate(messages) if message["role"] == "user"]
    before = ""
    for place, (message, gap) in enumerate(zip(messages, gaps)):
        yield Gap((message["role"], before, prompt, place == len(messages) - 1, place == questions[-1]), gap)
        before = message["role"]
    if before != "assistant":
        yield Gap(("", before, prompt, False, False), rest)


# Of a fact, what Go asks for it.
_CONDITIONS: tuple[Callable[[object], str], ...] = (
    lambda role: f"eq .Role {quoted(role)}",
    lambda role: f"eq $before {quoted(role)}" if role else "not $before",
    lambda prompt: {"given": "$system", "none": 'ne (index $.Messages 0).Role "system"', "empty": 'and (not $system) (eq (index $.Messages 0).Role "system")'}[prompt],
    lambda is_last: "eq (len (slice $.Messages $i)) 1" if is_last else "ne (len (slice $.Messages $i)) 1",
    lambda is_last_question: "eq $i $asked" if is_last_question else "ne $i $asked",
)


def _code(gaps: list[Gap]) -> str:
    """Go that writes the gaps' texts, asking for as few facts as it can."""
    texts = {gap.text for gap in gaps}
    if len(texts) == 1:
        return _literal(gaps[0].text)
    head = _whole_head(commonprefix([*texts]))
    tail = _whole_tail(commonprefix([text[len(head) :][::-1] for text in texts])[::-1])
    inner = [Gap(gap.facts, gap.text[len(head) : len(gap.text) - len(tail)]) for gap in gaps]
    return f"{_literal(head)}{_branches(inner)}{_literal(tail)}"


def _branches(gaps: list[Gap]) -> str:
    splits = [_split(gaps, fact) for fact in range(len(_CONDITIONS))]
    # The fact that leaves least to be asked; of the same, the first.
    fact = min((fact for fact, split in enumerate(splits) if len(split) > 1), key=lambda fact: sum(len({gap.text for gap in each}) for each in splits[fact].values()))
    values: dict[str, list] = {}
    for value, each in splits[fact].items():
        values.setdefault(_code(each), []).append(value)
    *first, (otherwise, _) = sorted(values.items(), key=lambda item: (not item[0], len(item[1])))
    written = ""
    for code, alike in first:
        conditions = [_CONDITIONS[fact](value) for value in alike]
        condition = conditions[0] if len(conditions) == 1 else f"or {' '.join(f'({each})' for each in conditions)}"
        written += f"{{{{ {'else if' if written else 'if'} {condition} }}}}{code}"
    return f"{written}{{{{ else }}}}{otherwise}{{{{ end }}}}" if otherwise else f"{written}{{{{ end }}}}"


def _split(gaps: list[Gap], fact: int) -> dict[object, list[Gap]]:
    split: dict[object, list[Gap]] = {}
    for gap in gaps:
        split.setdefault(gap.facts[fact], []).append(gap)
    return split


def _whole_head(text: str) -> str:
    """Up to the end of a tag or a line: for those who read it, no word is divided."""
    return text[: max(text.rfind(end) for end in ">]\n") + 1]


def _whole_tail(text: str) -> str:
    places = [place for begin in ("<", "[") if (place := text.find(begin)) >= 0]
    return text[min(places) :] if places else text if text.startswith("\n") else ""


def _literal(text: str) -> str:
    parts: list[str] = [""]
    for each in text:
        if each in _SLOTS:
            parts += [each, ""]
        else:
            parts[-1] += each
    return "".join(_SLOTS.get(part) or literal(part) if part else "" for part in parts)


_SLOTS = {SYSTEM: "{{ $system }}", DATE: "{{ currentDate }}"}
