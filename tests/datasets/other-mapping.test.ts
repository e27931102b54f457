import assert from 'node:assert/strict';
import { Dataset } from '../../src/models/datasets/dataset.ts';
import { findSources } from '../../src/models/runs/mixture-sources.ts';
import { Run } from '../../src/models/runs/run.ts';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/service.ts';

/** So many that a profile takes longer than a change of the mapping. */
const MANY = 60_000;
const QUESTION_AND_ANSWER = { prompt: 'a', completion: 'b' };
const PLAIN = { text: 'a' };

describe('a dataset that gets another mapping', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let api: ApiOnly;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
  });
  after(async () => {
    await api.close();
    await database.remove();
  });

  async function upload(rows: number): Promise<number> {
    const lines = Array.from({ length: rows }, (_, i) => `what is ${i} and more of it,it is ${i % 97} of course`);
    const fields = { mapping: JSON.stringify(QUESTION_AND_ANSWER) };
    const { body } = await api.upload('rows.csv', ['a,b', ...lines].join('\n'), fields);
    return Number(body.id);
  }

  it('keeps no profile of the mapping before, however late that one is done', async () => {
    // Without the condition on the mapping in makeProfile (src/commands/datasets/dataset-rows.ts) the roles stayed user and assistant.
    const id = await upload(MANY);
    const slow = api.call('GET', `/datasets/${id}/profile`);
    const changed = await api.call('PATCH', `/datasets/${id}`, { mapping: PLAIN });
    assert.equal(changed.status, 200, JSON.stringify(changed.body));
    await slow;
    const { body } = await api.call('GET', `/datasets/${id}/profile`);
    assert.deepEqual(
      (body.roles as { role: string }[]).map(({ role }) => role),
      ['text'],
    );
  });

  it('lists the one before among those that fit, and the new one no more', async () => {
    // Leave them as they were, and the mapping that the dataset has is offered in its own place.
    const id = await upload(2);
    const patch = async (mapping: object) =>
      (await api.call('PATCH', `/datasets/${id}`, { mapping })).body.alternatives;
    assert.deepEqual(await patch(PLAIN), [QUESTION_AND_ANSWER]);
    assert.deepEqual(await patch(QUESTION_AND_ANSWER), [PLAIN]);
  });

  it('has one profile made, however many ask for it at once', async () => {
    const id = await upload(200);
    const answers = await Promise.all(Array.from({ length: 12 }, () => api.call('GET', `/datasets/${id}/profile`)));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    const kept = await until('the profile to be kept', async () => (await Dataset.findByPk(id))?.profile);
    assert.equal(kept.rows, 200);
  });

  it('trains an accepted run with the mapping that it was accepted with, and the next one with the new one', async () => {
    // Before, the mapping was read from the dataset when the run's data was prepared.
    const id = await upload(20);
    const create = async () => {
      const job = { name: 'job', dataset_id: id, model_name: 'none/such' };
      const { status, body } = await api.call('POST', '/jobs/', job);
      assert.equal(status, 201, JSON.stringify(body));
      return Number(body.run_id);
    };
    const before = await create();
    assert.equal((await api.call('PATCH', `/datasets/${id}`, { mapping: PLAIN })).status, 200);
    const after = await create();
    const mappingOf = async (runId: number) => {
      const { spec } = await Run.findByPk(runId, { rejectOnEmpty: true });
      const [found] = await findSources(spec.traits.flatMap(({ datasets }) => datasets));
      return found?.source.mapping;
    };
    assert.deepEqual([await mappingOf(before), await mappingOf(after)], [QUESTION_AND_ANSWER, PLAIN]);
  });
});
