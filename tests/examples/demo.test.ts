import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { BUILT } from '../../src/platform/built-files.ts';
import { childEnv, type Env, PROJECT_ROOT } from '../../src/platform/env.ts';
import { toVariables } from '../../src/platform/env-variables.ts';
import { processesOf } from '../support/processes.ts';
import { TINY_MODEL, testEnv } from '../support/service.ts';
import { putTinyModel } from '../support/tiny-models.ts';

/** `npm run demo`, with a tiny model in place of the one that it downloads. */
describe('the demo', function () {
  this.timeout(300_000);
  let env: Env;

  before(async () => {
    env = await testEnv();
    await putTinyModel(env, 'tiny-random');
  });

  after(() => rm(env.home, { recursive: true, force: true }));

  function demo(...args: string[]): ChildProcess {
    const ports = { MTM_PORT: '0', MTM_POSTGRES_PORT: '0', MTM_TEMPORAL_PORT: '0', MTM_TEMPORAL_UI_PORT: '0' };
    return spawn(process.execPath, [BUILT.main, 'demo', '--model', TINY_MODEL, ...args], {
      cwd: PROJECT_ROOT,
      env: childEnv({ ...toVariables(env), ...ports }),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }

  it('leaves no process when it is interrupted; the next one goes on with what was under way', async () => {
    const first = demo();
    const firstClosed = once(first, 'close');
    for await (const line of createInterface({ input: first.stdout as NodeJS.ReadableStream })) {
      // The first line of the bar: the run has been asked for and has not ended.
      if (line.startsWith('[') && first.signalCode === null) first.kill('SIGINT');
    }
    assert.deepEqual((await firstClosed)[0], 130);
    assert.deepEqual(await processesOf(env.home), []);

    const second = demo('--max-rows', '40');
    const secondClosed = once(second, 'close');
    const lines: string[] = [];
    for await (const line of createInterface({ input: second.stdout as NodeJS.ReadableStream })) lines.push(line);
    assert.deepEqual((await secondClosed)[0], 0, lines.join('\n'));
    const text = lines.join('\n');
    assert.match(text, /An earlier run of this home has not ended: it goes on first/);
    assert.match(text, /Uploaded demo-tools-remind.jsonl.gz: 240 rows, 240 usable; 20 % of general_tools/);
    for (const trait of ['reasoning', 'coding', 'general_tools']) assert.match(text, new RegExp(`│ ${trait} +│ \\d+`));
    assert.match(text, /Output +\S+project-2-run-1/);
    assert.deepEqual(await processesOf(env.home), []);
  });
});
