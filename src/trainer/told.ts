import { createInterface } from 'node:readline';
import type { z } from 'zod';
import type { PythonProcess } from './python-process.ts';

/** What the last event of a program says, that ended as it was to end. */
const ENDS = ['done', 'failed'];

/**
 * Hears what a program tells, as JSON lines, until it ends.
 * @returns its last event, `done` or `failed`; a sentence where it ended without one
 */
export async function followTold<Event extends { type: string }>(
  child: PythonProcess,
  schema: z.ZodType<Event>,
  logFile: string,
  program: string,
  onEvent: (event: Event) => void,
): Promise<Event | string> {
  child.stdin.on('error', () => {});
  if (!child.events) throw new Error(`${program} has no events.`);
  let last: Event | null = null;
  for await (const line of createInterface({ input: child.events })) {
    const event = eventIn(line, schema);
    if (event === null) continue;
    last = event;
    onEvent(event);
  }
  const { code, signal } = await child.ended;
  if (last !== null && ENDS.includes(last.type)) return last;
  const how = signal ? `was ended by ${signal}` : `exited with code ${code}`;
  return `${program} ${how} without a word; ${logFile} says more.`;
}

/** Null for a line that was torn: its writer was killed in the middle of it. */
function eventIn<Event>(line: string, schema: z.ZodType<Event>): Event | null {
  try {
    return schema.parse(JSON.parse(line));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
