import assert from 'node:assert/strict';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { COMPLETE, SHARDED } from '../support/base-models.ts';
import { startHost } from '../support/hosts.ts';
import { Hub } from '../support/hub.ts';
import { downloadsOf, filesOf } from '../support/model-downloads.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, TINY_MODEL, until } from '../support/service.ts';
import { onSmallDisk } from '../support/small-disk.ts';

const TOKEN = 'hf_secret_of_the_tests';

describe('models that are fetched from a hub', function () {
  this.timeout(360_000);
  let hub: Hub;
  let service: TestService;
  let remove: () => Promise<void>;
  let downloads: ReturnType<typeof downloadsOf>;

  before(async () => {
    hub = await Hub.start();
    process.env.HF_TOKEN = TOKEN;
    ({ service, remove } = await startTestService({ hubEndpoint: hub.url }));
    delete process.env.HF_TOKEN;
    downloads = downloadsOf(service);
  });
  after(async () => {
    await hub?.stop();
    await remove?.();
  });
  afterEach(() => {
    hub.trouble = () => undefined;
    hub.refusal = null;
    hub.sendUpTo(Number.POSITIVE_INFINITY);
  });

  async function added(name: string, more: object = {}): Promise<number> {
    const { status, body } = await downloads.add(name, more);
    assert.equal(status, 201, JSON.stringify(body));
    return Number(body.id);
  }
  const models = async () => {
    const { items } = (await service.call('GET', '/models/')).body as { items: Record<string, unknown>[] };
    return new Map(items.map((model) => [String(model.name), model]));
  };
  const snapshotOf = (name: string, commit: string) =>
    join(service.env.modelCache, `models--${name.replace('/', '--')}`, 'snapshots', commit);
  /** What is kept of downloads that are no models. */
  const left = () => readdir(join(service.env.modelCache, '.downloading')).catch(() => []);

  it('are usable when they are there, and were asked for once', async () => {
    const files: Record<string, string | Buffer> = {
      ...filesOf(3_000_000),
      'generation_config.json': '{ }',
      'chat_template.jinja': '{{ messages }}',
      LICENSE: 'free',
      'modeling_own.py': 'boom()',
      'pytorch_model.bin': Buffer.alloc(20_000),
      'pytorch_model.bin.index.json': '{}',
      'consolidated.safetensors': Buffer.alloc(20_000),
      'original/params.json': '{}',
      'model-q4.gguf': Buffer.alloc(20_000),
    };
    const { commit } = hub.add('org/model', files);
    const both = await Promise.all([downloads.add('org/model'), downloads.add('org/model')]);
    assert.deepEqual(both.map(({ status }) => status).sort(), [200, 201]);
    const id = Number(both[0].body.id);
    assert.equal(both[1].body.id, id);
    const done = await downloads.ended(id, 'completed');
    assert.equal(done.commit, commit);
    assert.equal(done.license, 'apache-2.0');
    assert.deepEqual([done.files_done, done.bytes_done], [7, done.bytes_total]);
    assert.deepEqual((await readdir(snapshotOf('org/model', commit))).sort(), [
      'LICENSE',
      'README.md',
      'chat_template.jinja',
      'config.json',
      'generation_config.json',
      'model.safetensors',
      'tokenizer.json',
    ]);
    const weights = join(snapshotOf('org/model', commit), 'model.safetensors');
    assert.ok((await lstat(weights)).isSymbolicLink());
    assert.ok((await readFile(weights)).equals(files['model.safetensors'] as Buffer));
    const model = (await models()).get('org/model');
    assert.equal(model?.available, true);
    assert.equal(model?.revision, commit);
    // The reference to its commit as well.
    assert.equal(model?.disk_bytes, Number(done.bytes_total) + commit.length);
    assert.equal((await downloads.add('org/model')).status, 200);
    // Its row says completed a moment before.
    await until('what it had fetched to be removed', async () => ((await left()).length === 0 ? true : null));
    // Let _chunks_of (trainer/base_models/hub_files.py) keep the header for every host, and the other server is sent the token.
    const elsewhere = hub.asked.filter(({ isCdn }) => isCdn);
    assert.ok(elsewhere.length > 0 && elsewhere.every(({ token }) => !token));
    assert.ok(hub.asked.some(({ isCdn, token }) => !isCdn && token));
  });

  it('of which the cache has files already are fetched without them', async () => {
    const files = filesOf(2_000_000);
    hub.add('org/again', files);
    await downloads.ended(await added('org/again'), 'completed');
    const sentBefore = hub.sent.get('model.safetensors');
    const { commit } = hub.add('org/again', { ...files, 'README.md': '# Another\n' });
    const done = await downloads.ended(await added('org/again', { revision: commit }), 'completed');
    assert.equal(done.commit, commit);
    assert.equal(hub.sent.get('model.safetensors'), sentBefore);
    assert.equal(await readFile(join(snapshotOf('org/again', commit), 'README.md'), 'utf8'), '# Another\n');
  });

  it('in shards come with those that the index names', async () => {
    const { commit } = hub.add('org/shards', { ...SHARDED, 'model-3-of-2.safetensors': 'not named' });
    await downloads.ended(await added('org/shards'), 'completed');
    const names = await readdir(snapshotOf('org/shards', commit));
    assert.deepEqual(names.filter((name) => name.endsWith('.safetensors')).sort(), [
      'model-1-of-2.safetensors',
      'model-2-of-2.safetensors',
    ]);
    assert.equal((await models()).get('org/shards')?.available, true);
  });

  it('go on at the byte where a connection broke off, and say why they wait', async () => {
    const files = filesOf(6_000_000);
    hub.add('org/torn', files);
    hub.sent.clear();
    hub.trouble = ({ name, from }) =>
      name === 'model.safetensors' && from < 5_000_000 ? { tearAfter: 2_000_000 } : undefined;
    const id = await added('org/torn');
    const waiting = await downloads.reached('waiting', id, ({ waiting_for }) => waiting_for !== null);
    assert.match(String(waiting.waiting_for), /The connection to 127\.0\.0\.1:\d+ failed/);
    await downloads.ended(id, 'completed');
    // Let _fetch_rest (trainer/base_models/hub_files.py) begin with output.truncate(0), and more is sent.
    assert.equal(hub.sent.get('model.safetensors'), (files['model.safetensors'] as Buffer).length);
  });

  it('with a wrong hash are fetched once more, then refused with the file and both hashes', async () => {
    const files = filesOf(2_000_000);
    const weights = files['model.safetensors'] as Buffer;
    const wrong = Buffer.from(weights);
    wrong[1_500_000] = (wrong[1_500_000] ?? 0) ^ 1;
    hub.add('org/wrong', files);
    hub.sent.clear();
    hub.trouble = ({ name }) => (name === 'model.safetensors' ? { content: wrong } : undefined);
    const id = await added('org/wrong');
    // Let is_right (trainer/base_models/hub_files.py) compare sizes alone, and it completes.
    const failed = await downloads.ended(id, 'failed');
    assert.match(
      String(failed.error_message),
      /^model\.safetensors of org\/wrong is not what the hub says: .* hash [0-9a-f]{64}, and came twice otherwise \(\d+ bytes with [0-9a-f]{64}, then/,
    );
    assert.equal(hub.sent.get('model.safetensors'), 2 * weights.length);
    assert.ok(!(await models()).has('org/wrong'));
    hub.trouble = () => undefined;
    // Asked for again, it goes on: its other files are there.
    const again = await downloads.add('org/wrong');
    assert.deepEqual([again.status, again.body.id], [200, id]);
    await downloads.ended(id, 'completed');
    assert.equal((await models()).get('org/wrong')?.available, true);
  });

  it('that are gated say what to accept where, and come in once that is done', async () => {
    hub.add('org/gated', filesOf(20_000));
    hub.refusal = { status: 403, code: 'GatedRepo' };
    const id = await added('org/gated');
    const { error_message } = await downloads.ended(id, 'failed');
    assert.equal(
      error_message,
      `org/gated is gated: accept its terms on ${hub.url}/org/gated with your account, which the token of this host (HF_TOKEN) has no access by yet, then resume the download.`,
    );
    hub.token = TOKEN;
    assert.equal((await downloads.act(id, 'resume')).status, 200);
    await downloads.ended(id, 'completed');
    hub.token = null;
  });

  const REFUSED: [string, Record<string, string | Buffer> | null, object, RegExp][] = [
    ['that are not there', null, {}, /^There is no model org\/refused-0 on .*Look at the name/],
    ['of a revision that is not there', COMPLETE, { revision: 'v9' }, /has no revision 'v9'/],
    [
      'without weights in safetensors',
      { 'config.json': '{"model_type":"llama"}', 'pytorch_model.bin': Buffer.alloc(99) },
      {},
      /has no weights that transformers reads from safetensors .* It has pytorch_model\.bin/,
    ],
    [
      'that need code of their own',
      { ...COMPLETE, 'config.json': '{"model_type":"own","auto_map":{}}' },
      {},
      /is of the type own .* transformers has no code for/,
    ],
  ];
  for (const [index, [what, files, more, sentence]] of REFUSED.entries())
    it(`${what} are refused before their weights are fetched`, async () => {
      const name = `org/refused-${index}`;
      if (files) hub.add(name, files);
      hub.sent.clear();
      const { error_message } = await downloads.ended(await added(name, more), 'failed');
      assert.match(String(error_message), sentence);
      assert.equal(hub.sent.get('model.safetensors'), undefined);
      assert.ok(!(await models()).has(name));
    });

  it('wait for a hub that asks for fewer requests, or fails, and say so', async () => {
    for (const [status, sentence] of [
      [429, /asks for fewer requests \(HTTP 429\)/],
      [503, /fails for now \(HTTP 503\)/],
    ] as const) {
      const name = `org/busy-${status}`;
      hub.add(name, COMPLETE);
      hub.refusal = { status, headers: { 'Retry-After': '1' } };
      const id = await added(name);
      const { waiting_for, status: shown } = await downloads.reached('waiting', id, (one) => one.waiting_for !== null);
      assert.match(String(waiting_for), sentence);
      assert.equal(shown, 'running');
      hub.refusal = null;
      assert.equal((await downloads.ended(id, 'completed')).waiting_for, null);
    }
  });

  it('can be paused, resumed and cancelled', async () => {
    const files = filesOf(8_000_000);
    const length = (files['model.safetensors'] as Buffer).length;
    hub.add('org/paused', files);
    hub.sent.clear();
    hub.sendUpTo(3_000_000);
    const id = await added('org/paused');
    await downloads.reached('half there', id, ({ bytes_done }) => bytes_done >= 3_000_000);
    assert.equal((await service.call('DELETE', '/models/org/paused')).status, 409);
    // Let noteProgress (src/models/base-models/download-transitions.ts) write whatever the status is, and its process goes on.
    assert.equal((await downloads.act(id, 'pause')).body.status, 'paused');
    await until('its process to end', async () => ((await hubIsLeft()) ? true : null));
    hub.sendUpTo(Number.POSITIVE_INFINITY);
    assert.equal((await downloads.act(id, 'resume')).body.status, 'pending');
    await downloads.ended(id, 'completed');
    assert.equal(hub.sent.get('model.safetensors'), length);
    assert.equal((await downloads.act(id, 'pause')).status, 400);

    // Of those that failed, which may be resumed.
    const leftBefore = (await left()).length;
    hub.add('org/cancelled', filesOf(8_000_000));
    hub.sendUpTo(3_000_000);
    const other = await added('org/cancelled');
    await downloads.reached('half there', other, ({ bytes_done }) => bytes_done >= 3_000_000);
    assert.equal((await downloads.act(other, 'pause')).body.status, 'paused');
    assert.equal((await left()).length, leftBefore + 1);
    assert.equal((await downloads.act(other, 'cancel')).body.status, 'cancelled');
    await until('what it had fetched to be removed', async () => ((await left()).length === leftBefore ? true : null));
    assert.ok(!(await models()).has('org/cancelled'));
  });

  /** Whether nobody fetches from the hub any more. */
  async function hubIsLeft(): Promise<boolean> {
    const { items } = (await service.call('GET', '/model-downloads/')).body as { items: { status: string }[] };
    return !items.some(({ status }) => status === 'running') && !hub.isSending();
  }

  it('pause for a disk that is full or becomes so, and go on by themselves when there is room', async () => {
    const files = filesOf(40_000_000);
    const length = (files['model.safetensors'] as Buffer).length;
    hub.add('org/large', files);
    hub.sent.clear();
    await onSmallDisk(service.env.modelCache, '100m', async (disk) => {
      // Let begin (trainer/download_model.py) raise no NoRoom, and it is fetched onto a disk that is too small for what else it has to hold.
      const id = await added('org/large');
      const paused = await downloads.ended(id, 'paused');
      assert.match(String(paused.waiting_for), /needs 0\.31 GB on the disk of .*, and 0\.10 GB are\. Make room/);
      assert.equal(hub.sent.get('model.safetensors'), undefined);
      hub.sendUpTo(20_000_000);
      await disk.resize('500m');
      await downloads.reached('half there', id, ({ bytes_done }) => bytes_done >= 20_000_000);
      await disk.fill();
      hub.sendUpTo(20_100_000);
      // Let bring and of_this_machine (trainer/download_model.py) not tell ENOSPC apart, and it is tried again and again unpaused.
      const full = await downloads.ended(id, 'paused');
      assert.match(String(full.waiting_for), /Make room/);
      hub.sendUpTo(Number.POSITIVE_INFINITY);
      await disk.resize('500m');
      await downloads.ended(id, 'completed');
      const sent = Number(hub.sent.get('model.safetensors'));
      assert.ok(sent <= length + 100_000, `${sent} bytes of ${length} were sent`);
      assert.equal((await models()).get('org/large')?.available, true);
    });
  });

  it('are deleted, unless a run uses them', async () => {
    hub.add('org/deleted', filesOf(50_000));
    await downloads.ended(await added('org/deleted'), 'completed');
    assert.equal((await service.call('DELETE', '/models/org/deleted')).status, 204);
    assert.ok(!(await models()).has('org/deleted'));
    assert.equal((await service.call('DELETE', '/models/org/deleted')).status, 404);
    // Its folder would have a longer name than file systems take.
    assert.equal((await service.call('DELETE', `/models/${'x'.repeat(255)}`)).status, 400);
    assert.equal((await service.call('POST', '/models/', { name: 'no name' })).status, 400);
    assert.equal((await downloads.add('org/deleted')).status, 201);

    const dataset = await service.upload('rows.csv', csvRows(20));
    const job = await service.call('POST', '/jobs/', {
      name: 'job',
      dataset_id: dataset.body.id,
      model_name: TINY_MODEL,
    });
    // Let deleteModel (src/commands/base-models/delete-model.ts) not ask for runs, and it is gone under one that waits.
    const refused = await service.call('DELETE', `/models/${TINY_MODEL}`);
    assert.equal(refused.status, 409);
    assert.match(String(refused.body.detail), new RegExp(`used by job-${job.body.id}-run-1\\. Wait`));
    await service.call('POST', `/jobs/${job.body.id}/cancel`);
  });

  it('go to the host that is named, where there are several', async () => {
    const agent = await startHost(service, 'gpu-2');
    try {
      hub.add('org/placed', COMPLETE);
      const refused = await until('the other host to be there', async () => {
        const answer = await downloads.add('org/placed', { host: 'gpu-3' });
        return String(answer.body.detail).includes('gpu-2') ? answer : null;
      });
      assert.equal(refused.status, 400);
      const unnamed = await downloads.add('org/placed');
      assert.equal(unnamed.status, 400);
      assert.match(String(unnamed.body.detail), /"host": "gpu-2" or "test-host"/);
      await downloads.ended(await added('org/placed', { host: 'gpu-2' }), 'completed');
    } finally {
      await agent.stop();
    }
  });

  it('leave the token nowhere', async () => {
    const logs = join(service.env.home, 'logs');
    for (const name of await readdir(logs)) {
      if (!name.endsWith('.log')) continue;
      assert.ok(!(await readFile(join(logs, name), 'utf8')).includes(TOKEN), name);
    }
    assert.ok(!JSON.stringify(await service.call('GET', '/model-downloads/?page_size=100')).includes(TOKEN));
  });
});
