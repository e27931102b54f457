import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { findModel } from '../../src/base-models/find-model.ts';
import { childEnv, PROJECT_ROOT } from '../../src/platform/env.ts';
import { processStart } from '../../src/platform/process-identity.ts';
import { ensureTrainerPython } from '../../src/platform/python.ts';
import { killGroup, type PythonProcess } from '../../src/trainer/python-process.ts';
import { WarmPython, type WarmPythonOptions } from '../../src/trainer/warm-python.ts';
import { parentOf } from '../support/processes.ts';
import { TINY_MODEL, testEnv, until } from '../support/service.ts';
import { putTinyModel } from '../support/tiny-models.ts';

const HELP = { module: 'trainer.token_lengths', arguments: ['--help'], logFile: null, hasEvents: false };

describe('a process that has libraries loaded', function () {
  this.timeout(120_000);
  let python: string;
  /** Reads conversations until its standard input ends. */
  let waiting: typeof HELP;
  let home: string;
  const made: WarmPython[] = [];

  before(async () => {
    const env = await testEnv();
    home = env.home;
    python = await ensureTrainerPython({ env, onProgress: () => {} });
    await putTinyModel(env, 'tiny-random');
    const { path } = await findModel(env, TINY_MODEL);
    assert.ok(path);
    waiting = { ...HELP, arguments: [path] };
  });
  afterEach(async () => {
    for (const warm of made.splice(0)) await warm.close();
  });
  after(async () => await rm(home, { recursive: true, force: true }));

  function warmPython(changes: Partial<WarmPythonOptions> = {}): WarmPython & { said: string[] } {
    const said: string[] = [];
    const log = (sentence: string) => said.push(sentence);
    const warm = new WarmPython({ libraries: 'tokenizers', isOn: true, idleMs: null, log, ...changes });
    made.push(warm);
    return Object.assign(warm, { said });
  }

  async function endOf({ stdin, stdout, stderr, ended }: PythonProcess) {
    stdin.end();
    const [said, errors, end] = await Promise.all([stdout ? text(stdout) : '', stderr ? text(stderr) : '', ended]);
    return { ...end, said, errors };
  }

  const isGone = async (pid: number | undefined) =>
    pid === undefined || (await processStart(pid)) === null ? true : null;

  it('runs several commands at once, each with streams and an end of its own', async () => {
    const warm = warmPython();
    const [one, other, failing] = await Promise.all([
      warm.start({ python, ...waiting }),
      warm.start({ python, ...HELP }),
      warm.start({ python, ...HELP, arguments: ['--no-such-option'] }),
    ]);
    // The others may have ended by now.
    assert.equal(await parentOf(one.pid), warm.pid);
    const helped = await endOf(other);
    assert.equal(helped.code, 0);
    assert.match(helped.said, /^usage: python -m trainer\.token_lengths/);
    const failed = await endOf(failing);
    assert.equal(failed.code, 2);
    assert.match(failed.errors, /no-such-option|required: model/);
    one.stdin.write(
      `${JSON.stringify({ messages: '[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]', tools: null })}\n`,
    );
    const counted = await endOf(one);
    assert.equal(counted.code, 0);
    assert.match(counted.said, /"tokens": \d+/);
  });

  it('is off where a setting says so, and tells why', async () => {
    const warm = warmPython({ isOn: false });
    assert.equal((await endOf(await warm.start({ python, ...HELP }))).code, 0);
    assert.equal(warm.pid, undefined);
    assert.deepEqual(warm.said, [
      'Libraries for tokenizers are loaded by each process that needs them: MTM_WARM_TRAINERS is false.',
    ]);
  });

  it('is kept ready: another one is there as soon as it has died', async () => {
    const warm = warmPython();
    await endOf(await warm.start({ python, ...HELP }));
    const first = warm.pid;
    process.kill(Number(first), 'SIGKILL');
    const second = await until('another one', async () => (warm.pid !== first && warm.pid) || null);
    const copy = await warm.start({ python, ...waiting });
    assert.equal(await parentOf(copy.pid), second);
    assert.match(warm.said.join(), /ended \(signal SIGKILL\)/);
    await endOf(copy);
  });

  it('ends when it has had nothing to do for a while, and not before', async () => {
    const warm = warmPython({ idleMs: 300 });
    const copy = await warm.start({ python, ...waiting });
    const first = warm.pid;
    await endOf(await warm.start({ python, ...HELP }));
    const asked = performance.now();
    await until('more than that time to be over', async () => (performance.now() > asked + 600 ? true : null), 5_000);
    assert.equal(await isGone(first), null);
    await endOf(copy);
    await until('it to be gone', () => isGone(first), 10_000);
    assert.equal((await endOf(await warm.start({ python, ...HELP }))).code, 0);
    assert.notEqual(warm.pid, first);
  });

  it('is replaced when its environment has changed, and what runs goes on', async () => {
    const warm = warmPython();
    const running = await warm.start({ python, ...waiting });
    const first = warm.pid;
    process.env.MTM_TEST_CHANGED = 'yes';
    try {
      const copy = await warm.start({ python, ...waiting });
      assert.notEqual(warm.pid, first);
      assert.equal(await parentOf(copy.pid), warm.pid);
      await endOf(copy);
      assert.equal((await endOf(running)).code, 0);
      await until('the first one to be gone', () => isGone(first), 10_000);
    } finally {
      delete process.env.MTM_TEST_CHANGED;
    }
  });

  it('is replaced when packages have changed: the next command loads its own', async () => {
    // Take Origin.change out of trainer/warm.py and it is a copy with the old ones.
    const packages = join(home, 'packages');
    await mkdir(packages);
    process.env.PYTHONPATH = packages;
    try {
      const warm = warmPython();
      await endOf(await warm.start({ python, ...HELP }));
      const first = warm.pid;
      await writeFile(join(packages, 'another.py'), '');
      const fresh = await warm.start({ python, ...waiting });
      assert.equal(await parentOf(fresh.pid), process.pid);
      assert.equal((await endOf(fresh)).code, 0);
      assert.match(warm.said.join(), /packages has changed since the libraries were loaded/);
      const copy = await warm.start({ python, ...waiting });
      assert.notEqual(warm.pid, first);
      assert.equal(await parentOf(copy.pid), warm.pid);
      await endOf(copy);
      await until('the first one to be gone', () => isGone(first), 10_000);
    } finally {
      delete process.env.PYTHONPATH;
    }
  });

  it('that stands still is ended, and a command starts all the same', async () => {
    const warm = warmPython();
    await endOf(await warm.start({ python, ...HELP }));
    const first = Number(warm.pid);
    process.kill(first, 'SIGSTOP');
    const fresh = await warm.start({ python, ...waiting });
    assert.equal(await parentOf(fresh.pid), process.pid);
    assert.equal((await endOf(fresh)).code, 0);
    assert.equal(await isGone(first), true);
  });

  it('that is killed at any moment leaves nothing behind, and no command fails to start', async () => {
    const warm = warmPython();
    const pids: number[] = [];
    for (let round = 0; round < 4; round++) {
      await endOf(await warm.start({ python, ...HELP }));
      const killed = Number(warm.pid);
      // Right after it was asked, or a little later: before, while and after it makes the copies.
      const starting = [0, 1, 2].map(() => warm.start({ python, ...HELP }));
      if (round % 3) await new Promise((resolve) => setTimeout(resolve, 2 * round));
      process.kill(killed, 'SIGKILL');
      for (const started of await Promise.all(starting)) {
        pids.push(started.pid);
        const { code, signal } = await endOf(started);
        assert.ok(code === 0 || signal === 'SIGKILL', `${code} ${signal}`);
      }
    }
    for (const pid of pids) await until(`${pid} to be gone`, () => isGone(pid), 10_000);
  });

  it('makes copies that can be killed from the first moment on', async () => {
    // Let trainer/warm.py not wait until a copy leads its group, and some of them live on.
    const warm = warmPython();
    for (let n = 0; n < 20; n++) {
      const { pid, ended, stdout, stderr } = await warm.start({ python, ...waiting });
      killGroup(pid);
      assert.deepEqual(await ended, { code: null, signal: 'SIGKILL' });
      stdout?.destroy();
      stderr?.destroy();
    }
  });

  it('dies with whoever started it, and so do its copies; no file is left', async () => {
    const temporary = join(home, 'temporary');
    await mkdir(temporary);
    const script = join(await mkdtemp(join(home, 'script-')), 'start.mts');
    await writeFile(
      script,
      `import { WarmPython } from ${JSON.stringify(join(PROJECT_ROOT, 'src/trainer/warm-python.ts'))};
const warm = new WarmPython({ libraries: 'tokenizers', isOn: true, idleMs: null, log: console.error });
const copy = await warm.start(${JSON.stringify({ python, ...waiting })});
console.log(JSON.stringify([warm.pid, copy.pid]));
setInterval(() => {}, 1000);`,
    );
    const started = spawn(process.execPath, ['--import', 'tsx', script], {
      cwd: PROJECT_ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: childEnv({ TMPDIR: temporary }),
    });
    const [line] = await createInterface({ input: started.stdout })
      [Symbol.asyncIterator]()
      .next()
      .then(({ value }) => [String(value)]);
    const pids = JSON.parse(String(line)) as number[];
    // Standing still, they do not see their standard input end.
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    started.kill('SIGKILL');
    for (const pid of pids) await until(`${pid} to be gone`, () => isGone(pid), 5_000);
    assert.deepEqual(
      (await readdir(temporary)).filter((name) => name.startsWith('mtm-')),
      [],
    );
  });
});
