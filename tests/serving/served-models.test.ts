import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { NotYetError } from '../../src/platform/failure.ts';
import { processStart } from '../../src/platform/process-identity.ts';
import { ensureTrainerPython } from '../../src/platform/python.ts';
import { UnservedModel } from '../../src/serving/served-model.ts';
import { ServedModels, type ServedTarget } from '../../src/serving/served-models.ts';
import type { ServedLine, ServedRequest } from '../../src/serving/serving-protocol.ts';
import type { PythonCommand } from '../../src/trainer/python-process.ts';
import { WarmPython } from '../../src/trainer/warm-python.ts';
import { testEnv, until } from '../support/service.ts';
import { tinyModel } from '../support/tiny-models.ts';

const REQUEST: ServedRequest = {
  ...{ messages: [{ role: 'user', content: 'one' }], max_tokens: 4, temperature: 0, top_p: 1, n: 1, stop: [] },
  ...{ seed: null, top_logprobs: null, frequency_penalty: 0, presence_penalty: 0, logit_bias: {} },
};
const ENDLESS = { ...REQUEST, max_tokens: 100_000, logit_bias: { '2': -100 } };
const NOBODY_LEAVES = new AbortController().signal;

/** Real processes with the tiny model. A number of threads of its own makes the same model another one. */
describe('models in memory', function () {
  this.timeout(120_000);
  let target: (threads: number) => ServedTarget;
  let warm: WarmPython;
  let models: ServedModels;
  let home: string;
  let started: number[];

  before(async () => {
    const env = await testEnv();
    home = env.home;
    const python = await ensureTrainerPython({ env, onProgress: () => {} });
    const modelPath = await tinyModel(env);
    target = (threads) => ({
      place: { python, modelPath, weightsPath: null, device: 'cpu', threads },
      adapterPath: null,
    });
    warm = new WarmPython({ libraries: 'answers', isOn: true, idleMs: 60_000, log: () => {} });
    const start = warm.start;
    Object.assign(warm, {
      start: async (command: PythonCommand) => {
        const child = await start(command);
        started.push(child.pid);
        return child;
      },
    });
  });

  beforeEach(() => {
    started = [];
  });

  afterEach(async () => await models.close());

  after(async () => {
    await warm.close();
    await rm(home, { recursive: true, force: true });
  });

  async function all(lines: AsyncGenerator<ServedLine>): Promise<ServedLine[]> {
    const found: ServedLine[] = [];
    for await (const line of lines) found.push(line);
    return found;
  }

  const ask = async (threads = 1) => await all(models.ask(target(threads), REQUEST, NOBODY_LEAVES));
  const isGone = async (pid: number | undefined) => (await processStart(Number(pid))) === null;

  it('answer several requests at once by one process, each with its own lines', async () => {
    models = new ServedModels(warm, { most: 1 });
    const answers = await Promise.all([ask(), ask(), ask()]);
    assert.equal(started.length, 1);
    const said = answers.map((lines) => lines.map((line) => ('text' in line ? line.text : '')).join(''));
    assert.equal(new Set(said).size, 1);
    for (const lines of answers) assert.ok('done' in (lines.at(-1) ?? {}));
  });

  it('make room: the one that nobody asks ends before another is loaded', async () => {
    // Do not wait for `ended` in `#load`, and the first is there still while the second looks for memory.
    models = new ServedModels(warm, { most: 1 });
    await ask(1);
    await ask(2);
    assert.equal(started.length, 2);
    assert.ok(await isGone(started[0]));
  });

  it('refuse another one while all of them answer, and load it afterwards', async () => {
    models = new ServedModels(warm, { most: 1 });
    const leaving = new AbortController();
    const endless = models.ask(target(1), ENDLESS, leaving.signal);
    await endless.next();
    await assert.rejects(ask(2), NotYetError);
    leaving.abort();
    assert.ok((await endless.next()).done);
    await ask(2);
  });

  it('end when nobody has asked them for a while', async () => {
    models = new ServedModels(warm, { most: 1, idleMs: 50 });
    await ask();
    await until('it to end', async () => ((await isGone(started[0])) ? true : null));
    await ask();
    assert.equal(started.length, 2);
  });

  it('say why one does not load, and try again when it is asked again', async () => {
    models = new ServedModels(warm, { most: 1 });
    const broken = { place: { ...target(1).place, modelPath: home }, adapterPath: null };
    for (let time = 0; time < 2; time++)
      await assert.rejects(all(models.ask(broken, REQUEST, NOBODY_LEAVES)), UnservedModel);
    assert.equal(started.length, 2);
  });

  it('tell those who wait when their process is killed', async () => {
    models = new ServedModels(warm, { most: 1 });
    const endless = models.ask(target(availableParallelism()), ENDLESS, NOBODY_LEAVES);
    await endless.next();
    process.kill(Number(started[0]), 'SIGKILL');
    await assert.rejects(all(endless), /The process that had the model ended \(SIGKILL\)/);
  });
});
