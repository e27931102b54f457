import assert from 'node:assert/strict';
import { QueryTypes } from 'sequelize';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { csvRows } from '../../support/rows.ts';
import { TINY_MODEL } from '../../support/service.ts';
import { putTinyModel } from '../../support/tiny-models.ts';

const KEY = 'an-admin-key-that-nobody-guesses-1234';
const AS_ADMIN = { Authorization: `Bearer ${KEY}` };

interface Event {
  kind: string;
  data: Record<string, unknown>;
}

describe('who asked for a training', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let datasetId: number;
  const as: Record<string, Record<string, string>> = {};
  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database, { apiKeys: [KEY] });
    await putTinyModel(api.env, 'tiny-random');
    datasetId = Number((await api.upload('rows.csv', csvRows(20), {}, AS_ADMIN)).body.id);
    for (const name of ['anna', 'ben']) {
      const { body } = await api.call('POST', '/keys/', { name, role: 'trainer' }, AS_ADMIN);
      as[name] = { Authorization: `Bearer ${body.key}` };
    }
  });
  after(async () => {
    await api?.close();
    await database?.remove();
  });

  const job = (name: string) => ({ name, dataset_id: datasetId, model_name: TINY_MODEL });
  const eventsOf = async (owner: 'job' | 'project', id: unknown): Promise<Event[]> =>
    await database.sequelize.query<Event>(
      `SELECT kind, data FROM run_events JOIN runs ON runs.id = run_id WHERE runs.${owner}_id = $id ORDER BY seq`,
      { bind: { id: Number(id) }, type: QueryTypes.SELECT },
    );

  it('is in its job, and in each event that somebody brought about, also of several that are created at once', async () => {
    // Have addJobs (src/models/jobs/add-job.ts) ask askedBy() instead of the job, and all of them are of one. Take the hook out of
    // run-event.ts, and only the first event says by whom.
    const both = await Promise.all(
      ['anna', 'ben', 'anna', 'ben'].map((name) => api.call('POST', '/jobs/', job(`of ${name}`), as[name])),
    );
    for (const { status, body } of both) {
      assert.equal(status, 201, JSON.stringify(body));
      const [, name] = String(body.name).split(' ');
      assert.equal(body.created_by, name);
      assert.equal((await eventsOf('job', body.id))[0]?.data.by, name);
    }
    const id = both[0]?.body.id;
    await api.call('POST', `/jobs/${id}/pause`, undefined, as.ben);
    await api.call('POST', `/jobs/${id}/resume`, undefined, as.anna);
    await api.call('POST', `/jobs/${id}/cancel`, undefined, as.ben);
    assert.deepEqual(
      (await eventsOf('job', id)).map(({ kind, data }) => [kind, data.by]),
      [
        ['status', 'anna'],
        ['pause', 'ben'],
        ['resume', 'anna'],
        ['status', 'ben'],
      ],
    );
    await api.call('POST', `/jobs/${id}/start`, { fresh: true }, AS_ADMIN);
    assert.equal((await eventsOf('job', id)).at(-1)?.data.by, 'MTM_API_KEYS #1');
  });

  it('is in projects and sweeps, with all of the jobs of these', async () => {
    const project = {
      ...{ name: 'p', base_model: TINY_MODEL, output_directory: 'p', max_rows: 20 },
      traits: [{ trait_type: 'coding', datasets: [{ dataset_id: datasetId, percentage: 100 }] }],
    };
    const { body: made } = await api.call('POST', '/projects/', project, as.anna);
    assert.equal(made.created_by, 'anna', JSON.stringify(made));
    const { body: started } = await api.call('POST', `/projects/${made.id}/start`, {}, as.ben);
    assert.equal(started.created_by, 'anna');
    assert.equal((await eventsOf('project', made.id))[0]?.data.by, 'ben');
    const { name: _, ...common } = job('');
    const { body: sweep } = await api.call(
      'POST',
      '/sweeps/',
      { name: 's', job: common, search: { method: 'grid', hyperparameters: { learning_rate: [0.001, 0.002] } } },
      as.ben,
    );
    assert.equal(sweep.created_by, 'ben', JSON.stringify(sweep));
    for (const { job_id } of sweep.runs as { job_id: number }[]) {
      const { body } = await api.call('GET', `/jobs/${job_id}`, undefined, AS_ADMIN);
      assert.deepEqual([body.created_by, (await eventsOf('job', job_id))[0]?.data.by], ['ben', 'ben']);
    }
  });

  it('is in what a client of OpenAI asks for', async () => {
    const form = new FormData();
    const line = JSON.stringify({
      messages: [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b' },
      ],
    });
    form.set('file', new Blob([`${line}\n`.repeat(12)]), 'chat.jsonl');
    form.set('purpose', 'fine-tune');
    const file = await fetch(`${api.url}/v1/files`, { method: 'POST', headers: as.anna ?? {}, body: form });
    const { id } = (await file.json()) as { id: string };
    const asked = await fetch(`${api.url}/v1/fine_tuning/jobs`, {
      method: 'POST',
      headers: { ...as.anna, 'Content-Type': 'application/json' },
      body: JSON.stringify({ model: TINY_MODEL, training_file: id }),
    });
    assert.equal(asked.status, 200, await asked.text());
    const { body } = await api.call('GET', '/jobs/?page_size=1', undefined, AS_ADMIN);
    const [newest] = body.items as { created_by: string }[];
    assert.equal(newest?.created_by, 'anna');
    const { body: audit } = await api.call('GET', '/audit/?who=anna&limit=2', undefined, AS_ADMIN);
    const rows = audit.items as { route: string; entity: { kind: string; id: string } }[];
    assert.deepEqual(
      rows.map(({ route, entity }) => [route, entity.kind, /^(ftjob|file)-/.test(entity.id)]),
      [
        ['/v1/fine_tuning/jobs', 'fine-tuning job', true],
        ['/v1/files', 'file', true],
      ],
    );
  });
});
