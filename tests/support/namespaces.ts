import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { BUILT } from '../../src/platform/built-files.ts';
import { childEnv, PROJECT_ROOT } from '../../src/platform/env.ts';
import { processesOfHost } from './hosts.ts';
import { openLink } from './link.ts';
import { until } from './service.ts';

/** A machine of a test's own: a network and a disk that nobody else has. */
export interface Apart {
  /** Starts the agent there. @returns once it was started; that it is there, GET /workers/ says */
  startAgent(): Promise<void>;
  /** SIGKILL of all that runs there, as where its power goes. */
  kill(): Promise<void>;
  /** Ends and removes all of it. */
  remove(): Promise<void>;
}

/** Why this machine cannot have such, as where tests do not run as root; null: it can. */
export async function noNamespaces(): Promise<string | null> {
  const tried = await execa('unshare', ['--net', '--mount', 'true'], { reject: false });
  const ip = await execa('ip', ['-V'], { reject: false });
  if (tried.exitCode === 0 && ip.exitCode === 0) return null;
  return `Network namespaces need root and iproute2: ${(tried.failed ? tried : ip).stderr || (tried.failed ? tried : ip).message}`;
}

/**
 * A host in a network namespace. Where others have `home`, it has a folder of its own; of the network it has one wire to this machine,
 * on which `ports` of loopback answer.
 * @param nth tells several apart: 1 to 99
 * @param variables the agent's settings, by the address of this end of the wire
 */
export async function hostApart(
  nth: number,
  home: string,
  ports: number[],
  variables: (address: string) => Record<string, string>,
): Promise<Apart> {
  const name = `mtm-${process.pid}-${nth}`;
  const wire = `mtm${process.pid % 100_000}-${nth}`;
  // Of its own, so that what a test left that was killed is not in the way.
  const net = `10.${64 + (process.pid % 128)}.${nth}`;
  const [near, far] = [`${net}.1`, `${net}.2`];
  const disk = `${home}-${nth}`;
  await mkdir(disk, { recursive: true });
  const ip = (...args: string[]) => execa('ip', args);
  await ip('netns', 'add', name);
  await ip('link', 'add', wire, 'type', 'veth', 'peer', 'name', 'wire0', 'netns', name);
  await ip('addr', 'add', `${near}/30`, 'dev', wire);
  await ip('link', 'set', wire, 'up');
  await ip('-n', name, 'addr', 'add', `${far}/30`, 'dev', 'wire0');
  await ip('-n', name, 'link', 'set', 'wire0', 'up');
  await ip('-n', name, 'link', 'set', 'lo', 'up');
  const links = await Promise.all(ports.map((port) => openLink(near, port, port)));
  const settings = variables(near);
  const hostName = String(settings.MTM_HOST_NAME);
  const processes = () => processesOfHost({ env: { home } }, hostName, 'all');
  let agent: ChildProcess | undefined;
  const kill = async () => {
    for (const pid of await processes())
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone already.
      }
    await until(`${hostName} to be gone`, async () => ((await processes()).length === 0 ? true : null));
  };
  return {
    startAgent: async () => {
      const log = openSync(join(disk, 'agent.log'), 'a');
      const script = 'mount --make-rprivate / && mount --bind "$0" "$1" && exec "$2" "$3" host';
      agent = spawn(
        'ip',
        ['netns', 'exec', name, 'unshare', '--mount', 'sh', '-ec', script, disk, home, process.execPath, BUILT.main],
        { cwd: PROJECT_ROOT, stdio: ['ignore', log, log], env: childEnv(settings) },
      );
      closeSync(log);
      await once(agent, 'spawn');
    },
    kill,
    remove: async () => {
      await kill();
      for (const link of links) await link.remove();
      await ip('netns', 'del', name);
      await rm(disk, { recursive: true, force: true });
    },
  };
}
