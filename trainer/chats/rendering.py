"""Conversations as texts, by a tokenizer's chat template."""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, time
from functools import cached_property

from ..platform.failures import BadInput

# ChatML, for models that bring no template of their own, with the token in place of <|im_end|> that they end a text by: it is
# one token, and where they stop.
DEFAULT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

_MARKS = re.compile(r"\{%-?\s*generation\s*-?%\}")
_OF_DICTS = frozenset(dir(dict))
_MOST_WRITTEN = 256
NO_CHATS = "it is no template for chats, but for a use of its own. Train a model whose template takes chats, or give this one another chat_template."


class Refused(BadInput):
    """The template does not render a conversation, or not so that it could be learnt."""


class Renderer:
    """`today` is YYYY-MM-DD, the day that a template writes where it writes today's date; None: whatever day it is."""

    def __init__(self, tokenizer, today: str | None = None):
        self.tokenizer = tokenizer
        self._today = today
        self._names = tokenizer.special_tokens_map
        self._sources: dict[bool, str] = {}

    def render(self, messages: list[dict], tools: list[dict] | None = None, answer_next: bool = False, **switches) -> str:
        """The text of a conversation. Raises Refused with what the template says."""
        return self.marked(messages, tools, answer_next, **switches)[0]

    def marked(self, messages: list[dict], tools: list[dict] | None = None, answer_next: bool = False, **switches) -> tuple[str, list[tuple[int, int]]]:
        """The text, and the parts of it that the template itself marks as the model's, by their characters."""
        if self.takes_parts:
            messages = [in_parts(message) for message in messages]
        return self._render(messages, tools, answer_next, **switches)

    def _render(self, messages: list[dict], tools: list[dict] | None = None, answer_next: bool = False, **switches) -> tuple[str, list[tuple[int, int]]]:
        from transformers.utils.chat_template_utils import _REASONING_FIELDS, _alias_reasoning_fields, _render_with_assistant_indices

        try:
            compiled = self._compiled(tools)
            # What transformers' own render_jinja_template does, but that it copies all messages each time, lest they be more than plain data:
            # those of rows are (answers.py). One conversation is rendered often.
            aliased = _alias_reasoning_fields(messages) if any(not message.keys().isdisjoint(_REASONING_FIELDS) for message in messages) else messages
            given = {"messages": aliased, "tools": tools, "documents": None, "add_generation_prompt": answer_next, **self._names, **switches}
            return _render_with_assistant_indices(compiled, **given) if self.has_marks else (compiled.render(given), [])
        except Exception as error:  # noqa: BLE001: templates raise what they like.
            raise Refused(_reason(error)) from error

    def _compiled(self, tools: list[dict] | None):
        from transformers.utils.chat_template_utils import _compile_jinja_template

        compiled = _compile_jinja_template(self.source(tools))
        if not isinstance(compiled.globals, dict):  # But a chain of two, which takes a while to be copied for each rendering.
            compiled.globals = dict(compiled.globals)
            compiled.environment.getattr = _attributes(compiled.environment)
            compiled.environment.filters["tojson"] = _written_once(compiled.environment.filters["tojson"])
        # The clock is set where transformers keeps its own: with the compiled template, which it keeps for all who use that.
        compiled.globals["strftime_now"] = self._now
        return compiled

    def source(self, tools: list[dict] | None = None) -> str:
        """Some models have one template for conversations with tools and one for others."""
        if bool(tools) not in self._sources:
            self._sources[bool(tools)] = self.tokenizer.get_chat_template(tools=tools)
        return self._sources[bool(tools)]

    def _now(self, form: str) -> str:
        return (datetime.combine(date.fromisoformat(self._today), time()) if self._today else datetime.now()).strftime(form)

    @cached_property
    def has_marks(self) -> bool:
        return bool(_MARKS.search(self.source()))

    @cached_property
    def takes_parts(self) -> bool:
        """Whether texts are to be given as lists of parts, as some templates of models that see images want them."""
        conversation = [{"role": "user", "content": "Xqzjv"}, {"role": "assistant", "content": "Wkfyg"}]

        def shows(messages: list[dict]) -> bool:
            with suppress(BadInput):
                text, _ = self._render(messages)
                return all(message["content"] in text for message in conversation)
            return False

        return not shows(conversation) and shows([in_parts(message) for message in conversation])

    @cached_property
    def special_tokens(self) -> dict[str, int]:
        """Tokens that stand for something other than their letters, by their text."""
        return {token.content: number for number, token in self.tokenizer.added_tokens_decoder.items() if token.special and token.content.strip()}

    @cached_property
    def added_tokens(self) -> dict[str, int]:
        return {token.content: number for number, token in self.tokenizer.added_tokens_decoder.items() if token.content.strip()}

    def first_token(self, text: str) -> tuple[int, str] | None:
        """Where the first special token of a text stands, and which it is. Other added tokens count where there is no special one."""
        for tokens in (self.special_tokens, self.added_tokens):
            # Of those that start there, the longest.
            if found := min(((text.find(token), -len(token), token) for token in tokens if token in text), default=None):
                return found[0], found[2]
        return None

    def last_token(self, text: str) -> str | None:
        """The special token that a text ends with."""
        return max((token for token in self.special_tokens if text.rstrip().endswith(token)), key=len, default=None)


