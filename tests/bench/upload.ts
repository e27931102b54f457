import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { processesOf } from '../support/processes.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService } from '../support/service.ts';

const FILE_BYTES = 2 * 1000 ** 3;
const BOUNDARY = 'a-boundary';
const HEAD = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="name"\r\n\r\nlarge\r\n--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="large.csv"\r\nContent-Type: text/csv\r\n\r\n`;
const TAIL = `\r\n--${BOUNDARY}--\r\n`;

/** One upload of 2 GB: how long it takes, by how much the API's memory grows, and what a limit leaves on disk. */
export async function main(): Promise<void> {
  const { service, remove } = await startTestService();
  try {
    await service.upload('small.csv', csvRows(100));
    const api = (await processesOf(service.env.home)).find(({ command }) => command.trim().endsWith(' api'));
    if (!api) throw new Error('There is no process of the API.');
    const beforeMb = await residentMb(api.pid);
    const peak = watch(api.pid);
    const from = performance.now();
    const answer = await uploadLarge(`${service.apiUrl}/api/v1/datasets/`);
    const seconds = (performance.now() - from) / 1000;
    const peakMb = await peak.stop();
    console.log(`${FILE_BYTES / 1e9} GB in ${seconds.toFixed(1)} s: ${answer.status}, ${answer.body.slice(0, 300)}`);
    console.log(
      `The API's resident memory: ${beforeMb} MB before, at most ${peakMb} MB during, ${await residentMb(api.pid)} MB after; grew by ${peakMb - beforeMb} MB.`,
    );
    console.log(
      `Left in uploads/incoming: ${(await readdir(join(service.env.home, 'uploads', 'incoming'))).length} files.`,
    );
  } finally {
    await remove();
  }
}

async function uploadLarge(url: string): Promise<{ status: number | undefined; body: string }> {
  const rows = csvRows(50_000);
  const header = rows.slice(0, rows.indexOf('\n') + 1);
  const block = Buffer.from(`${rows.slice(header.length)}\n`);
  const asked = request(url, {
    method: 'POST',
    headers: { 'Content-Type': `multipart/form-data; boundary=${BOUNDARY}`, 'Transfer-Encoding': 'chunked' },
  });
  const answered = once(asked, 'response');
  asked.write(HEAD + header);
  for (let sent = 0; sent < FILE_BYTES; sent += block.length) {
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
