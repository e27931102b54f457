"""Renders templates of Go's text/template, as Ollama has them: the part of that language which ollama_template.py writes, and nothing more.

What is not known here is an error, never a guess. tests/test_go_template.py holds it against Go's own.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

# A text of Go, a number, a variable or a field with what follows it, a word, or a mark.
_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|\d+|\$?(?:\.?[A-Za-z_]\w*)+|\$|\.|:=|=|\(|\)|,)')
_ESCAPED = re.compile(r'\\(?:u([0-9a-f]{4})|U([0-9a-f]{8})|([nrt"\\]))')
_MARKS = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_PRINTABLE_BLANKS = "\n\t"


class Unknown(ValueError):
    """A template says what is not known here."""


def rendered(template: str, messages: list[dict], today: str) -> str:
    """What Ollama makes of a conversation; `messages` have `role` and `content`. `today` is YYYY-MM-DD."""
    given = {"Messages": [{"Role": message["role"], "Content": message["content"]} for message in collated(messages)]}
    scope = {"$": given}
    return "".join(_written(parsed(template), given, scope, {**_FUNCTIONS, "currentDate": lambda: today}))


def collated(messages: list[dict]) -> list[dict]:
    """As Ollama gives them to a template: messages of one role in a row are one, with an empty line between, but for results of tools."""
    together: list[dict] = []
    for message in messages:
        if together and together[-1]["role"] == message["role"] != "tool":
            together[-1] = {**together[-1], "content": f"{together[-1]['content']}\n\n{message['content']}"}
        else:
            together.append(message)
    return together


def literal(text: str) -> str:
    """A text as it stands in a template, in a Modelfile as well: there it may have no `\"\"\"`, and Ollama drops characters that Go does not print."""
    is_plain = all(each.isprintable() or each in _PRINTABLE_BLANKS for each in text)
    if is_plain and "{{" not in text and '"""' not in text and not text.endswith("{"):
        return text
    return f"{{{{ {quoted(text)} }}}}"


def quoted(text: str) -> str:
    """A text of Go: what does not print is escaped."""
    marks = {written: f"\\{mark}" for mark, written in _MARKS.items()}

    def escaped(each: str) -> str:
        if each in marks:
            return marks[each]
        return each if each.isprintable() else f"\\u{ord(each):04x}" if ord(each) < 0x10000 else f"\\U{ord(each):08x}"

    return f'"{"".join(map(escaped, text))}"'


@dataclass
class _Branch:
    """`if`, with an expression for each branch and None for the last, or `range` with its two variables."""

    kind: str
    branches: list[tuple[list | None, list]] = field(default_factory=list)
    names: tuple[str, str] | None = None


def parsed(template: str) -> list:
    """Texts, actions (lists of tokens) and branches. Raises Unknown."""
    open_lists: list[list] = [[]]
    open_branches: list[_Branch] = []
    place = 0
    while (start := template.find("{{", place)) >= 0:
        open_lists[-1].append(template[place:start])
        tokens, place = _action(template, start + 2)
        if tokens[0] in ("if", "range"):
            names = None
            if tokens[0] == "range":
                if tokens[2:3] + tokens[4:5] != [",", ":="]:
                    raise Unknown(f"range without two variables: {tokens}")
                names, tokens = (tokens[1], tokens[3]), [tokens[0], *tokens[5:]]
            branch = _Branch(tokens[0], [(tokens[1:], [])], names)
            open_lists[-1].append(branch)
            open_branches.append(branch)
            open_lists.append(branch.branches[-1][1])
        elif tokens[0] == "else":
            open_branches[-1].branches.append((tokens[2:] if tokens[1:2] == ["if"] else None, []))
            open_lists[-1] = open_branches[-1].branches[-1][1]
        elif tokens == ["end"]:
            open_branches.pop()
            open_lists.pop()
        else:
            open_lists[-1].append(tokens)
    if open_branches:
        raise Unknown("a branch without end")
    return [*open_lists[0], template[place:]]


def _action(template: str, place: int) -> tuple[list[str], int]:
    tokens = []
    while not (end := re.compile(r"\s*}}").match(template, place)):
        found = _TOKEN.match(template, place)
        if not found:
            raise Unknown(f"not read: {template[place : place + 40]!r}")
        tokens.append(found[1])
        place = found.end()
    return tokens, end.end()


def _written(nodes: list, dot, scope: dict, functions: dict[str, Callable]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, str):
            yield node
        elif isinstance(node, list):
            if node[1:2] in ([":="], ["="]):
                scope[node[0]] = _value(node[2:], dot, scope, functions)
            else:
                yield str(_value(node, dot, scope, functions))
        elif node.kind == "range":
            expression, body = node.branches[0]
            for scope[node.names[0]], scope[node.names[1]] in enumerate(_value(expression, dot, scope, functions)):
                yield from _written(body, scope[node.names[1]], scope, functions)
        else:
            chosen = next((body for expression, body in node.branches if expression is None or _value(expression, dot, scope, functions)), [])
            yield from _written(chosen, dot, scope, functions)


def _value(tokens: list[str], dot, scope: dict, functions: dict[str, Callable]):
    value, rest = _call(tokens, dot, scope, functions)
    if rest:
        raise Unknown(f"not read: {rest}")
    return value


def _call(tokens: list[str], dot, scope: dict, functions: dict[str, Callable]) -> tuple[object, list[str]]:
    """The value of a function and what it is given, up to a closing bracket or the end."""
    values, rest = [], tokens
    while rest and rest[0] != ")":
        if rest[0] == "(":
            value, rest = _call(rest[1:], dot, scope, functions)
            rest = rest[1:]
            if rest and rest[0].startswith(".") and len(rest[0]) > 1:
                value, rest = _field(value, rest[0][1:]), rest[1:]
        else:
            value, rest = _operand(rest[0], dot, scope, functions), rest[1:]
        values.append(value)
    head, *given = values
    if callable(head):
        return head(*given), rest
    if given:
        raise Unknown(f"{head!r} is no function")
    return head, rest


def _operand(token: str, dot, scope: dict, functions: dict[str, Callable]):
    if token.startswith('"'):
        return _ESCAPED.sub(lambda found: chr(int(found[1] or found[2], 16)) if found[1] or found[2] else _MARKS[found[3]], token[1:-1])
    if token.isdigit():
        return int(token)
    name, *fields = token.split(".")
    if name in functions and not fields:
        return functions[name]
    if name and name not in scope:
        raise Unknown(f"{name} is not known")
    value = scope[name] if name else dot
    for each in filter(None, fields):
        value = _field(value, each)
    return value


def _field(value, name: str):
    if not isinstance(value, dict) or name not in value:
        raise Unknown(f"there is no .{name}")
    return value[name]


_FUNCTIONS: dict[str, Callable] = {
    "eq": lambda one, *others: one in others,
    "ne": lambda one, other: one != other,
    "not": lambda one: not one,
    "and": lambda *all_of: next((each for each in all_of if not each), all_of[-1]),
    "or": lambda *any_of: next((each for each in any_of if each), any_of[-1]),
    "len": len,
    "slice": lambda values, start: values[start:],
    "index": lambda values, place: values[place],
}
