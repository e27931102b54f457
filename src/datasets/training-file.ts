import { createReadStream } from 'node:fs';
import { LONGEST_ROW_BYTES } from './reading.ts';
import { isObject, type Json, type JsonObject } from './rows/json-value.ts';

/** The formats of training files of OpenAI's fine-tuning. */
export type ExampleFormat = 'chat' | 'completion' | 'preference';

/** What is wrong with a training file, with the name that OpenAI's API has for it. */
export interface FileFault {
  code: 'invalid_training_file' | 'invalid_file_format';
  /** Names the line, and the message where one is wrong. */
  message: string;
}

export interface CheckedFile {
  /** Lines that are not blank; up to the faulty one, where there is one. */
  examples: number;
  format: ExampleFormat | null;
  fault: FileFault | null;
}

const FORMATS: Record<ExampleFormat, { required: string[]; allowed: string[] }> = {
  chat: { required: ['messages'], allowed: ['messages', 'tools', 'parallel_tool_calls', 'functions'] },
  completion: { required: ['prompt', 'completion'], allowed: ['prompt', 'completion'] },
  preference: {
    required: ['input', 'preferred_output', 'non_preferred_output'],
    allowed: ['input', 'preferred_output', 'non_preferred_output'],
  },
};

const ROLES = ['system', 'developer', 'user', 'assistant', 'tool', 'function'];
/** Of a message, by the schemas of OpenAI's document. */
const MESSAGE_KEYS = ['role', 'content', 'name', 'weight', 'tool_calls', 'tool_call_id', 'function_call', 'refusal'];

const [, MOST_LINE_BYTES] = LONGEST_ROW_BYTES;

class Fault extends Error {
  readonly code: FileFault['code'];

  constructor(code: FileFault['code'], message: string) {
    super(message);
    this.code = code;
  }
}

const malformed = (message: string) => new Fault('invalid_training_file', message);

/**
 * Checks a file of training examples by the rules of OpenAI's fine-tuning API: JSON lines of one format, without anything that
 * training makes no use of. The first fault ends it.
 */
export async function checkExamples({ path }: { path: string }): Promise<CheckedFile> {
  let examples = 0;
  let format: ExampleFormat | null = null;
  try {
    let line = 0;
    for await (const text of linesOf(path)) {
      line++;
      if (text.trim() === '') continue;
      examples++;
      const example = parse(text, line);
      format ??= formatOf(example, line);
      checkExample(example, format, line);
    }
    if (examples === 0) throw malformed('The file has no examples. Write one JSON object on each line.');
    return { examples, format, fault: null };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { examples, format, fault: { code: error.code, message: error.message } };
  }
}

/** Decoded line by line, so that what is no UTF-8 is found at its line. */
async function* linesOf(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest: Buffer[] = [];
  let restBytes = 0;
  let line = 1;
  const decode = (bytes: Buffer): string => {
    try {
      return decoder.decode(bytes);
    } catch {
      throw malformed(`Line ${line} is not UTF-8. Save the file as UTF-8.`);
    }
  };
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      yield decode(Buffer.concat([...rest, chunk.subarray(start, end)]));
      line++;
      rest = [];
      restBytes = 0;
      start = end + 1;
    }
    rest.push(chunk.subarray(start));
    restBytes += chunk.length - start;
    if (restBytes > MOST_LINE_BYTES)
      throw malformed(`Line ${line} is longer than ${MOST_LINE_BYTES} bytes. Shorten it.`);
  }
  if (restBytes > 0) yield decode(Buffer.concat(rest));
}

function parse(text: string, line: number): JsonObject {
  let value: Json;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw malformed(`Line ${line} is not valid JSON: ${(error as Error).message}. Write one JSON object on each line.`);
  }
  if (!isObject(value)) throw malformed(`Line ${line} is not a JSON object. Write one JSON object on each line.`);
  return value;
}

function formatOf(example: JsonObject, line: number): ExampleFormat {
  for (const [format, { required }] of Object.entries(FORMATS))
    if (required.some((key) => key in example)) return format as ExampleFormat;
  throw malformed(
    `Line ${line} has neither "messages", nor "prompt" and "completion", nor "input" with "preferred_output" and "non_preferred_output". Write each example in one of these forms.`,
  );
}

