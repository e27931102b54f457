import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { processesOf } from '../support/processes.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService } from '../support/service.ts';

const BOUNDARY = 'a-boundary';
const HEAD = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="name"\r\n\r\nlarge\r\n--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="large.csv"\r\nContent-Type: text/csv\r\n\r\n`;
const TAIL = `\r\n--${BOUNDARY}--\r\n`;

const ASK_EVERY_MS = 20;

/**
 * One upload of `--gb` gigabytes (2): how long it takes, by how much the API's memory grows, how long others wait for
 * their answers meanwhile, and what is left on disk.
 */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { gb: { type: 'string', default: '2' } } });
  const bytes = Number(values.gb) * 1000 ** 3;
  const { service, remove } = await startTestService();
  try {
    await service.upload('small.csv', csvRows(100));
    const api = (await processesOf(service.env.home)).find(({ command }) => command.trim().endsWith(' api'));
    if (!api) throw new Error('There is no process of the API.');
    const beforeMb = await residentMb(api.pid);
    const peak = watch(api.pid);
    const from = performance.now();
    const others = askMeanwhile(service.apiUrl);
    const answer = await uploadLarge(`${service.apiUrl}/api/v1/datasets/`, bytes);
    const waited = await others.stop();
    const seconds = (performance.now() - from) / 1000;
    const peakMb = await peak.stop();
    console.log(`${bytes / 1e9} GB in ${seconds.toFixed(1)} s: ${answer.status}, ${answer.body.slice(0, 300)}`);
    console.log(
      `The API's resident memory: ${beforeMb} MB before, at most ${peakMb} MB during, ${await residentMb(api.pid)} MB after; grew by ${peakMb - beforeMb} MB.`,
    );
    for (const [phase, ms] of Object.entries(waited)) {
      const sorted = ms.sort((a, b) => a - b);
      const at = (part: number) => (sorted[Math.floor(part * (sorted.length - 1))] ?? 0).toFixed(1);
      console.log(
        `${sorted.length} other requests while ${phase}: median ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms.`,
      );
    }
    console.log(
      `Left in uploads/incoming: ${(await readdir(join(service.env.home, 'uploads', 'incoming'))).length} files.`,
    );
  } finally {
    await remove();
  }
}

/** Lists datasets and uploads all the time, by turns; the milliseconds that each answer took, by what the upload was at. */
function askMeanwhile(apiUrl: string): { stop: () => Promise<Record<string, number[]>> } {
  const waited: Record<string, number[]> = {};
  let isOver = false;
  let phase: string | undefined;
  const asking = (async () => {
    while (!isOver) {
      for (const path of ['/datasets/', '/datasets/uploads']) {
        const from = performance.now();
        const answer = (await (await fetch(`${apiUrl}/api/v1${path}`)).json()) as { items: { phase?: string }[] };
        const ms = performance.now() - from;
        if (path === '/datasets/uploads') phase = answer.items[0]?.phase;
        if (phase) waited[phase] = [...(waited[phase] ?? []), ms];
        await setTimeout(ASK_EVERY_MS);
      }
    }
  })();
  return {
    stop: async () => {
      isOver = true;
      await asking;
      return waited;
    },
  };
}

async function uploadLarge(url: string, bytes: number): Promise<{ status: number | undefined; body: string }> {
  const rows = csvRows(50_000);
  const header = rows.slice(0, rows.indexOf('\n') + 1);
  const block = Buffer.from(`${rows.slice(header.length)}\n`);
  const asked = request(url, {
    method: 'POST',
    headers: { 'Content-Type': `multipart/form-data; boundary=${BOUNDARY}`, 'Transfer-Encoding': 'chunked' },
  });
  const answered = once(asked, 'response');
  asked.write(HEAD + header);
  for (let sent = 0; sent < bytes; sent += block.length) {
    if (!asked.write(block)) await once(asked, 'drain');
  }
  asked.end(TAIL);
  const [response] = await answered;
  let body = '';
  for await (const piece of response) body += piece;
  return { status: response.statusCode, body };
}

/** Samples a process's memory until it is stopped. */
function watch(pid: number): { stop(): Promise<number> } {
  let highest = 0;
  const ended = new AbortController();
  const sampling = (async () => {
    while (!ended.signal.aborted) {
      highest = Math.max(highest, await residentMb(pid));
      await setTimeout(50);
    }
  })();
  return {
    stop: async () => {
      ended.abort();
      await sampling;
      return highest;
    },
  };
}

async function residentMb(pid: number): Promise<number> {
  const kib = /VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Math.round(Number(kib) / 1024);
}
