import { readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { writeDurably } from './durable-files.ts';
import { ifThere } from './files.ts';
import { processStart } from './process-identity.ts';

const ServiceSchema = z.object({
  /** A pid with its start names a process for good. */
  pid: z.int(),
  pid_started: z.string(),
  host: z.string(),
  url: z.string(),
  /** Null where an outside Temporal is used. */
  temporal_ui_url: z.string().nullable(),
});

/** The service that runs with a home, as `service.json` there says. */
export type FoundService = z.output<typeof ServiceSchema>;

/** Notes that this process runs the service of this home; `remove` takes the note away. */
export async function noteService(
  home: string,
  places: Pick<FoundService, 'url' | 'temporal_ui_url'>,
): Promise<{ remove: () => Promise<void> }> {
  const path = pathIn(home);
  const service: FoundService = {
    pid: process.pid,
    pid_started: (await processStart(process.pid)) ?? '',
    host: hostname(),
    ...places,
  };
  await writeDurably(path, `${JSON.stringify(service)}\n`);
  return { remove: () => rm(path, { force: true }) };
}

/** The service that runs with this home; null where none does, or where another host has it. */
export async function findService(home: string): Promise<FoundService | null> {
  const text = await ifThere(readFile(pathIn(home), 'utf8'));
  if (text === null) return null;
  const { success, data } = ServiceSchema.safeParse(jsonOf(text));
  if (!success || data.host !== hostname()) return null;
  return (await processStart(data.pid)) === data.pid_started ? data : null;
}

function pathIn(home: string): string {
  return join(home, 'service.json');
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Torn by a loss of power: it says nothing.
    return null;
  }
}