def _attributes(environment) -> Callable:
    """What `message.content`, `text.strip` and `loop.first` stand for in a template. That is what Jinja's sandbox finds as well: of such objects it goes by their
    type and the name, and to go through that each time is half of the time that templates take."""
    from jinja2.runtime import LoopContext
    from jinja2.utils import Namespace

    safe: dict[tuple[type, str], bool] = {}

    def attribute_of(of, name: str):
        kind = type(of)
        if kind is dict and name not in _OF_DICTS:
            return of[name] if name in of else environment.undefined(obj=of, name=name)
        if (kind, name) not in safe:
            is_known = issubclass(kind, str | list | dict | LoopContext | Namespace) and name not in ("format", "format_map")
            safe[kind, name] = is_known and environment.is_safe_attribute(of, name, None)
        if safe[kind, name]:
            try:
                return getattr(of, name)
            except AttributeError:
                pass
        return type(environment).getattr(environment, of, name)

    return attribute_of


def _written_once(tojson: Callable) -> Callable:
    """A conversation is rendered often, each time with the JSON of the same tools, which Llama's templates indent: that takes Python's own code, and long."""
    written: dict[tuple, tuple[object, str]] = {}

    def once(value, *given, **options) -> str:
        if type(value) is not dict:
            return tojson(value, *given, **options)
        key = id(value), repr((given, options))
        if key not in written:
            if len(written) >= _MOST_WRITTEN:
                written.clear()
            written[key] = value, tojson(value, *given, **options)  # As long as it is kept here, no other value has its id; and no template changes one.
        return written[key][1]

    return once


def plain(messages: list[dict], tools: list[dict] | None) -> tuple[list[dict], list[dict] | None]:
    """A conversation of plain data alone, as what a template is given has to be: templates come from anywhere."""
    from transformers.utils.chat_template_utils import _plain_template_data

    if tools and not (isinstance(tools, list) and all(isinstance(tool, dict) for tool in tools)):
        raise Refused(f"The tools of a conversation are {str(tools)[:100]}; they must be a list of JSON objects.")
    return _plain_template_data(messages), _plain_template_data(tools)


def in_parts(message: dict) -> dict:
    content = message.get("content")
    return {**message, "content": [{"type": "text", "text": content}]} if isinstance(content, str) else message


def _reason(error: Exception) -> str:
    from jinja2 import TemplateSyntaxError, UndefinedError

    if isinstance(error, UndefinedError) and (name := re.match(r"'(\w+)' is undefined", str(error))):
        return f"The model's chat template wants a variable {name[1]!r}, which no conversation has: {NO_CHATS}"
    if isinstance(error, TemplateSyntaxError):
        return f"The model's chat template does not read as one: {error}"
    return f"The model's chat template refuses the conversation: {error}"
