import assert from 'node:assert/strict';
import { ANSWER_WITHIN_MS } from '../../../src/platform/long-answers.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { dataProcesses } from '../../support/processes.ts';
import { csvRows } from '../../support/rows.ts';
import { until } from '../../support/service.ts';

const MOST_MS = 10_000;

describe('what takes longer than an answer may', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let impatient: ApiOnly;
  let id: number;
  const stopped: number[] = [];

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database, {}, { answerWithinMs: ANSWER_WITHIN_MS });
    impatient = await startTestApi(database, {}, { answerWithinMs: 300 });
    id = Number((await api.upload('rows.csv', csvRows(20_000))).body.id);
  });
  after(async () => {
    goOn();
    await api?.close();
    await impatient?.close();
    await database?.remove();
  });
  afterEach(goOn);

  function goOn(): void {
    for (const pid of stopped.splice(0)) process.kill(pid, 'SIGCONT');
  }

  /** The process that waits for work takes what comes next, and does nothing. */
  async function standStill(): Promise<void> {
    const pids = await until('a data process', async () => {
      const found = await dataProcesses();
      return found.length > 0 ? found : null;
    });
    for (const pid of pids) {
      process.kill(pid, 'SIGSTOP');
      stopped.push(pid);
    }
  }

  async function timed(at: ApiOnly, method: string, path: string, body?: unknown) {
    const beganMs = performance.now();
    const answer = await at.call(method, path, body);
    return { ...answer, tookMs: performance.now() - beganMs };
  }

  async function twice({
    method,
    path,
    body,
    at = api,
  }: {
    method: string;
    path: string;
    body?: unknown;
    at?: ApiOnly;
  }) {
    await standStill();
    const answer = await timed(at, method, path, body);
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
    assert.ok(answer.tookMs < MOST_MS, `${answer.tookMs} ms`);
    assert.match(String(answer.body.detail), /send the same request again/);
    assert.ok('progress_percent' in answer.body);
    assert.ok(Number(answer.headers.get('Retry-After')) > 0);
    const processes = await dataProcesses();
    goOn();
    const again = await until('the result', async () => {
      const later = await timed(at, method, path, body);
      return later.status === 202 ? null : later;
    });
    assert.equal(again.status, 200, JSON.stringify(again.body));
    assert.deepEqual(await dataProcesses(), processes, 'it was done once');
    return again.body;
  }

  // Take `slowly` out of a handler and its request is not answered while the process stands still.
  it('is answered within ten seconds with how far it is, and asked for again with its result: a profile', async () => {
    const { rows } = await twice({ method: 'GET', path: `/datasets/${id}/profile` });
    assert.equal(rows, 20_000);
  });

  it('goes on likewise: the check of a mapping, another mapping, and a plan', async () => {
    const at = impatient;
    const checked = { method: 'POST', path: `/datasets/${id}/validate`, body: { mapping: { text: 'input' } }, at };
    assert.equal((await twice(checked)).usable_rows, 20_000);
    const mapping = { text: 'output' };
    const mapped = await twice({ method: 'PATCH', path: `/datasets/${id}`, body: { mapping }, at });
    assert.deepEqual(mapped.mapping, mapping);
    const body = { traits: [{ trait_type: 'coding', datasets: [{ dataset_id: id, percentage: 100 }] }] };
    assert.ok(Number((await twice({ method: 'POST', path: '/projects/plan', body, at })).train_rows) > 0);
  });
});
