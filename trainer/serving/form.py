"""Answers that are held to a form: JSON, what a JSON schema describes, or a call of a tool. By llguidance, which says after each token which ones may follow."""

import json
import re
from collections.abc import Sequence
from functools import cached_property

from .asked import CannotAsk

# In one line: small models go on with blanks for ever where they may.
_ONE_LINE = {"whitespace_flexible": False}
# As Python writes JSON, and with it the templates that write calls.
_AS_WRITTEN = {**_ONE_LINE, "item_separator": ", ", "key_separator": ": "}


class Forms:
    """Of one tokenizer, whose texts it looks at once, which takes a second."""

    def __init__(self, tokenizer, size: int, ends: set[int]):
        self._tokenizer, self._size, self._ends = tokenizer, size, ends

    @cached_property
    def _words(self):
        from llguidance.hf import from_tokenizer

        return from_tokenizer(self._tokenizer, n_vocab=self._size, eos_token=sorted(self._ends))

    @cached_property
    def _marks(self) -> dict[str, int]:
        """Tokens that are no text for llguidance, whether the tokenizer calls them special or not."""
        added = {str(token): id_ for id_, token in self._tokenizer.added_tokens_decoder.items()}
        return {text: id_ for text, id_ in added.items() if id_ < self._size and self._words.is_special_token(id_)}

    def of(self, schema: dict) -> "Form":
        """JSON that a schema describes. Raises CannotAsk for a schema that cannot be kept to."""
        from llguidance import LLMatcher

        return self._form(LLMatcher.grammar_from_json_schema(json.dumps(closed(schema)), overrides=_ONE_LINE), "response_format")

    def of_rules(self, rules: Sequence[str], field: str) -> "Form":
        """Rules of a grammar in the notation of Lark, of which the one called `start` is the answer. Raises CannotAsk, which names `field`."""
        from llguidance import LLMatcher

        return self._form(LLMatcher.grammar_from_lark("\n".join(rules)), field)

    def literal(self, text: str) -> str:
        """A text for a rule: tokens that are no text are named by their numbers."""
        # Longest first, as tokenizers find them.
        marks = "|".join(re.escape(mark) for mark in sorted(self._marks, key=len, reverse=True))
        parts = re.split(f"({marks})", text) if marks else [text]
        return " ".join(f"<[{self._marks[part]}]>" if part in self._marks else json.dumps(part) for part in parts if part)

    def is_text(self, text: str) -> bool:
        """Whether it has none of these tokens in it."""
        return not any(mark in text for mark in self._marks)

    def ends_in(self, text: str) -> bool:
        """Whether an answer would end within it."""
        return any(mark in text for mark, id_ in self._marks.items() if id_ in self._ends)

    def _form(self, grammar: str, field: str) -> "Form":
        from llguidance import LLMatcher

        matcher = LLMatcher(self._words, grammar, log_level=0)
        if matcher.is_error():
            raise CannotAsk(f"{field} has a schema that answers cannot be held to: {matcher.get_error().splitlines()[0]}", field)
        return Form(matcher, self._words)


def json_rule(schema: dict) -> str:
    """JSON that a schema describes, for a rule of a grammar."""
    return f"%json {json.dumps({**closed(schema), 'x-guidance': _AS_WRITTEN})}"


def closed(schema: dict) -> dict:
    """The same without properties that it does not name, where it does not speak of others: small models invent them without end. What keeps to it keeps to the schema."""
    # Of several that all have to be kept to, each would exclude what the others name.
    return schema if '"allOf"' in json.dumps(schema) else _closed(schema)


def _closed(schema):
    if not isinstance(schema, dict):
        return schema
    inner = {key: _closed(schema[key]) for key in ("items", "additionalProperties") if key in schema}
    inner |= {key: [_closed(each) for each in schema[key]] for key in ("anyOf", "oneOf", "prefixItems") if isinstance(schema.get(key), list)}
    inner |= {key: {name: _closed(each) for name, each in schema[key].items()} for key in ("properties", "$defs", "definitions") if isinstance(schema.get(key), dict)}
    says_more = any(key in schema for key in ("additionalProperties", "patternProperties", "minProperties", "$ref", "anyOf", "oneOf"))
    return {**schema, **inner, **({"additionalProperties": False} if "properties" in schema and not says_more else {})}


class Form:
    """Where one answer is in its form."""

    def __init__(self, matcher, words):
        self._matcher, self._words = matcher, words

    def copy(self) -> "Form":
        return Form(self._matcher.deep_copy(), self._words)

    @property
    def is_over(self) -> bool:
        """Whether nothing can follow any more."""
        return self._matcher.is_stopped()

    def held(self, logits):
        """Tokens that may not come next are out of the question."""
        import torch

        allowed = torch.frombuffer(bytearray(self._matcher.compute_logit_bias()), dtype=torch.uint8) > 0
        held = torch.full_like(logits, -torch.inf)
        count = min(len(allowed), len(logits))
        held[:count] = torch.where(allowed[:count], logits[:count], held[:count])
        return held

    def take(self, token: int) -> None:
        self._matcher.consume_token(token)

    def take_text(self, text: str) -> bool:
        """Whether an answer that has begun so can be held to it."""
        return self._matcher.consume_tokens(self._words.tokenize_str(text)) if text else True
