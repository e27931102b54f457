import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { parse } from 'yaml';
import { PROJECT_ROOT } from '../../src/platform/env.ts';
import { choosePort } from '../../src/platform/ports.ts';
import { jobsOf, LONG_JOB } from '../support/jobs.ts';
import { type Scrape, scrape } from '../support/metrics.ts';
import { findPrometheus, type PrometheusTools, startPrometheus } from '../support/prometheus.ts';
import { metricsIn } from '../support/promql.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, TINY_MODEL, until } from '../support/service.ts';

const REQUEST_ID = 'a-request-of-the-test';
const FOLDER = join(PROJECT_ROOT, 'docs/monitoring');

interface Panel {
  title: string;
  targets?: { expr: string; datasource: { uid: string } }[];
}
interface Rules {
  groups: { rules: { alert: string; expr: string }[] }[];
}

const readPanels = async () =>
  (JSON.parse(await readFile(join(FOLDER, 'dashboard.json'), 'utf8')) as { panels: Panel[] }).panels;
const readAlerts = async () =>
  (parse(await readFile(join(FOLDER, 'alerts.yml'), 'utf8')) as Rules).groups.flatMap(({ rules }) => rules);

/** The expressions of the dashboard, with the job that a Prometheus of ours has, and of the alerts. */
async function expressions(): Promise<string[]> {
  const panels = (await readPanels()).flatMap(({ targets = [] }) => targets);
  const alerts = await readAlerts();
  return [...panels, ...alerts].map(({ expr }) => expr.replaceAll('$job', 'mtm'));
}

