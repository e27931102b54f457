import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { bodyOf, clientOf } from '../../cli/api/client.ts';
import { CommandFailure } from '../../cli/exit-codes.ts';
import type { Session } from '../../cli/session.ts';
import { BUILT } from '../../platform/built-files.ts';
import { childEnv, type Env } from '../../platform/env.ts';
import { readBytes } from '../../platform/files.ts';
import { processStart } from '../../platform/process-identity.ts';
import { type FoundService, findService } from '../../platform/service-file.ts';

const LOOK_EVERY_MS = 200;
/** What is missing is installed at the first start: gigabytes, for the trainer alone later on. */
const READY_WITHIN_MS = 15 * 60_000;
/** It listens by then; its parts may still look for each other. */
const HEALTHY_WITHIN_MS = 60_000;
/** Longer than the service gives its trainers to save, by MTM_STOP_GRACE_MS, and its parts to end. */
const STOP_PATIENCE_MS = 60_000;
const LAST_WORDS_BYTES = 2_000;

/** `mtm up --detach`: says where everything is once it can be used, also where it is already running. */
export async function startDetached({ env, print, say }: Session): Promise<void> {
  const running = await findService(env.home);
  if (running) say(`The service is already running, as process ${running.pid}. End it with \`mtm down\`.`);
  const service = running ?? (await startInBackground({ env, say }));
  const client = clientOf({ url: service.url, key: env.apiKey ?? env.apiKeys[0] }, say);
  const health = await untilHealthy(service, async () => {
    const found = await bodyOf(client.GET('/api/v1/health'));
    return found.status === 'healthy' ? found : null;
  });
  print(health, () =>
    [
      `Page         ${service.url}`,
      `API          ${service.url}/api/v1, described at ${service.url}/docs`,
      `Temporal UI  ${service.temporal_ui_url ?? `(with the server at ${env.temporalAddress})`}`,
      `Log          ${logOf(env)}`,
      `Next         mtm train FILE --model NAME --watch    or    mtm status    or    mtm down`,
    ].join('\n'),
  );
}

async function startInBackground({ env, say }: Pick<Session, 'env' | 'say'>): Promise<FoundService> {
  await mkdir(join(env.home, 'logs'), { recursive: true });
  const log = await open(logOf(env), 'a');
  const begin = (await log.stat()).size;
  // Only the first start is slow, and a terminal that says nothing looks stuck.
  const first =
    begin === 0 ? ' The first start takes longer: it installs what is missing, and makes its database.' : '';
  if (process.stderr.isTTY) say(`Starting…${first}`);
  const child = spawn(process.execPath, [BUILT.main, 'start'], {
    // Paths that the settings name are below the folder where `mtm up` was typed.
    cwd: process.cwd(),
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    env: childEnv({}),
  });
  const ended = once(child, 'exit').then(() => 'ended' as const);
  try {
    const deadline = performance.now() + READY_WITHIN_MS;
    while (performance.now() < deadline) {
      const found = await findService(env.home);
      if (found !== null && found.pid === child.pid) return found;
      if ((await Promise.race([ended, after(LOOK_EVERY_MS)])) === 'ended') break;
    }
    throw new CommandFailure(`The service did not start. ${await saidSince(env, begin)}\nAll of it: ${logOf(env)}`);
  } finally {
    await log.close();
    child.unref();
  }
}

/** What the log has from a place on, or the end of that. */
async function saidSince(env: Env, begin: number): Promise<string> {
  const { size } = await stat(logOf(env));
  const from = Math.max(begin, size - LAST_WORDS_BYTES);
  return (await readBytes(logOf(env), size - from, from)).toString('utf8').trim();
}

async function untilHealthy<T>(service: FoundService, look: () => Promise<T | null>): Promise<T> {
  const deadline = performance.now() + HEALTHY_WITHIN_MS;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (performance.now() > deadline)
      throw new CommandFailure(`The service at ${service.url} started and is not healthy. See \`mtm status\`.`);
    await after(LOOK_EVERY_MS);
  }
}

/** `mtm down`: ends the service of this home, known by its pid and start time, and no other process. */
export async function stopService({ env, print }: Session): Promise<void> {
  const service = await findService(env.home);
  if (service === null) return print({ stopped: false }, () => `No service runs for ${env.home}.`);
  process.kill(service.pid, 'SIGTERM');
  const deadline = performance.now() + Math.max(STOP_PATIENCE_MS, 2 * env.stopGraceMs);
  while ((await processStart(service.pid)) === service.pid_started) {
    if (performance.now() > deadline)
      throw new CommandFailure(
        `Process ${service.pid} was asked to end and has not, after ${STOP_PATIENCE_MS / 1_000} s. See ${env.home}/logs.`,
      );
    await after(LOOK_EVERY_MS);
  }
  print({ stopped: true }, () => 'The service has ended. Its runs go on at the next start.');
}

function logOf(env: Env): string {
  return join(env.home, 'logs', 'service.log');
}
