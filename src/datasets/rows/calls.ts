import { Fields, isEmpty, RowProblem, type Unused } from './fields.ts';
import { isObject, type Json, type JsonObject, jsonOf, parseAsWritten } from './json-value.ts';

/** A call of a tool as chat templates know it. `arguments` is an object, or the text that stands in its place. */
export interface ToolCall {
  id?: string;
  type: 'function';
  function: { name: string; arguments: Json };
}

const MEANINGLESS_IN_CALLS = new Set(['type', 'index', 'caller', 'thoughtSignature', 'thought_signature']);

/** Calls in a list, in an object, or in a JSON text of either. */
export function readCalls(value: Json | undefined, path: string, unused: Unused): ToolCall[] {
  if (isEmpty(value)) return [];
  const read = typeof value === 'string' ? fromJson(value) : value;
  const list = Array.isArray(read) ? read : [read];
  return list.flatMap((call) => (isEmpty(call) ? [] : [readCall(call, path, unused)]));
}

function readCall(call: Json | undefined, path: string, unused: Unused): ToolCall {
  if (!isObject(call)) throw new RowProblem('a call of a tool is no object with name and arguments');
  const fields = new Fields(call, path, unused);
  const inner = fields.take('function', 'functionCall', 'function_call', 'toolUse');
  const of = isObject(inner) ? new Fields(inner, `${path}.function`, unused) : fields;
  const name = of.take('name') ?? (typeof inner === 'string' ? inner : undefined);
  if (typeof name !== 'string' || isEmpty(name)) throw new RowProblem('a call of a tool has no name');
  const given = of.take('arguments', 'args', 'input', 'parameters');
  const id = fields.take('id', 'tool_call_id', 'call_id') ?? of.take('toolUseId', 'id');
  of.reportRest(MEANINGLESS_IN_CALLS);
  if (of !== fields) fields.reportRest(MEANINGLESS_IN_CALLS);
  return {
    ...(typeof id === 'string' && id !== '' ? { id } : {}),
    type: 'function',
    function: { name, arguments: given === undefined || given === null ? {} : given },
  };
}

function fromJson(text: string): Json {
  try {
    return parseAsWritten(text);
  } catch {
    throw new RowProblem('a call of a tool is no JSON with name and arguments');
  }
}

/** The definitions of tools, as OpenAI's API has them, from whichever form they are in; null where there are none. */
export function readTools(value: Json | undefined, unused: Unused): JsonObject[] | null {
  if (isEmpty(value)) return null;
  let read = value as Json;
  if (typeof read === 'string') {
    try {
      read = parseAsWritten(read);
    } catch {
      throw new RowProblem('the tools are no JSON');
    }
  }
  if (isObject(read) && Array.isArray(read.tools)) read = read.tools;
  const list = Array.isArray(read) ? read : [read];
  const tools = list.flatMap((tool) => {
    if (isEmpty(tool)) return [];
    // The hub's Parquet has schemas as JSON texts: their keys differ from tool to tool.
    const object = typeof tool === 'string' ? objectFromJson(tool) : tool;
    if (!isObject(object)) throw new RowProblem('a tool is no object with a name');
    const declared = object.functionDeclarations ?? object.function_declarations;
    return Array.isArray(declared)
      ? declared.map((one) => definition(one, unused))
      : [definition(object.toolSpec ?? object.function ?? object, unused)];
  });
  return tools.length === 0 ? null : tools;
}

function definition(tool: Json | undefined, unused: Unused): JsonObject {
  if (!isObject(tool) || typeof tool.name !== 'string') throw new RowProblem('a tool is no object with a name');
  const { input_schema, inputSchema, parameters, type, ...others } = tool;
  if (type !== undefined && type !== null && type !== 'function' && type !== 'custom')
    unused.add(`tools[].type ${jsonOf(type)}`);
  const schema = [
    parameters,
    input_schema,
    isObject(inputSchema) ? (inputSchema.json ?? inputSchema) : inputSchema,
  ].find((one) => !isEmpty(one));
  const read = typeof schema === 'string' ? objectFromJson(schema) : schema;
  return {
    type: 'function',
    function: {
      ...(withoutNulls(others) as JsonObject),
      ...(read === undefined ? {} : { parameters: withoutNulls(read) }),
    },
  };
}

function objectFromJson(text: string): Json {
  try {
    return parseAsWritten(text);
  } catch {
    return text;
  }
}

/** Where a null stands for itself in a JSON schema. */
const NULL_MEANS_NULL = new Set(['default', 'const', 'enum', 'examples', 'example']);

/**
 * A JSON schema without the keys of other tools: a table that has one type for all of them gives each the keys of all, with
 * null where it has none.
 */
function withoutNulls(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) => {
      if (NULL_MEANS_NULL.has(key)) return one === null && key !== 'const' ? [] : [[key, one]];
      return one === null ? [] : [[key, withoutNulls(one)]];
    }),
  );
}

/**
 * The calls without arguments that such a table gave them: null, and not among what their tool takes. Where nothing says what
 * it takes, null stands for nothing as well.
 */
export function withoutForeignArguments(calls: ToolCall[], tools: JsonObject[] | null): ToolCall[] {
  return calls.map((call) => {
    const given = call.function.arguments;
    if (!isObject(given)) return call;
    const taken = new Set(parametersOf(call.function.name, tools));
    const kept = Object.entries(given).filter(([key, value]) => value !== null || taken.has(key));
    return { ...call, function: { ...call.function, arguments: Object.fromEntries(kept) } };
  });
}

function parametersOf(name: string, tools: JsonObject[] | null): string[] {
  const tool = tools?.find(({ function: of }) => isObject(of) && of.name === name)?.function;
  const properties = isObject(tool) && isObject(tool.parameters) ? tool.parameters.properties : null;
  return isObject(properties) ? Object.keys(properties) : [];
}
