"""Calls of tools and the definitions of tools, from whichever form they are in."""

from .fields import Fields, RowProblem, from_json, is_empty, to_json

_MEANINGLESS = frozenset(["type", "index", "caller", "thoughtSignature", "thought_signature"])
# Where a null stands for itself in a JSON schema.
_NULL_MEANS_NULL = frozenset(["default", "const", "enum", "examples", "example"])


def read_calls(value, path: str, unused: set[str]) -> list[dict]:
    """Calls in a list, in an object, or in a JSON text of either, as OpenAI's API has them."""
    if is_empty(value):
        return []
    read = _calls_from_json(value) if isinstance(value, str) else value
    return [_call(call, path, unused) for call in (read if isinstance(read, list) else [read]) if not is_empty(call)]


def _call(call, path: str, unused: set[str]) -> dict:
    if not isinstance(call, dict):
        raise RowProblem("a call of a tool is no object with name and arguments")
    fields = Fields(call, path, unused)
    inner = fields.take("function", "functionCall", "function_call", "toolUse")
    of = Fields(inner, f"{path}.function", unused) if isinstance(inner, dict) else fields
    name = of.take("name")
    if name is None and isinstance(inner, str):
        name = inner
    if not isinstance(name, str) or is_empty(name):
        raise RowProblem("a call of a tool has no name")
    given = of.take("arguments", "args", "input", "parameters")
    id = fields.take("id", "tool_call_id", "call_id")
    if id is None:
        id = of.take("toolUseId", "id")
    of.report_rest(_MEANINGLESS)
    if of is not fields:
        fields.report_rest(_MEANINGLESS)
    return {
        **({"id": id} if isinstance(id, str) and id else {}),
        "type": "function",
        "function": {"name": name, "arguments": {} if given is None else given},
    }


def _calls_from_json(text: str):
    try:
        return from_json(text)
    except ValueError:
        raise RowProblem("a call of a tool is no JSON with name and arguments") from None


def read_tools(value, unused: set[str]) -> list[dict] | None:
    """The definitions of tools as OpenAI's API has them; None where there are none."""
    if is_empty(value):
        return None
    read = value
    if isinstance(read, str):
        try:
            read = from_json(read)
        except ValueError:
            raise RowProblem("the tools are no JSON") from None
    if isinstance(read, dict) and isinstance(read.get("tools"), list):
        read = read["tools"]
    tools: list[dict] = []
    for tool in read if isinstance(read, list) else [read]:
        if is_empty(tool):
            continue
        of = _object(tool)
        if not isinstance(of, dict):
            raise RowProblem("a tool is no object with a name")
        declared = of.get("functionDeclarations", of.get("function_declarations"))
        if isinstance(declared, list):
            tools += [_definition(one, unused) for one in declared]
        else:
            tools.append(_definition(next((of[key] for key in ("toolSpec", "function") if of.get(key) is not None), of), unused))
    return tools or None


def _definition(tool, unused: set[str]) -> dict:
    if not isinstance(tool, dict) or not isinstance(tool.get("name"), str):
        raise RowProblem("a tool is no object with a name")
    others = {key: value for key, value in tool.items() if key not in ("input_schema", "inputSchema", "parameters", "type")}
    kind = tool.get("type")
    if kind not in (None, "function", "custom"):
        unused.add(f"tools[].type {to_json(kind)}")
    bedrock = tool.get("inputSchema")
    schemas = (tool.get("parameters"), tool.get("input_schema"), bedrock.get("json", bedrock) if isinstance(bedrock, dict) else bedrock)
    schema = next((one for one in schemas if not is_empty(one)), None)
    function = _without_nulls(others)
    if schema is not None:
        function["parameters"] = _without_nulls(_object(schema))
    return {"type": "function", "function": function}


def _object(value):
    if not isinstance(value, str):
        return value
    try:
        return from_json(value)
    except ValueError:
        return value


def _without_nulls(value):
    """A JSON schema without the keys of other tools: a table that has one type for all of them gives each the keys of all, with
    null where it has none."""
    if isinstance(value, list):
        return [_without_nulls(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, one in value.items():
        if one is None and key != "const":
            continue
        kept[key] = one if key in _NULL_MEANS_NULL else _without_nulls(one)
    return kept


def without_foreign_arguments(calls: list[dict], tools: list[dict] | None) -> list[dict]:
    """The calls without arguments that such a table gave them: null, and not among what their tool takes."""
    kept = []
    for call in calls:
        function = call["function"]
        given = function["arguments"]
        if isinstance(given, dict):
            taken = _parameters(function["name"], tools)
            given = {key: value for key, value in given.items() if value is not None or key in taken}
        kept.append({**call, "function": {**function, "arguments": given}})
    return kept


def _parameters(name: str, tools: list[dict] | None) -> set[str]:
    tool = next((one["function"] for one in tools or [] if one["function"].get("name") == name), {})
    schema = tool.get("parameters")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return set(properties) if isinstance(properties, dict) else set()
