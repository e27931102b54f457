"""What a chat template can show, and what ends its answers: found by trying it, since nothing in a template says so."""

import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from os.path import commonprefix

from ..platform.failures import BadInput
from .rendering import NO_CHATS, Refused, Renderer
from .thoughts import opened_thought, thought_end

_TAG = re.compile(r"<[^<>]*>|\[[^\[\]]*\]")
_SWITCHES_THOUGHTS = re.compile(r"(enable_|use_)?(think|thinking|reasoning)")

# To try a template with: texts that none has in itself.
_ASKED, _ANSWERED, _NEXT = "Xqzjv", "Wkfyg", "Hvbwp"
_CALLED, _KEY, _VALUE = "qvlookup", "zwkey", "kqvalue"
CALL_ID = "call00001"  # Mistral's templates take nine letters and digits, and nothing else.
_PARAMETERS = {"type": "object", "properties": {_KEY: {"type": "string", "description": "What to look up."}}, "required": [_KEY]}
_TOOLS = [{"type": "function", "function": {"name": _CALLED, "description": "Looks something up.", "parameters": _PARAMETERS}}]
_RESULT = {"role": "tool", "content": _NEXT, "tool_call_id": CALL_ID, "name": _CALLED}


@dataclass(frozen=True)
class Ending:
    """How an answer ends where a template does not write it behind one that is the last: by `text`, in place of `written`."""

    written: str
    text: str
    # No template writes it: a conversation does not go on from there.
    is_eos: bool = False


@dataclass(frozen=True)
class CallForm:
    """How a template takes calls of tools: arguments as a JSON text or as an object; an answer that has no text with this content."""

    arguments_as_text: bool
    content: str | None


CALL_FORMS = tuple(CallForm(as_text, content) for as_text in (False, True) for content in ("", None))


