"""Calls of tools that a chat template writes as a name and pairs between tags, as those of Qwen's and GLM's newer models do:

  <tool_call><function=NAME><parameter=KEY>VALUE</parameter></function></tool_call>
"""

import json
import re
from dataclasses import dataclass

from .written_call import WrittenCall, with_pairs

_TAG = re.compile(r"\s*(<[^<>]*>)")


@dataclass(frozen=True)
class TaggedCalls:
    """`opening` stands before the name, `name_ends` behind it; `key_begins`, `key_ends` and `value_ends` around each pair."""

    opening: str
    before_name: str
    name_ends: str
    key_begins: str
    key_ends: str
    value_ends: str
    written: WrittenCall | None = None

    def read(self, text: str, tools: list[dict]) -> tuple[str, list[dict]]:
        """The text before the first call, and the calls: {"name", "arguments"} with a JSON text. Values that the tool wants as texts are texts; others are JSON where
        they read as that."""
        before, *rest = text.split(self.opening)
        calls = [call for part in rest if (call := self._call(part, tools))]
        return (before, calls) if calls else (text, [])

    def begins_at(self, text: str, place: int) -> int:
        """Behind the mark of the next call; -1 where none begins."""
        start = text.find(self.opening, place)
        return start + len(self.opening) if start >= 0 else -1

    def _call(self, part: str, tools: list[dict]) -> dict | None:
        _, found, part = part.partition(self.before_name) if self.before_name else ("", True, part)
        name, ends, rest = part.partition(self.name_ends)
        if not found or not ends or not name.strip() or set(name.strip()) & set("<>\n"):
            return None
        function = next((tool["function"] for tool in tools if tool["function"]["name"] == name.strip()), {})
        wanted = (function.get("parameters") or {}).get("properties") or {}
        arguments = {}
        for pair in rest.split(self.key_begins)[1:]:
            key, _, value = pair.partition(self.key_ends)
            arguments[key.strip()] = _typed(value.partition(self.value_ends)[0], wanted.get(key.strip()))
        return {"name": name.strip(), "arguments": json.dumps(arguments, ensure_ascii=False)}


def tagged_in(text: str, name: str, key: str, value: str) -> TaggedCalls | None:
    """The tags around a call that a template has written; None where it has none of this kind."""
    head, found, rest = text.partition(name)
    between, key_found, rest = rest.partition(key)
    key_ends, value_found, tail = rest.partition(value)
    value_ends = _TAG.match(tail)
    opening, before_name = _last_tags(head)
    name_ends, _, key_begins = between.strip().rpartition("<")
    if not (found and key_found and value_found and value_ends and opening and "<" in between and key_ends.strip()):
        return None
    return TaggedCalls(opening, before_name, name_ends.strip() or "\n", f"<{key_begins}", key_ends.strip(), value_ends[1], with_pairs(text, name, key, value, opening))


def _last_tags(head: str) -> tuple[str, str]:
    """Of what stands before a name: the tag that opens the call, and the beginning of one that has the name in it."""
    begun = head[head.rfind("<") :] if head.rfind("<") > head.rfind(">") else ""
    tags = re.findall(r"<[^<>]*>", head.removesuffix(begun))
    return (tags[-1] if tags else "", begun)


def _typed(value: str, wanted: dict | None):
    value = value.removeprefix("\n").removesuffix("\n")
    if (wanted or {}).get("type") == "string":
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
