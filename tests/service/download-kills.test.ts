import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Hub } from '../support/hub.ts';
import { downloadsOf, filesOf } from '../support/model-downloads.ts';
import { processesOf } from '../support/processes.ts';
import { clientOf, until } from '../support/service.ts';
import { killableService } from '../support/started-service.ts';

const NAME = 'org/model';
const WEIGHTS = 'model.safetensors';
const SIZE = 300_000_000;
/** As trainer/base_models/hub_files.py has it. */
const FLUSH_BYTES = 16 * 1024 ** 2;

describe('SIGKILL while a model of 300 MB is fetched', function () {
  this.timeout(360_000);
  let hub: Hub;
  const killable = killableService(async () => {
    hub = await Hub.start();
    return { hubEndpoint: hub.url };
  });
  after(() => hub?.stop());

  const start = async () => clientOf(await killable.start());

  async function kill(what: RegExp): Promise<void> {
    const found = (await processesOf(killable.env.home)).filter(({ command }) => what.test(command));
    assert.ok(found.length > 0, String(what));
    for (const { pid } of found) process.kill(pid, 'SIGKILL');
    await until('them to be gone', async () =>
      (await processesOf(killable.env.home)).some(({ pid }) => found.some((killed) => killed.pid === pid))
        ? null
        : true,
    );
  }

  it('of the host agent, of the orchestrator, and of everything: fetches no byte twice beyond the last flush', async () => {
    // Let _fetch_rest (trainer/base_models/hub_files.py) begin with output.truncate(0), or have a buffer, and more is sent.
    const files = filesOf(SIZE);
    const weights = files[WEIGHTS] as Buffer;
    const { commit } = hub.add(NAME, files);
    let client = await start();
    let downloads = downloadsOf(client);
    const isThere = async () => {
      const { items } = (await client.call('GET', '/models/')).body as { items: { name: string }[] };
      return items.some(({ name }) => name === NAME);
    };
    hub.sendUpTo(75_000_001);
    const id = Number(
      (
        await until('a host', async () => {
          const { status, body } = await downloads.add(NAME);
          return status === 201 ? body : null;
        })
      ).id,
    );
    const there = (bytes: number) => downloads.reached(`at ${bytes}`, id, ({ bytes_done }) => bytes_done >= bytes);

    await there(75_000_001);
    await kill(/main\.js host\s*$/);
    hub.sendUpTo(150_000_001);
    await there(150_000_001);
    assert.equal(await isThere(), false);

    await kill(/main\.js orchestrator\s*$/);
    hub.sendUpTo(225_000_001);
    await there(225_000_001);

    await kill(/./);
    assert.deepEqual(
      (await readdir(killable.env.modelCache)).filter((name) => name.startsWith('models--')),
      [],
    );
    client = await start();
    downloads = downloadsOf(client);
    assert.equal(await isThere(), false);
    hub.sendUpTo(Number.POSITIVE_INFINITY);
    const done = await downloads.ended(id, 'completed');
    assert.equal(done.commit, commit);
    assert.equal(await isThere(), true);

    const sent = Number(hub.sent.get(WEIGHTS));
    console.log(`      ${sent} bytes were sent of a file of ${weights.length}`);
    assert.ok(sent <= weights.length + FLUSH_BYTES, `${sent} bytes of ${weights.length} were sent`);
    const snapshot = join(killable.env.modelCache, 'models--org--model', 'snapshots', commit);
    assert.ok((await readFile(join(snapshot, WEIGHTS))).equals(weights));
    assert.deepEqual(await readdir(join(killable.env.modelCache, '.downloading')), []);
  });
});
