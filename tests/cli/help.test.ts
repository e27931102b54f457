import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { execa } from 'execa';
import { sharesOf } from '../../src/cli/jobs/train.ts';
import { newFrom } from '../../src/cli/runs/logs.ts';
import { exitCodeOf } from '../../src/cli/runs/watch.ts';
import { leavingByCtrlC } from '../../src/cli/terminal/leaving.ts';
import { commandLineOf } from '../support/command-line.ts';

const SHELLS = ['bash', 'zsh', 'fish'];

describe('the command line, without a service', function () {
  this.timeout(60_000);
  let folder: string;
  let cli: ReturnType<typeof commandLineOf>;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mtm-test-'));
    cli = commandLineOf(folder, {});
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('has a help that fits a screen, and names every group', async () => {
    // Add a command with a summary of 60 characters, and its line is too long.
    const { stdout, exitCode } = await cli.mtm('--help');
    const lines = stdout.split('\n');
    assert.ok(lines.length <= 24, `${lines.length} lines`);
    for (const line of lines) assert.ok(line.length <= 80, line);
    for (const group of ['Service', 'Data', 'Train', 'Look', 'Models', 'Help'])
      assert.match(stdout, new RegExp(`^${group} `, 'm'));
    assert.equal(exitCode, 0);
  });

  it('has an option for every setting of a job that the API documents', async () => {
    // Leave a field out in `optionsOf` (src/cli/jobs/hyperparameter-options.ts) and its option is missing.
    const document = JSON.parse((await cli.mtm('openapi')).stdout);
    const { stdout } = await cli.mtm('train', '--help');
    const ours = ['name', 'description', 'dataset_id', 'validation_dataset_id', 'model_name', 'training_type'];
    for (const field of Object.keys(document.components.schemas.JobCreate.properties).filter(
      (each) => !ours.includes(each),
    ))
      assert.ok(stdout.includes(`--${field.replaceAll('_', '-')}`), field);
  });

  it('says how a wrong command is meant, with exit code 2', async () => {
    for (const [args, says] of [
      [['statsu'], /unknown command 'statsu'\s+\(Did you mean status\?\)/],
      [['run', 'watch', 'seven'], /Give job-1, project-2, or a run of one as job-1-run-3/],
      [['train', 'rows.csv', '--epochs', 'two'], /Give a number/],
      // Leave the suggestion out of SuggestingCommand (src/cli/program.ts), and nothing is spelled alike.
      [['train', 'rows.csv', '--steps', '4'], /unknown option '--steps'\n\(Did you mean .*--max-steps.*\?\)/],
      [['train', 'rows.csv', '--weights', 'fp8'], /Allowed choices are fp32, bf16/],
      [['project', 'create'], /required option '-f, --file <project\.yaml>' not specified/],
      [['worker'], /Usage: mtm worker/],
    ] as const) {
      const { exitCode, stderr, stdout } = await cli.mtm(...args);
      assert.equal(exitCode, 2, args.join(' '));
      assert.match(stderr, says);
      assert.equal(stdout, '');
    }
  });

  it('says what to do where nothing answers, with exit code 3, and shows a stack for --debug alone', async () => {
    const none = commandLineOf(folder, { MTM_SERVER: 'http://127.0.0.1:1' });
    const { exitCode, stderr } = await none.mtm('status');
    assert.equal(exitCode, 3);
    assert.equal(
      stderr,
      'Nothing answers at http://127.0.0.1:1. Start the service with `mtm up`, or name another address with --server or MTM_SERVER.',
    );
    assert.match((await none.mtm('status', '--debug')).stderr, /\n\s+at /);
  });

  it('completes in bash, zsh and fish', async () => {
    for (const shell of SHELLS) {
      const { stdout, exitCode } = await cli.mtm('completion', shell);
      assert.equal(exitCode, 0);
      assert.match(stdout, /mtm complete -- /, shell);
      const script = join(folder, shell);
      await writeFile(script, stdout);
      const checked = await execa(shell, ['-n', script], { reject: false });
      // zsh and fish are not on every machine.
      if (checked.code !== 'ENOENT') assert.equal(checked.exitCode, 0, `${shell}: ${checked.stderr}`);
    }
    assert.match((await cli.mtm('complete', '--', 'dataset', '')).stdout, /^preview\t/m);
    assert.match((await cli.mtm('complete', '--', 'train', '--act')).stdout, /^--activation-checkpointing/m);
  });

  it('has a JSON schema of project files, in which a dataset may be a path', async () => {
    const schema = JSON.parse((await cli.mtm('project', 'schema')).stdout);
    const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
    const projectOf = (share: object) => ({
      ...{ name: 'p', output_directory: 'p', base_model: 'm' },
      traits: [{ trait_type: 'coding', datasets: [{ percentage: 100, ...share }] }],
    });
    assert.ok(validate(projectOf({ dataset: 'rows.csv' })), JSON.stringify(validate.errors));
    assert.ok(validate(projectOf({ dataset_id: 1 })), JSON.stringify(validate.errors));
    assert.ok(!validate(projectOf({})), 'neither');
    assert.ok(!validate({ ...projectOf({ dataset_id: 1 }), epoch: 3 }), 'an unknown field');
  });

  it('ends no service that is not there', async () => {
    const { exitCode, stdout } = await cli.mtm('down');
    assert.deepEqual([exitCode, stdout], [0, `No service runs for ${folder}.`]);
  });

  it('mixes files by their rows, to exactly 100 percent', () => {
    assert.deepEqual(sharesOf([1, 1, 1]), [33.34, 33.33, 33.33]);
    assert.deepEqual(sharesOf([120, 80]), [60, 40]);
  });

  it('ends a watch with the outcome', () => {
    const outcomes = [
      ['completed', 'better', 0],
      ['completed', null, 0],
      ['completed', 'worse', 5],
      ['failed', null, 1],
      ['cancelled', null, 4],
    ] as const;
    for (const [status, verdict, code] of outcomes) assert.equal(exitCodeOf({ status, verdict }), code, status);
  });

  it('leaves once for a Ctrl-C that comes twice, as npx passes it on', () => {
    // Listen once in src/cli/terminal/leaving.ts, and the second signal ends the process before its last sentence.
    const before = process.rawListeners('SIGINT');
    const left = leavingByCtrlC();
    const ours = process.rawListeners('SIGINT').filter((each) => !before.includes(each));
    for (const _ of [1, 2]) ours[0]?.call(process, 'SIGINT');
    left.end();
    assert.deepEqual([left.signal.aborted, process.listenerCount('SIGINT')], [true, before.length + 1]);
    for (const each of ours) process.removeListener('SIGINT', each as () => void);
    leavingByCtrlC().end();
    assert.equal(process.listenerCount('SIGINT'), before.length);
  });

  it('shows of a log that grew what is new', () => {
    assert.equal(newFrom(['a', 'b', 'b'], ['b', 'b', 'c']), 2);
    assert.equal(newFrom([], ['a']), 0);
    assert.equal(newFrom(['a'], ['x', 'y']), 0);
  });
});
