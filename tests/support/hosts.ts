import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Env } from '../../src/platform/env.ts';
import { toVariables } from '../../src/platform/env-variables.ts';
import { ServiceProcess } from '../../src/processes/start/service-process.ts';
import { processesOf } from './processes.ts';
import { type ApiClient, type TestService, until } from './service.ts';

/** A row of GET /workers/. */
export interface ShownWorker {
  id: string;
  host: string;
  status: string;
  device: string | null;
  pid: number | null;
  current_job_id: number | null;
  reason: string | null;
  next_start_at: string | null;
}

/** Starts the agent of another host beside a service, which is this machine under another name. */
export async function startHost(
  service: TestService,
  hostName: string,
  devices: string[] | undefined = undefined,
): Promise<ServiceProcess> {
  const { env, databaseUrl, temporalAddress } = service;
  const logs = join(env.home, 'logs', hostName);
  await mkdir(logs, { recursive: true });
  const agent = new ServiceProcess(
    'host',
    logs,
    toVariables({ ...env, databaseUrl, temporalAddress, hostName, devices }),
  );
  await agent.start();
  return agent;
}

/** The agent of a host, or all of the host: the agent, its workers, and their trainers. */
export async function processesOfHost(
  service: { env: Pick<Env, 'home'> },
  hostName: string,
  what: 'agent' | 'all',
): Promise<number[]> {
  const wanted = what === 'agent' ? /main\.js host/ : /main\.js (host|worker)|-m trainer/;
  const pids: number[] = [];
  for (const { pid, command } of await processesOf(service.env.home)) {
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if (wanted.test(command) && environment.split('\0').includes(`MTM_HOST_NAME=${hostName}`)) pids.push(pid);
  }
  return pids;
}

/** Sends a signal to a host, as SIGSTOP: it does nothing and reports nothing, as one that is cut off. */
export async function signalHost(
  service: TestService,
  hostName: string,
  what: 'agent' | 'all',
  signal: NodeJS.Signals,
): Promise<void> {
  const pids = await processesOfHost(service, hostName, what);
  if (pids.length === 0) throw new Error(`Host ${hostName} has no process.`);
  for (const pid of pids) process.kill(pid, signal);
}

/** The workers, as users see them. */
export async function shownWorkers(service: TestService): Promise<ShownWorker[]> {
  return (await service.call('GET', '/workers/')).body.workers as ShownWorker[];
}

/**
 * The pool, once it is at nothing any more: a command is answered before it is done where that takes long.
 * @param activeWorkers wait for as many, where the command may not have been begun: then nothing shows it
 */
export async function settledPool(
  client: Pick<ApiClient, 'call'>,
  activeWorkers?: number,
): Promise<Record<string, unknown>> {
  return await until('the pool to have done what was asked', async () => {
    const { body } = await client.call('GET', '/workers/');
    return body.pending_action === null && body.active_workers === (activeWorkers ?? body.active_workers) ? body : null;
  });
}
