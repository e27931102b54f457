import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startPostgres } from '../../../src/platform/postgres/postgres.ts';
import { processStart } from '../../../src/platform/process-identity.ts';
import { until } from '../../support/service.ts';

describe('the embedded PostgreSQL', function () {
  this.timeout(60_000);
  let home: string;
  let stranger: ChildProcess;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'mtm-test-'));
    await (await startPostgres({ home, port: 0 })).stop();
    stranger = spawn('sleep', ['600'], { stdio: 'ignore' });
  });
  afterEach(async () => {
    stranger.kill('SIGKILL');
    await rm(home, { recursive: true, force: true });
  });

  const pidFile = () => join(home, 'postgres', 'data', 'postmaster.pid');

  /** As after a loss of power: the pid file is there, and its pid is another process's by now. */
  async function leavePidFile(): Promise<number> {
    const { pid } = stranger;
    assert.ok(pid);
    await writePidFile(pid);
    return pid;
  }

  const writePidFile = (pid: number) =>
    writeFile(pidFile(), `${pid}\n${join(home, 'postgres', 'data')}\n1700000000\n5432\n\n127.0.0.1\n0 0\nready\n`);

  /** The server that runs, and one of its other processes. */
  async function processes(): Promise<{ pid: number; child: number }> {
    const pid = Number((await readFile(pidFile(), 'utf8')).split('\n')[0]);
    const child = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ').map(Number)[0];
    return { pid, child: child || assert.fail() };
  }

  it('starts where its pid is another process’s by now, and leaves that alone', async () => {
    const pid = await leavePidFile();
    await writeFile(join(home, 'postgres', 'starter.pid'), JSON.stringify({ pid, start: 'long ago' }));
    const postgres = await startPostgres({ home, port: 0 });
    assert.notEqual(await processStart(pid), null);
    await postgres.stop();
  });

  it('starts where its server is dead and nobody has reaped it', async () => {
    // Take hasProcess out of src/platform/postgres/postgres.ts and it ends at its start: for PostgreSQL that pid is a process.
    const parent = spawn('sh', ['-c', 'sleep 0.3 & echo $!; exec sleep 600'], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const [line] = (await once(parent.stdout, 'data')) as [Buffer];
      const pid = Number(String(line).trim());
      await until('it to be dead', async () => ((await processStart(pid)) === null ? true : null));
      process.kill(pid, 0);
      await writePidFile(pid);
      await (await startPostgres({ home, port: 0 })).stop();
    } finally {
      parent.kill('SIGKILL');
    }
  });

  it('removes no pid file of a server that it cannot prove to be dead', async () => {
    // Before, it removed any, and a second server ran on the same data.
    const pid = await leavePidFile();
    await rm(join(home, 'postgres', 'starter.pid'));
    await assert.rejects(startPostgres({ home, port: 0 }), /ended at its start/);
    assert.equal((await readFile(pidFile(), 'utf8')).split('\n')[0], String(pid));
    assert.notEqual(await processStart(pid), null);
  });

  it('starts after a SIGKILL of the server, whose other processes end a moment later', async () => {
    // Take untilUnused out of src/platform/postgres/postgres.ts and it ends at its start: their memory is still in use.
    const killed = await startPostgres({ home, port: 0 });
    const { pid, child } = await processes();
    process.kill(child, 'SIGSTOP');
    process.kill(pid, 'SIGKILL');
    await killed.ended;
    const starting = startPostgres({ home, port: 0 });
    // What it reads first: from then on it waits for the child.
    await Promise.race([starting.catch(() => {}), delay(500)]);
    process.kill(child, 'SIGCONT');
    await (await starting).stop();
  });

  it('has stopped once its other processes have ended, also where it is ended by force', async () => {
    // Take untilUnused out of stopPostmaster, and its files still change under who removes or copies them.
    const postgres = await startPostgres({ home, port: 0 });
    const { child } = await processes();
    // In order it waits for this one.
    process.kill(child, 'SIGSTOP');
    const stopping = postgres.stop();
    await postgres.ended;
    assert.equal(await Promise.race([stopping, delay(500, 'goes on')]), 'goes on');
    process.kill(child, 'SIGCONT');
    await stopping;
    // It has let go of the memory, after which it writes nothing; that the kernel is done with it comes a moment later.
    await until('it to be gone', async () => ((await processStart(child)) === null ? true : null), 10_000);
  });

  it('makes no new password where the one that the database knows cannot be read', async () => {
    // Before, any error counted as "there is none", and the new one opened nothing, for good.
    const file = join(home, 'postgres', 'password');
    const known = await readFile(file, 'utf8');
    await rm(file);
    await mkdir(file);
    await assert.rejects(startPostgres({ home, port: 0 }), /EISDIR/);
    await rm(file, { recursive: true });
    await writeFile(file, known);
    await chmod(file, 0o600);
    await (await startPostgres({ home, port: 0 })).stop();
  });
});
