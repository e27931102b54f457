import assert from 'node:assert/strict';
import { literal } from 'sequelize';
import { Host } from '../../../src/models/pool/host.ts';
import { newWorker, Worker } from '../../../src/models/pool/worker.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';

interface Pool {
  hosts: {
    name: string;
    status: string;
    devices: string[];
    workers: number;
    free_slots: number | null;
    disks: object[];
  }[];
  deaths: { worker_id: string; reason: string | null; at: string }[];
}

/** Leave `lost_at: null` out of present-hosts.ts, or the order out of present-deaths.ts, and one of these fails. */
describe('hosts and deaths of GET /workers/', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
  });

  after(async () => {
    await api?.close();
    await database?.remove();
  });

  const pool = async () => (await api.call('GET', '/workers/')).body as unknown as Pool;
  const ago = (hours: number) => literal(`now() - interval '${hours} hours'`);

  async function host(name: string, devices: string[], lastReport: ReturnType<typeof ago> | null = null) {
    await Host.report({ name, agentPid: 1, devices, startedAt: new Date() });
    if (lastReport !== null) await Host.update({ heartbeat_at: lastReport as never }, { where: { name } });
  }

  it('are none where nothing has reported yet', async () => {
    const { hosts, deaths } = await pool();
    assert.deepEqual([hosts, deaths], [[], []]);
  });

  it('say which machines there are, also without workers, and what room each has', async () => {
    await host('cpu-1', ['cpu']);
    await host('gpu-1', ['cuda:0', 'cuda:1']);
    await host('gpu-2', ['cuda:0'], ago(1));
    await host('sold', ['cuda:0'], ago(30));
    await Worker.create(newWorker('on-cpu', 'cpu-1'));
    await Worker.create(newWorker('on-gpu', 'gpu-1'));
    await Worker.create({ ...newWorker('lost', 'gpu-2'), status: 'error', lost_at: new Date(), reason: 'Its host.' });
    const { hosts } = await pool();
    assert.deepEqual(
      hosts.map(({ name, status, devices, workers, free_slots }) => [name, status, devices, workers, free_slots]),
      [
        ['cpu-1', 'up', ['cpu'], 1, null],
        ['gpu-1', 'up', ['cuda:0', 'cuda:1'], 1, 1],
        ['gpu-2', 'away', ['cuda:0'], 0, 1],
      ],
    );
  });

  it('say what is free of their disks, and which is short', async () => {
    // Compare the other way round in present-hosts.ts, and it fails.
    const memory = { bytes: 8e9, available_bytes: 8e9, cpu: 'Some CPU', cpu_has_bf16: true, gpus: [] };
    const [home, models] = [
      { path: '/data', holds: ['home' as const, 'outputs' as const], bytes: 1e12, free_bytes: 5e9 },
      { path: '/cache', holds: ['models' as const], bytes: 1e10, free_bytes: 4.9e9 },
    ];
    const disks = [home, models];
    await Host.report({
      name: 'full',
      agentPid: 1,
      devices: ['cpu'],
      memory: { ...memory, disks },
      startedAt: new Date(),
    });
    const { hosts } = await pool();
    const found = (name: string) => hosts.find((each) => each.name === name)?.disks;
    assert.deepEqual(found('full'), [
      { ...home, is_short: false },
      { ...models, is_short: true },
    ]);
    assert.deepEqual(found('cpu-1'), [], 'an agent from before tells nothing');
    await Host.destroy({ where: { name: 'full' } });
  });

  it('tell the last ten deaths with their reasons, however long ago, and of no worker that was stopped', async () => {
    const ended = (id: string, status: 'error' | 'stopped', hours: number) =>
      Worker.create({
        ...newWorker(id, 'cpu-1'),
        desired: 'stopped',
        status,
        reason: `Reason of ${id}.`,
        stopped_at: new Date(Date.now() - hours * 3_600_000),
      });
    for (let n = 1; n <= 11; n++) await ended(`dead-${n}`, 'error', n);
    await ended('stopped', 'stopped', 0);
    const { deaths } = await pool();
    assert.deepEqual(
      deaths.map(({ worker_id }) => worker_id),
      ['lost', ...Array.from({ length: 9 }, (_, n) => `dead-${n + 1}`)],
    );
    assert.equal(deaths[1]?.reason, 'Reason of dead-1.');
  });
});
