import assert from 'node:assert/strict';
import type { Run } from '../../../src/models/runs/run.ts';
import { Vote } from '../../../src/models/runs/vote.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { DocumentedAnswers } from '../../support/openapi.ts';
import { buildRun } from '../../support/runs.ts';
import { TINY_MODEL } from '../../support/service.ts';
import { putTinyModel } from '../../support/tiny-models.ts';

interface Shown {
  total: number;
  pairs: { one: string; other: string; one_better: number; other_better: number; same: number }[];
  items: Record<string, unknown>[];
}

describe('votes on the answers of a run', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let documented: DocumentedAnswers;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
    await putTinyModel(api.env, 'tiny-random');
    documented = new DocumentedAnswers((await api.call('GET', '/openapi.json')).body as never);
  });

  after(async () => {
    await api?.close();
    await database?.remove();
  });

  const modelOf = (run: Run) => `${run.workflow_id}:ckpt-step-5`;
  const voteOn = (run: Run, changes: object = {}) => ({
    left_model: TINY_MODEL,
    right_model: modelOf(run),
    better: 'right',
    blind: false,
    messages: [{ role: 'user', content: 'what is one plus two' }],
    tools: null,
    parameters: { temperature: 0, top_p: 1, max_tokens: 12, seed: null },
    left_answer: 'two',
    right_answer: 'three',
    ...changes,
  });

  async function send(run: Run, vote: object, headers = {}) {
    const path = `/jobs/${run.job_id}/votes`;
    const { status, body } = await api.call('POST', path, vote, headers);
    documented.check('POST', path, status, body);
    return { status, body };
  }

  async function votesOf(run: Run, query = ''): Promise<Shown> {
    const path = `/jobs/${run.job_id}/votes`;
    const { status, body } = await api.call('GET', `${path}${query}`);
    documented.check('GET', path, status, body);
    return body as unknown as Shown;
  }

  it('are kept as they were given, and counted by pairs, whichever side a model was on', async () => {
    // Group by left_model and right_model in votesOnPairs (src/models/runs/vote.ts), and there are two pairs.
    const run = await buildRun(database);
    const own = modelOf(run);
    const swapped = { left_model: own, right_model: TINY_MODEL };
    for (const changes of [{}, { ...swapped, better: 'left', blind: true }, { ...swapped, better: 'right' }])
      assert.equal((await send(run, voteOn(run, changes))).status, 201);
    const last = { better: 'same', left_answer: 'a NUL: \0, and half a character: \ud83d' };
    assert.equal((await send(run, voteOn(run, last))).status, 201);
    const { total, pairs, items } = await votesOf(run, '?page_size=3');
    assert.equal(total, 4);
    const [pair] = pairs;
    assert.equal(pairs.length, 1);
    const ownIsOne = pair?.one === own;
    assert.deepEqual([pair?.one, pair?.other].sort(), [own, TINY_MODEL].sort());
    assert.deepEqual(
      ownIsOne ? [pair?.one_better, pair?.other_better] : [pair?.other_better, pair?.one_better],
      [2, 1],
    );
    assert.equal(pair?.same, 1);
    assert.equal(items.length, 3);
    const { id, created_at, ...newest } = items[0] ?? {};
    assert.deepEqual(newest, voteOn(run, last));
  });

  it('are kept once for a key, and go with their run', async () => {
    // Leave ON DELETE CASCADE out in 0017-votes.ts, and the job cannot be deleted.
    const run = await buildRun(database);
    const headers = { 'Idempotency-Key': 'a-vote' };
    const nul = { left_answer: '\0' };
    const [first, again] = [await send(run, voteOn(run, nul), headers), await send(run, voteOn(run, nul), headers)];
    assert.deepEqual([first.status, again.body], [201, first.body]);
    assert.equal((await send(run, voteOn(run, { better: 'same' }), headers)).status, 409);
    assert.equal((await votesOf(run)).total, 1);
    assert.equal((await api.call('POST', `/jobs/${run.job_id}/cancel`)).status, 200);
    assert.equal((await api.call('DELETE', `/jobs/${run.job_id}`)).status, 204);
    assert.equal(await Vote.count({ where: { run_id: run.id } }), 0);
  });

  it('are refused where they say nothing of the run', async () => {
    // Leave requireVoteOn out in vote-routes.ts.
    const [run, other] = [await buildRun(database), await buildRun(database)];
    const cases: [changes: object, status: number, detail: RegExp][] = [
      [{ right_model: modelOf(other) }, 400, new RegExp(`is a model of ${run.workflow_id}`)],
      [{ right_model: 'none/such' }, 404, /"none\/such" does not exist/],
      [{ right_model: TINY_MODEL }, 400, /left_model and right_model are both/],
      [{ better: 'mine' }, 422, /better is "mine"/],
      [{ messages: [] }, 422, /messages/],
      [{ parameters: { temperature: 3 } }, 422, /parameters\.temperature is 3/],
      [{ right_model: 'a\0b' }, 422, /must not have a NUL character/],
    ];
    for (const [changes, status, detail] of cases) {
      const answer = await send(run, voteOn(run, changes));
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      assert.match(String(answer.body.detail), detail);
    }
    assert.equal((await votesOf(run)).total, 0);
  });
});
