import assert from 'node:assert/strict';
import { join } from 'node:path';
import OpenAI, { toFile } from 'openai';
import { openingOf } from '../../src/activities/trackers/told-of-run.ts';
import { OpenAiJob } from '../../src/models/openai/openai-job.ts';
import { Run } from '../../src/models/runs/run.ts';
import { trackerEnvironment } from '../../src/models/trackers/configured-trackers.ts';
import { TrackerDelivery } from '../../src/models/trackers/tracker-delivery.ts';
import { loadEnv } from '../../src/platform/env.ts';
import { ensureTrackerPython } from '../../src/platform/python.ts';
import { startSender } from '../../src/trainer/tracker-sender.ts';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';
import { TINY_MODEL } from '../support/service.ts';
import { putTinyModel } from '../support/tiny-models.ts';
import { readBack } from '../support/trackers.ts';
import { chats } from './examples.ts';
import { checkedFetch } from './their-schemas.ts';

const WANDB = { project: 'tones', name: 'first try', entity: 'support', tags: ['tone', 'small'] };
const asIntegration = (wandb: object) => [{ type: 'wandb', wandb }];

describe("integrations of a fine-tuning job, by OpenAI's client", function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let without: ApiOnly;
  let training_file: string;

  const clientAt = ({ url }: ApiOnly) =>
    new OpenAI({ baseURL: `${url}/v1`, apiKey: 'any', maxRetries: 0, fetch: checkedFetch });
  const create = async (integrations: unknown, at = api) =>
    await clientAt(at).fineTuning.jobs.create({
      model: TINY_MODEL,
      training_file,
      integrations,
    } as OpenAI.FineTuning.JobCreateParams);

  before(async () => {
    database = await startTestDatabase();
    const models = { modelCache: join(database.home, 'models') };
    api = await startTestApi(database, { ...models, wandbDir: join(database.home, 'wandb') });
    without = await startTestApi(database, { ...models, wandbDir: undefined });
    await putTinyModel({ ...api.env, python: loadEnv().python }, 'tiny-random');
    const file = await toFile(Buffer.from(chats(12)), 'rows.jsonl');
    training_file = (await clientAt(api).files.create({ file, purpose: 'fine-tune' })).id;
  });

  after(async () => {
    await api?.close();
    await without?.close();
    await database?.remove();
  });

  /** What W&B's tracker is told of a run when it begins. */
  async function toldOf(run: Run) {
    const [delivery, ...more] = await TrackerDelivery.findAll({ where: { run_id: run.id } });
    assert.ok(delivery && more.length === 0);
    assert.equal(delivery.tracker, 'wandb');
    return await openingOf(api.env, run, delivery);
  }

  async function runsOf(id: string): Promise<Run[]> {
    const { job_id } = await OpenAiJob.findByPk(id, { rejectOnEmpty: true });
    return await Run.findAll({ where: { job_id }, order: ['number'] });
  }

  it('are shown as they were asked for, and name the runs in the file of W&B, also that of a retry', async () => {
    // Leave `wandb` out of what createFineTuningJob keeps, and none is shown; leave `project`, `entity` or `tags` out in to_wandb.py, and
    // the file has the service's own.
    const { id, integrations, hyperparameters } = await create(asIntegration(WANDB));
    assert.deepEqual(integrations, asIntegration(WANDB));
    assert.deepEqual(Object.keys(hyperparameters).sort(), ['batch_size', 'learning_rate_multiplier', 'n_epochs']);
    const { data } = await clientAt(without).fineTuning.jobs.list();
    assert.deepEqual(data[0]?.integrations, asIntegration(WANDB));

    const [run] = await runsOf(id);
    assert.ok(run);
    const python = await ensureTrackerPython({ env: api.env, onProgress: (line) => console.log(line) });
    const logFile = join(api.env.home, 'logs', 'trackers.log');
    const environment = trackerEnvironment(api.env, 'wandb');
    const sender = await startSender({ python, tracker: 'wandb', environment, logFile });
    try {
      const { externalId } = await sender.open(await toldOf(run));
      const end = { status: 'FINISHED', at_ms: Date.now(), last_step: 0, summary: {}, tags: {} } as const;
      await sender.close({ ...end, artifacts: { model: 'file:///nowhere' } });
      assert.deepEqual((await readBack(api.env, 'wandb', externalId)).named, WANDB);
    } finally {
      sender.kill();
    }

    // Let openingOf look for the first run alone, and the retry is in the service's project.
    const job = `/jobs/${run.job_id}`;
    assert.equal((await api.call('POST', `${job}/cancel`)).status, 200);
    const retried = await api.call('POST', `${job}/start`);
    assert.ok(retried.status < 300, JSON.stringify(retried.body));
    const again = (await runsOf(id))[1];
    assert.ok(again);
    const { name, wandb } = await toldOf(again);
    assert.deepEqual({ ...wandb, name }, WANDB);
  });

  it('have the id of the job for a name where there is none; without them W&B is told of nothing', async () => {
    const { id, integrations } = await create(asIntegration({ project: 'tones' }));
    const shown = { project: 'tones', name: null, entity: null, tags: [] };
    assert.deepEqual(integrations, asIntegration(shown));
    const [run] = await runsOf(id);
    assert.ok(run);
    assert.equal((await toldOf(run)).name, id);
    for (const none of [undefined, null, []]) {
      const job = await create(none);
      assert.deepEqual(job.integrations, []);
      const [first] = await runsOf(job.id);
      assert.equal(await TrackerDelivery.count({ where: { run_id: Number(first?.id) } }), 0);
    }
  });

  it('are refused where W&B is not configured, and as what its client would not take, before anything is created', async () => {
    // Take requireConfigured out of createFineTuningJob or a rule out of Integrations, and its row is a job.
    const before = await OpenAiJob.count();
    const one = (wandb: object) => asIntegration({ ...WANDB, ...wandb });
    const cases: [integrations: unknown, param: string, code: string | null, message: RegExp, at?: ApiOnly][] = [
      [
        asIntegration(WANDB),
        'integrations',
        'invalid_value',
        /"wandb" is not configured here.* MTM_WANDB_DIR/,
        without,
      ],
      [[{ type: 'comet', wandb: WANDB }], 'integrations.0.type', null, /is "comet": must be "wandb"/],
      [[{ type: 'wandb' }], 'integrations.0.wandb', null, /integrations\.0\.wandb is required/],
      [[...one({}), ...one({})], 'integrations', null, /must have one at most/],
      [one({ project: undefined }), 'integrations.0.wandb.project', null, /project is required/],
      [one({ project: 'a/b' }), 'integrations.0.wandb.project', null, /is "a\/b": must have none of the characters/],
      [one({ project: 'x'.repeat(129) }), 'integrations.0.wandb.project', null, /128/],
      [one({ tags: ['tone', 'x'.repeat(65)] }), 'integrations.0.wandb.tags.1', null, /64/],
      [one({ group: 'g' }), 'integrations.0.wandb.group', null, /Unknown body field "group"/],
    ];
    for (const [integrations, param, code, message, at] of cases)
      await assert.rejects(create(integrations, at), (error: unknown) => {
        assert.ok(error instanceof OpenAI.BadRequestError, String(error));
        assert.deepEqual([error.param, error.code, error.type], [param, code, 'invalid_request_error'], error.message);
        assert.match(error.message, message);
        return true;
      });
    assert.equal(await OpenAiJob.count(), before);
  });
});