class ChatTemplate:
    """The chat template of a tokenizer, on a day (Renderer)."""

    def __init__(self, tokenizer, today: str | None = None):
        self.tokenizer = tokenizer
        self._renderer = Renderer(tokenizer, today)
        self.render, self.marked, self.source = self._renderer.render, self._renderer.marked, self._renderer.source
        self._found: dict[tuple[str, bool], object] = {}
        # What it leaves out of conversations, by their shape (answers.py).
        self.known_shapes: dict[tuple, list] = {}

    @property
    def has_marks(self) -> bool:
        return self._renderer.has_marks

    @cached_property
    def thought_tag(self) -> str | None:
        """The tag before a thought, of a template that knows what ends one: it writes that, or cuts off what is before it."""
        closing = thought_end(self.source())
        return closing.replace("/", "") if closing else None

    @cached_property
    def may_show_thoughts(self) -> bool:
        """Whether it may write what was thought from a field of its own: it speaks of thoughts, or writes all that a message has."""
        if re.search(r"think|thought|reason", self.source() + self.source(tools=_TOOLS), re.IGNORECASE):
            return True
        with suppress(BadInput):
            return _NEXT in self.render([_user(_ASKED), {**_assistant(_ANSWERED), "reasoning_content": _NEXT}, _user(_ASKED)])
        return True

    @cached_property
    def thought_switches(self) -> dict:
        """What a template can be given so that it lets the model think, where it does not of itself."""
        from jinja2.meta import find_undeclared_variables
        from transformers.utils.chat_template_utils import _compile_jinja_template

        source = self.source()
        names = find_undeclared_variables(_compile_jinja_template(source).environment.parse(source))
        return {name: True for name in sorted(names) if _SWITCHES_THOUGHTS.fullmatch(name)}

    @cached_property
    def asks_with(self) -> str:
        """What it writes where an answer is asked for, and nowhere else."""
        with suppress(BadInput):
            return self.render([_user(_ASKED)], answer_next=True).removeprefix(self.render([_user(_ASKED)]))
        return ""

    @cached_property
    def unwritten(self) -> tuple[str, str]:
        """What it writes to ask for an answer, and not before one that is there (that nothing was thought, say); and what of that it writes there."""
        with suppress(BadInput):
            before, text = self.render([_user(_ASKED)], answer_next=True), self.render([_user(_ASKED), _assistant(_ANSWERED)])
            head, found, _ = text.partition(_ANSWERED)
            same = len(commonprefix([before, head]))
            # Not within a tag: <|START_RESPONSE|> is no <|START_THINKING|>.
            same = min([same, *(place for place in (head.rfind("<", 0, same), head.rfind("[", 0, same)) if place > max(head.rfind(">", 0, same), head.rfind("]", 0, same)))])
            asks, written = before[same:], head[same:]
            if found and asks and not re.sub(_TAG, "", written).strip():
                return asks, written if asks.rstrip().endswith(written.strip()) else ""
        return "", ""

    @cached_property
    def problem(self) -> str | None:
        """Why no conversation could be learnt with it, or None. Some judge a conversation, or want what no dataset has."""
        asked, answer = _user(_ASKED), _assistant(_ANSWERED)
        try:
            before, text = self.render([asked], answer_next=True), self.render([asked, answer])
        except Refused as failure:
            return str(failure) if NO_CHATS in str(failure) else None
        opened = opened_thought(before)
        if _ANSWERED not in text or text.startswith(opened[0] if opened else before.removesuffix(self.unwritten[0])):
            return None
        return f"The model's chat template does not go on from what it asks for an answer with, where it is given one: {NO_CHATS}"

    @cached_property
    def shows_tools(self) -> bool:
        """Whether it lists the tools that may be called."""
        with suppress(BadInput):
            return _CALLED in self.render([_user(_ASKED)], _TOOLS, answer_next=True)
        return False

    @cached_property
    def written_call(self) -> tuple[str, str, dict] | None:
        """A call as the template writes it where it is the answer, with its name and its arguments; None where it shows none."""
        for form in self.call_forms(True)[:1]:
            with suppress(BadInput):
                text = self.render([_user(_ASKED), _calling(form)], _TOOLS).rpartition(_ASKED)[2]
                return text.rpartition(self.asks_with)[2] if self.asks_with.strip() else text, _CALLED, {_KEY: _VALUE}
        return None

    def call_forms(self, with_tools: bool) -> list[CallForm]:
        """The forms in which the template shows a call of a tool: none, with most templates of models that were not made to call any."""
        return self._once("call_forms", with_tools, self._find_call_forms)

    def ending(self, with_tools: bool, is_call: bool) -> Ending | None:
        """What ends an answer, where the template does not write it behind the last one; None where it does, as most do."""
        plain = self._once("ending", with_tools, self._find_ending)
        if not is_call or plain and (plain.is_eos or plain.written):
            return plain
        return self._once("ending_of_call", with_tools, self._find_ending_of_call) or plain

    def _once(self, name: str, with_tools: bool, find):
        if (name, with_tools) not in self._found:
            self._found[name, with_tools] = find(_TOOLS if with_tools else None)
        return self._found[name, with_tools]

    def _find_call_forms(self, tools: list[dict] | None) -> list[CallForm]:
        whole, by_name = [], []  # Some show the name of a call, and not what it is called with.
        for form in CALL_FORMS:
            conversation = [_user(_ASKED), _calling(form), _RESULT]
            for messages in (conversation, conversation[:2]):
                with suppress(BadInput):
                    shown = self.render(messages, tools).rpartition(_ASKED)[2]
                    if _CALLED in shown:
                        (whole if _VALUE in shown else by_name).append(form)
                        break
        return whole or by_name

    def _find_ending(self, tools: list[dict] | None) -> Ending | None:
        asked, answer = _user(_ASKED), _assistant(_ANSWERED)
        try:
            alone, followed = self.render([asked, answer], tools), self.render([asked, answer, _user(_NEXT)], tools)
        except BadInput:
            return None
        start = alone.find(_ANSWERED) + len(_ANSWERED)
        if _ANSWERED not in alone or followed[:start] != alone[:start]:
            return None
        behind, between = alone[start:], followed[start:].partition(_NEXT)[0]
        ends, begins = self._renderer.first_token(behind), self._renderer.first_token(between)
        shortest = alone.rstrip().removesuffix(self.tokenizer.eos_token or "").rstrip()
        # A template may always write the head of an answer at the end: no later turn goes on from there.
        always_asks = not followed.startswith(shortest) and self.render([asked, answer], tools, answer_next=True) == alone
        if ends and not always_asks:
            return None
        if begins and not between[: begins[0]].strip():
            # The marker of the next turn, or the one of the end that both have.
            return Ending(behind, between[: begins[0] + len(begins[1])])
        # By a text that is no token (a template of another model's), and by that of a text behind the last answer; or by that alone.
        return Ending(behind, behind.rstrip() + self.tokenizer.eos_token, is_eos=not behind.strip())

    def _find_ending_of_call(self, tools: list[dict] | None) -> Ending | None:
        """What comes behind a call, where nothing does that does not stand between two calls as well."""
        for form in self.call_forms(tools is not None):
            with suppress(BadInput):
                called = [_user(_ASKED), _calling(form)]
                alone, followed = self.render(called, tools), self.render([*called, _RESULT], tools)
                between = followed.removeprefix(alone).partition(_NEXT)[0]
                begins = self._renderer.first_token(between)
                if not followed.startswith(alone) or not begins or between[: begins[0]].strip():
                    return None
                last, marker = self._renderer.last_token(alone), between[: begins[0] + len(begins[1])]
                if last is None:
                    return Ending("", marker)
                return Ending(last, last + marker) if last in self._between_calls(form, tools) else None
        return None

    def _between_calls(self, form: CallForm, tools: list[dict] | None) -> str:
        with suppress(BadInput):
            call = _calling(form)
            twice = {**call, "tool_calls": call["tool_calls"] * 2}
            return self.render([_user(_ASKED), twice], tools).rpartition(_VALUE)[0].rpartition(_VALUE)[2]
        return ""

    def ended(self, text: str, is_call: bool, with_tools: bool) -> str:
        """The text of a conversation that ends in an answer, up to what ends that."""
        ending = self.ending(with_tools, is_call)
        if ending is None or not text.endswith(ending.written):
            return text
        return text.removesuffix(ending.written) + ending.text

    def ends(self) -> list[int]:
        """The tokens by which a model ends that was trained with this template: those of its answers, and of its calls."""
        found: list[str] = []
        for with_tools in (False, True):
            with suppress(BadInput):
                text = self.render([_user(_ASKED), _assistant(_ANSWERED)], _TOOLS if with_tools else None)
                ending = self.ending(with_tools, is_call=False)
                if token := self._renderer.first_token(ending.text if ending else text.rpartition(_ANSWERED)[2]):
                    found += [token[1]] if ending or token[1] in self._renderer.special_tokens else []
            for form in self.call_forms(with_tools)[:1]:
                with suppress(BadInput):
                    text = self.ended(self.render([_user(_ASKED), _calling(form)], _TOOLS if with_tools else None), True, with_tools)
                    found += [token] if (token := self._renderer.last_token(text)) else []
        return list(dict.fromkeys(self._renderer.added_tokens[token] for token in found))


def _user(text: str) -> dict:
    return {"role": "user", "content": text}


def _assistant(text: str) -> dict:
    return {"role": "assistant", "content": text}


def _calling(form: CallForm) -> dict:
    arguments = f'{{"{_KEY}": "{_VALUE}"}}' if form.arguments_as_text else {_KEY: _VALUE}
    function = {"name": _CALLED, "arguments": arguments}
    return {"role": "assistant", "content": form.content, "tool_calls": [{"type": "function", "id": CALL_ID, "function": function}]}