describe('a service that Prometheus watches', function () {
  this.timeout(240_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let last: Scrape;
  /** Of its own backups, of which there are metrics then. */
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mtm-test-monitored-'));
    ({ service, remove } = await startTestService({ logLevel: 'info', backupDir: folder }));
  });
  after(async () => {
    await remove?.();
    await rm(folder, { recursive: true, force: true });
  });

  it('tells during and after a training what the API tells, and counts once that its worker was killed', async () => {
    // Count a loss for each claim in counted-events.ts, or a claim where a run is published, or count events anew at each scrape, and it fails.
    const datasetId = Number((await service.upload('rows.csv', csvRows(110))).body.id);
    const jobs = jobsOf(service, datasetId);
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    const asked = { name: 'job', dataset_id: datasetId, model_name: TINY_MODEL, ...LONG_JOB, epochs: 4 };
    const { body: job } = await service.call('POST', '/jobs/', asked, { 'X-Request-Id': REQUEST_ID });
    const id = Number(job.id);
    await jobs.atStep(id, 50);
    const before = Number((await jobs.get(id)).current_step);
    // What is told may be of two seconds ago.
    const during = await until('a look at the step', async () => {
      const found = await scrape(service.apiUrl);
      return (found.value('mtm_run_step') ?? 0) >= before ? found : null;
    });
    const { current_step, total_steps } = await jobs.get(id);
    assert.ok((during.value('mtm_run_step') ?? 0) <= Number(current_step));
    assert.equal(during.value('mtm_run_steps'), total_steps);
    for (const name of ['loss', 'tokens_per_second', 'step_duration_seconds', 'lease_left_seconds', 'memory_bytes'])
      assert.ok((during.value(`mtm_run_${name}`) ?? 0) > 0, name);
    assert.equal(during.value('mtm_run_info', { job: String(id), host: 'test-host', device: 'cpu' }), 1);
    assert.equal(during.value('mtm_workers', { host: 'test-host', device: 'cpu', status: 'busy' }), 1);
    assert.equal(during.value('mtm_runs', { status: 'running', phase: 'training' }), 1);
    assert.ok((during.value('mtm_disk_free_bytes') ?? 0) > 0);

    const { body } = await service.call('GET', '/workers/');
    const [worker] = body.workers as { pid: number }[];
    assert.ok(worker);
    process.kill(worker.pid, 'SIGKILL');
    const done = await jobs.ended(id);
    assert.equal(done.status, 'completed', String(done.error_message));

    last = await until('the end to be counted', async () => {
      const found = await scrape(service.apiUrl);
      return found.value('mtm_runs_ended_total', { status: 'completed', training_type: 'qlora' }) ? found : null;
    });
    const told = await jobs.eventsOf(id);
    const saved = [...told.matchAll(/event: checkpoint\ndata: (.*)/g)].map(
      ([, data]) => JSON.parse(String(data)) as { bytes: number },
    );
    assert.equal(last.value('mtm_lease_losses_total'), 1);
    assert.equal(last.value('mtm_run_retries_total', { cause: 'worker_lost' }), 1);
    const claims = [...told.matchAll(/event: status\ndata: .*"status": ?"running".*"lease_epoch"/g)];
    assert.equal(last.value('mtm_lease_claims_total'), claims.length);
    assert.equal(last.value('mtm_checkpoints_total'), saved.length);
    assert.equal(
      last.value('mtm_checkpoint_bytes_total'),
      saved.reduce((sum, { bytes }) => sum + bytes, 0),
    );
    assert.equal(last.value('mtm_runs_ended_total', { status: 'failed', training_type: 'qlora' }), 0);
    assert.doesNotMatch(last.text, /^mtm_run_\w+\{.*run="/m);
    assert.ok(last.value('mtm_http_request_duration_seconds_count', { route: '/api/v1/jobs', method: 'POST' }));
  });

  it('logs lines of JSON, and joins in them what became of a request', async () => {
    // Install Temporal's DefaultLogger again, or leave the line out of the dispatcher or of under-lease.ts, and it fails.
    const folder = join(service.env.home, 'logs');
    const lines: Record<string, unknown>[] = [];
    for (const name of (await readdir(folder)).filter((each) => /^(api|orchestrator|host|worker-.*)\.log$/.test(each)))
      for (const line of (await readFile(join(folder, name), 'utf8')).split('\n').filter(Boolean))
        try {
          lines.push(JSON.parse(line));
        } catch {
          // What Python's libraries print when a worker has them loaded is theirs.
          assert.ok(name.startsWith('worker-'), `${name}: ${line}`);
        }
    const asked = lines.find(({ requestId }) => requestId === REQUEST_ID);
    assert.equal(asked?.route, '/api/v1/jobs/');
    const started = lines.find(({ jobId }) => jobId === asked?.id);
    const claims = lines
      .filter(({ runId, epoch, msg }) => runId === started?.runId && epoch !== undefined && msg === 'Claimed a run.')
      .sort((a, b) => Number(a.epoch) - Number(b.epoch));
    assert.equal(claims.length, last.value('mtm_lease_claims_total'));
    assert.deepEqual([...new Set(claims.map(({ workflowId }) => workflowId))], [started?.workflowId]);
    assert.deepEqual([claims[0]?.phase, claims.at(-1)?.phase], ['loading', 'validating']);
  });

  it('has every metric that the dashboard and the alerts name', async () => {
    // Misspell one in either file, and it fails.
    const types = new Map([...last.text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type]) => [name, type]));
    const known = new Set(['up', ...types.keys()]);
    for (const [name, type] of types)
      if (type === 'histogram') for (const part of ['bucket', 'count', 'sum']) known.add(`${name}_${part}`);
    const named = (await expressions()).flatMap(metricsIn);
    assert.deepEqual(
      [...new Set(named)].filter((name) => !known.has(name)),
      [],
    );
    const sources = (await readPanels()).flatMap(({ targets = [] }) => targets.map(({ datasource }) => datasource.uid));
    assert.deepEqual([...new Set(sources)], [`$\{datasource}`]);
  });

  it('is read by Prometheus itself, with our configuration, and each expression has an answer', async () => {
    const tools = await findPrometheus();
    if ('missing' in tools) return console.log(`      not shown here: ${tools.missing}`);
    const folder = await mkdtemp(join(tmpdir(), 'mtm-test-prometheus-'));
    try {
      await checkFiles(tools, last.text);
      await watch(tools, folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  async function checkFiles({ promtool }: PrometheusTools, text: string): Promise<void> {
    // An interval of 0 s for an alert, a metric without help or of a name against the conventions, and they fail.
    await execa(promtool, ['test', 'rules', 'alerts.test.yml'], { cwd: FOLDER });
    const checked = await execa(promtool, ['check', 'metrics'], { input: text, reject: false, all: true });
    // Node's own, by prom-client: gauges whose names end in _total.
    const ours = checked.all.split('\n').filter((line) => line !== '' && !/^nodejs_/.test(line));
    assert.deepEqual(ours, []);
  }

  async function watch(tools: PrometheusTools, folder: string): Promise<void> {
    const at = (name: string) => join(folder, name);
    const given = await readFile(join(FOLDER, 'prometheus.yml'), 'utf8');
    const config = given
      .replaceAll('15s', '1s')
      .replace('/etc/prometheus/alerts.yml', join(FOLDER, 'alerts.yml'))
      .replace('/etc/prometheus/mtm-key', at('key'))
      .replace('api:8000', new URL(service.apiUrl).host);
    await Promise.all([writeFile(at('prometheus.yml'), config), writeFile(at('key'), 'none')]);
    await execa(tools.promtool, ['check', 'config', at('prometheus.yml')]);
    const { query, stop, child } = startPrometheus(tools, at('prometheus.yml'), at('data'), await choosePort(0));
    try {
      // Prometheus asks for OpenMetrics before all else.
      await until(
        'a scrape of the service',
        async () => {
          const answer = await query('mtm_build_info').catch(() => null);
          return answer?.data.result.length ? true : null;
        },
        30_000,
      );
      assert.equal(
        (await query('mtm_runs_ended_total{status="completed",training_type="qlora"}')).data.result[0]?.value[1],
        '1',
      );
      for (const expression of await expressions()) {
        const answer = await query(expression);
        assert.equal(answer.status, 'success', `${expression}: ${answer.error}`);
      }
    } finally {
      stop();
      await until('Prometheus to end', async () => (child.exitCode ?? child.signalCode) !== null || null);
    }
  }
});
