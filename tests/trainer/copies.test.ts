import assert from 'node:assert/strict';
import { open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { loadEnv } from '../../src/platform/env.ts';
import { ensureTrainerPython } from '../../src/platform/python.ts';
import { type PythonCommand, type StartPython, startPython } from '../../src/trainer/python-process.ts';
import { WarmPython } from '../../src/trainer/warm-python.ts';

interface State {
  state: Record<'at_start' | 'with_libraries', Record<string, unknown>>;
  drawn: Record<string, unknown>;
  dies_with: number;
}

describe('a copy of a warm process', function () {
  this.timeout(120_000);
  let python: string;
  let warm: WarmPython;

  before(async () => {
    python = await ensureTrainerPython({ env: loadEnv(), onProgress: () => {} });
    warm = new WarmPython({ libraries: 'trainings', isOn: true, idleMs: null, log: () => {} });
    warm.warmUp(python);
  });
  after(async () => await warm?.close());

  async function stateOf(start: StartPython, changes: Partial<PythonCommand> = {}): Promise<State> {
    const command = { python, module: 'trainer.tests.process_state', arguments: ['an argument', '--and=another'] };
    const { stdin, stdout, events, ended } = await start({ ...command, logFile: null, hasEvents: true, ...changes });
    stdin.end();
    events?.resume();
    const [said, end] = await Promise.all([stdout ? text(stdout) : '', ended]);
    assert.deepEqual(end, { code: 0, signal: null });
    // A library has its own to say before it.
    const written = stdout ? said : await readFile(String(changes.logFile), 'utf8');
    return JSON.parse(written.trim().split('\n').at(-1) ?? '') as State;
  }

  it('is what a fresh process is', async () => {
    // Take set_wakeup_fd, SIG_DFL, os.setsid, os.environ or SPT_NOENV out of trainer/warm.py, or a stream, and one of them differs.
    const fresh = await stateOf(startPython);
    const copy = await stateOf(warm.start);
    // What libraries set in the environment when they are loaded is there from the start.
    const { environ } = fresh.state.with_libraries;
    fresh.state.at_start.environ = { ...(environ as object), ...(fresh.state.at_start.environ as object) };
    copy.state.at_start.environ = { ...(environ as object), ...(copy.state.at_start.environ as object) };
    for (const when of ['at_start', 'with_libraries'] as const)
      for (const [what, value] of Object.entries(fresh.state[when]))
        assert.deepEqual(copy.state[when][what], value, `${when}: ${what}`);
    // A fresh one asks for it when it begins to obey (supervision.py).
    assert.deepEqual([fresh.dies_with, copy.dies_with], [0, 9]);
  });

  it('writes its log as a fresh process does', async () => {
    const logFile = join(tmpdir(), `mtm-test-${process.pid}.log`);
    try {
      const fds: unknown[] = [];
      for (const start of [startPython, warm.start]) {
        await (await open(logFile, 'w')).close();
        fds.push((await stateOf(start, { logFile, hasEvents: false })).state.at_start.fds);
      }
      assert.deepEqual(fds[1], fds[0]);
    } finally {
      await rm(logFile, { force: true });
    }
  });

  it('draws its own random numbers', async () => {
    // Take draw_anew out of trainer/preloading.py and numpy draws the same in every copy.
    const [one, other] = await Promise.all([stateOf(warm.start), stateOf(warm.start)]);
    for (const [what, value] of Object.entries(one.drawn)) assert.notEqual(other.drawn[what], value, what);
  });
});
