import assert from 'node:assert/strict';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startService } from '../../src/processes/start/start.ts';
import { assertWeights, jobsOf, stepsIn } from '../support/jobs.ts';
import { csvRows } from '../support/rows.ts';
import { clientOf, startTestService, type TestService } from '../support/service.ts';

/** 26 hours apart: wherever it is whatever time, one of them has the day after the other's, or the one after that. */
const ZONES = ['Etc/GMT+12', 'Pacific/Kiritimati'] as const;
const DATED = 'mtm/dated';

describe('a model whose chat template writes the day', function () {
  this.timeout(360_000);
  let service: TestService;
  let remove: () => Promise<void>;
  const zone = process.env.TZ;

  before(async () => {
    process.env.TZ = ZONES[0];
    ({ service, remove } = await startTestService());
    await putDatedModel(service.env.modelCache);
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
  });

  after(async () => {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
    await service?.stop();
    await remove?.();
  });

  it('is trained with the same weights by workers of another time zone, where it is another day', async () => {
    // Take the trainer's clock in place of the run's day (_now in trainer/chats/rendering.py), and the rest is trained on other texts.
    const datasetId = Number((await service.upload('rows.csv', csvRows(80))).body.id);
    const first = jobsOf(service, datasetId);
    const options = { model_name: DATED, epochs: 4, save_steps: 10 };
    // Asked for on the same day: the second waits for the worker, and meets the other zone alone.
    const [id, other] = [await first.create(options), await first.create(options)];
    await first.atStep(id, 15);
    await service.stop();
    await forgetTokens(service.env.home);

    process.env.TZ = ZONES[1];
    const running = await startService(service.env, () => {});
    service = { ...running, env: service.env, ...clientOf(running.apiUrl) };
    const second = jobsOf(service, datasetId);
    const [done, undisturbed] = [await second.ended(id), await second.ended(other)];
    assertWeights(done, undisturbed);
    assert.ok((stepsIn(await second.eventsOf(id), 'resumed')[0] ?? 0) >= 10);
    const card = await readFile(join(String(done.output_path), 'README.md'), 'utf8');
    assert.match(card, new RegExp(`it wrote that of ${String(done.created_at).slice(0, 10)}`));
  });
});

async function putDatedModel(cache: string): Promise<void> {
  const dated = join(cache, 'models--mtm--dated');
  await cp(join(cache, 'models--mtm--tiny-random-llama'), dated, { recursive: true });
  for (const revision of await readdir(join(dated, 'snapshots'))) {
    const template = join(dated, 'snapshots', revision, 'chat_template.jinja');
    await writeFile(template, `{{ strftime_now('%d %b %Y') }} ${await readFile(template, 'utf8')}`);
  }
}

/** A run that goes on takes them as they were made. */
async function forgetTokens(home: string): Promise<void> {
  const found = (await readdir(join(home, 'runs'), { recursive: true })).filter((name) => /tokens-.*\.npz$/.test(name));
  assert.ok(found.length > 0);
  for (const name of found) await rm(join(home, 'runs', name));
}
