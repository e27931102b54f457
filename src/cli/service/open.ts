import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { bodyOf } from '../api/client.ts';
import type { Session } from '../session.ts';

/** `mtm open`: prints the address of the page, and shows it where this machine has something that opens addresses. */
export async function openPage({ client, server, print, isJson }: Session): Promise<void> {
  const health = await bodyOf(client.GET('/api/v1/health'));
  print(health, () => server.url);
  if (isJson || !process.stdout.isTTY) return;
  const opener = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const child = spawn(opener, [server.url], { stdio: 'ignore', detached: true });
  // Where there is no browser, the address alone has to do.
  await Promise.race([once(child, 'spawn'), once(child, 'error')]).catch(() => {});
  child.unref();
}
