import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { literal } from 'sequelize';
import { EXIT } from '../../src/cli/exit-codes.ts';
import { Host } from '../../src/models/pool/host.ts';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { commandLineOf } from '../support/command-line.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';
import { TINY_MODEL } from '../support/service.ts';
import { putTinyModel } from '../support/tiny-models.ts';

/** Temporal is away: what is created waits, and a command ends where it would start a worker. */
describe('a training that cannot fit, by command line', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let cli: ReturnType<typeof commandLineOf>;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database, { modelCache: join(database.home, 'models') });
    await putTinyModel(api.env, 'tiny-random');
    const memory = { bytes: 7e8, available_bytes: 7e8, cpu: 'Some CPU', cpu_has_bf16: true, gpus: [] };
    await Host.report({ name: 'small', agentPid: 1, devices: ['cpu'], memory, startedAt: new Date() });
    // It is there for as long as the commands take.
    await Host.update({ heartbeat_at: literal("now() + interval '1 hour'") as never }, { where: { name: 'small' } });
    cli = commandLineOf(database.home, { MTM_SERVER: new URL(api.url).origin });
    for (const name of ['long', 'other']) {
      const rows = Array.from({ length: 20 }, (_, row) => `${name} ${row},${`word${row} `.repeat(2_000)}`);
      await writeFile(join(database.home, `${name}.csv`), ['input,output', ...rows].join('\n'));
    }
  });
  after(async () => {
    await api?.close();
    await database?.remove();
  });

  const LARGE = ['--model', TINY_MODEL, '--type', 'lora', '--batch-size', '64', '--max-length', '2048'];
  const train = (...args: string[]) => cli.mtm('train', ...args, ...LARGE);
  const total = async (kind: 'job' | 'project') => Number((await cli.json(kind, 'list')).total);

  const REFUSED = /^It does not fit, and was refused\. Take one of the changes above, or .* with --force\.$/m;

  it('is refused with what would fit, and with the option that goes on', async () => {
    const { exitCode, stderr } = await train('long.csv');
    assert.equal(exitCode, EXIT.failed, stderr);
    assert.match(stderr, /^Estimate: [\d.]+ GB of the 700\.0 MB of memory on small \(Some CPU\)/m);
    assert.match(stderr, /^Would fit: --batch-size \d+ --gradient-accumulation \d+ \(about [\d.]+ [GM]B\)$/m);
    assert.match(stderr, REFUSED);
    // Create it without a plan in jobCreate (src/cli/jobs/jobs.ts), and weights alone fit.
    const all = await cli.mtm('job', 'create', 'long.csv', ...LARGE, '--type', 'standard');
    assert.deepEqual([all.exitCode, REFUSED.test(all.stderr)], [EXIT.failed, true], all.stderr);
    assert.equal(await total('job'), 0);
  });

  it('is planned on a screen that says first that it does not fit', async () => {
    // Give asFields to planText in jobPlan (src/cli/jobs/jobs.ts), and no option is named.
    const { stdout } = await cli.mtm('job', 'plan', 'long.csv', ...LARGE);
    assert.match(
      stdout,
      /^It does not fit\.\nWhat would fit:\n {2}--batch-size \d+ --gradient-accumulation \d+ \(about/,
    );
    assert.match(stdout, /^Memory +[\d.]+ GB: activations [\d.]+ GB/m);
    assert.ok(stdout.split('\n').length <= 24, stdout);
  });

  it('goes on with it, also of several files', async () => {
    // Send `force` to POST /projects/ in trainProject (src/cli/jobs/train.ts), and it is refused as unknown.
    const job = await train('long.csv', '--force');
    assert.deepEqual([job.exitCode, await total('job')], [EXIT.unreachable, 1], job.stderr);
    // Leave the DELETE out of createAndStart (src/cli/projects/projects.ts), and a project stays that nobody can have wanted.
    const refused = await train('long.csv', 'other.csv');
    assert.deepEqual([refused.exitCode, await total('project')], [EXIT.failed, 0], refused.stderr);
    assert.match(refused.stderr, REFUSED);
    const project = await train('long.csv', 'other.csv', '--force');
    assert.equal(project.exitCode, EXIT.unreachable, project.stderr);
    assert.match(project.stdout, /^project-2 was created/);
    // The same rows, which the plan has counted.
    const { base_model, training_type, max_rows, hyperparameters, traits } = await cli.json(
      'project',
      'show',
      'project-2',
    );
    const { body: large } = await api.call('POST', '/projects/', {
      ...{ name: 'By hand', output_directory: 'by-hand', base_model, training_type, max_rows },
      ...(hyperparameters as object),
      traits: (traits as { id: number }[]).map(({ id: _, ...trait }) => trait),
    });
    const name = `project-${large.id}`;
    assert.match((await cli.mtm('project', 'start', name)).stderr, /would not fit into memory/);
    const started = await cli.mtm('project', 'start', name, '--force');
    assert.equal(started.exitCode, EXIT.unreachable, started.stderr);
    assert.notEqual((await cli.json('project', 'show', name)).run_id, null);
  });
});