function checkExample(example: JsonObject, format: ExampleFormat, line: number): void {
  const { required, allowed } = FORMATS[format];
  const extra = Object.keys(example).find((key) => !allowed.includes(key));
  if (extra !== undefined)
    throw new Fault(
      'invalid_file_format',
      `Line ${line} contains an extra ${JSON.stringify(extra)}. Remove it: examples of the format ${format} have ${allowed.join(', ')}.`,
    );
  const missing = required.find((key) => !(key in example));
  if (missing !== undefined)
    throw malformed(`Line ${line} has no ${JSON.stringify(missing)}, as the first example has. Add it.`);
  if (format === 'chat') checkMessages(example.messages, `Line ${line}`);
  if (format === 'preference') checkPreference(example, `Line ${line}`);
  if (format === 'completion')
    for (const key of required)
      if (typeof example[key] !== 'string')
        throw malformed(`Line ${line}: ${JSON.stringify(key)} is not a string. Write it as text.`);
}

function checkMessages(messages: Json | undefined, where: string): void {
  checkEach(messages, where);
  if (!messages.some((message) => isObject(message) && message.role === 'assistant'))
    throw malformed(`${where} has no message of the role assistant, so nothing of it is learnt. Add its answer.`);
}

function checkEach(messages: Json | undefined, where: string): asserts messages is Json[] {
  if (!Array.isArray(messages) || messages.length === 0)
    throw malformed(`${where}: "messages" is not a list with at least one message.`);
  messages.forEach((message, index) => void checkMessage(message, `${where}, message ${index + 1}`));
}

const KEYS_OF_INPUT = ['messages', 'tools', 'parallel_tool_calls'];

/** What is asked, and two answers to it: each a list with one message of the assistant. */
function checkPreference(example: JsonObject, where: string): void {
  const { input } = example;
  if (!isObject(input)) throw malformed(`${where}: "input" is not an object. Write it as {"messages": […]}.`);
  const extra = Object.keys(input).find((key) => !KEYS_OF_INPUT.includes(key));
  if (extra !== undefined)
    throw new Fault(
      'invalid_file_format',
      `${where}: "input" contains an extra ${JSON.stringify(extra)}. Remove it: it has ${KEYS_OF_INPUT.join(', ')}.`,
    );
  checkEach(input.messages, `${where}, "input"`);
  for (const side of ['preferred_output', 'non_preferred_output']) {
    const answers = example[side];
    const [answer] = Array.isArray(answers) && answers.length === 1 ? answers : [];
    if (!isObject(answer) || answer.role !== 'assistant')
      throw malformed(`${where}: ${JSON.stringify(side)} is not a list with one message of the role assistant.`);
    checkMessage(answer, `${where}, ${JSON.stringify(side)}`);
  }
}

function checkMessage(message: Json, where: string): void {
  if (!isObject(message)) throw malformed(`${where} is not a JSON object.`);
  const { role, content, weight } = message;
  if (role === undefined) throw malformed(`${where}: "role" is missing. It is one of ${ROLES.join(', ')}.`);
  if (typeof role !== 'string' || !ROLES.includes(role))
    throw malformed(`${where}: the role ${JSON.stringify(role)} is none of ${ROLES.join(', ')}.`);
  const extra = Object.keys(message).find((key) => !MESSAGE_KEYS.includes(key));
  if (extra !== undefined)
    throw new Fault('invalid_file_format', `${where} contains an extra ${JSON.stringify(extra)}. Remove it.`);
  if (weight !== undefined && (role !== 'assistant' || (weight !== 0 && weight !== 1)))
    throw malformed(`${where}: "weight" is ${JSON.stringify(weight)}. It is 0 or 1, and of the role assistant alone.`);
  const says = typeof content === 'string' || (Array.isArray(content) && content.length > 0);
  const acts = role === 'assistant' && ['tool_calls', 'function_call', 'refusal'].some((key) => message[key] != null);
  if (!says && !(acts && content == null))
    throw malformed(`${where}: "content" is neither a text nor a list of parts. Write what is said.`);
}
