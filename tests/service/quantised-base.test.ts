import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { loadEnv, PROJECT_ROOT } from '../../src/platform/env.ts';
import { startService } from '../../src/processes/start/start.ts';
import { assertWeights, jobsOf, stepsIn } from '../support/jobs.ts';
import { csvRows } from '../support/rows.ts';
import { clientOf, startTestService, type TestService, TINY_MODEL } from '../support/service.ts';

const STORED = 'mtm/tiny-bnb-4bit';

describe('a base model that is stored in 4 bits', function () {
  this.timeout(360_000);
  let service: TestService;
  let remove: () => Promise<void>;

  before(async () => {
    ({ service, remove } = await startTestService());
    await putStored(service.env.modelCache);
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
  });

  after(async () => {
    await service?.stop();
    await remove?.();
  });

  it('is trained, goes on to the bit after a stop, and is published in 16 bits', async () => {
    const datasetId = Number((await service.upload('rows.csv', csvRows(80))).body.id);
    const first = jobsOf(service, datasetId);
    const options = { model_name: STORED, epochs: 4, save_steps: 10 };
    const [id, other] = [await first.create(options), await first.create(options)];
    await first.atStep(id, 15);
    await service.stop();

    const running = await startService(service.env, () => {});
    service = { ...running, env: service.env, ...clientOf(running.apiUrl) };
    const second = jobsOf(service, datasetId);
    const [done, undisturbed] = [await second.ended(id), await second.ended(other)];
    assertWeights(done, undisturbed);
    assert.ok((stepsIn(await second.eventsOf(id), 'resumed')[0] ?? 0) >= 10);
    const config = JSON.parse(await readFile(join(String(done.output_path), 'config.json'), 'utf8'));
    assert.equal(config.quantization_config, undefined);
    const left = (await readdir(join(service.env.home, 'runs'), { recursive: true })).filter((name) =>
      name.includes('base-in-16-bits'),
    );
    assert.deepEqual(left, []);
  });

  it('is refused where the way in which it is stored is not known', async () => {
    const snapshot = await snapshotOf(service.env.modelCache, STORED);
    const config = JSON.parse(await readFile(join(snapshot, 'config.json'), 'utf8'));
    config.quantization_config = { quant_method: 'gptq', bits: 4 };
    await writeFile(join(snapshot, 'config.json'), JSON.stringify(config));
    const { body } = await service.call('POST', '/projects/validate-model', { model_name: STORED });
    assert.equal(body.available, false);
    assert.match(String(body.errors), /weights are stored by gptq .* Take the same model in 16 bits/);
  });
});

async function putStored(cache: string): Promise<void> {
  const base = await snapshotOf(cache, TINY_MODEL);
  const folder = folderOf(cache, STORED);
  const code = `
import sys
from pathlib import Path
from trainer.tests.quantised import by_bitsandbytes
target = Path(sys.argv[2]) / "snapshots" / "stored"
target.parent.mkdir(parents=True)
by_bitsandbytes(Path(sys.argv[1]), target, "nf4")
(Path(sys.argv[2]) / "refs").mkdir()
(Path(sys.argv[2]) / "refs" / "main").write_text("stored")`;
  await execa(String(loadEnv().python), ['-c', code, base, folder], { cwd: PROJECT_ROOT });
}

async function snapshotOf(cache: string, name: string): Promise<string> {
  const folder = folderOf(cache, name);
  return join(folder, 'snapshots', await readFile(join(folder, 'refs', 'main'), 'utf8'));
}

function folderOf(cache: string, name: string): string {
  return join(cache, `models--${name.replace('/', '--')}`);
}
