/**
 * `npm test`: all suites, then a line `N passed, N failed`. `npm test -- FILE...`: these test files alone, and those below folders. Needs Node and Python only: what else the tests use (Temporal, the trainer's Python) is installed inside the
 * project folder first.
 */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { childEnv, loadEnv, PROJECT_ROOT } from '../src/platform/env.ts';
import { ensureExportPackages } from '../src/platform/export-packages.ts';
import { ensureTrainerPython } from '../src/platform/python.ts';
import { ensureChromium } from './support/browser.ts';
import { startSharedServers } from './support/shared-servers.ts';

interface Count {
  passed: number;
  failed: number;
  /** Name and error of each. */
  failing?: string[];
  tests?: { name: string; seconds: number }[];
}

const SLOWEST = 10;

/** At once, since they wait for processes and their timeouts much of the time. More would wait for each other on two cores. */
const FILES_AT_ONCE = 3;
/** As `nice` counts: what waits for nobody's answer leaves the cores to tests of a service, which has to answer in time. */
const BEHIND_OTHERS = 5;
/** The longest ones first, so that none of them runs alone at the end. */
const SPECS = ['tests/{chaos,fuzz}/*.test.ts', 'tests/service/*.test.ts', 'tests/!(chaos|fuzz|service)/**/*.test.ts'];

const env = loadEnv();
const python = await ensureTrainerPython({ env, onProgress: (line) => console.log(line) });
// Once, and not by each of the tests that export.
const MTM_EXPORT_PACKAGES = await ensureExportPackages({ env, python, onProgress: (line) => console.log(line) });
const files = await Promise.all(process.argv.slice(2).map(filesOf));
if (files.length === 0 || files.some((file) => file.includes('tests/page')))
  await ensureChromium((line) => console.log(line));
const servers = await startSharedServers();
// They are in sessions of their own, and would live on. A signal may come twice, as from `timeout`: to this process, and to its group.
const asked = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => asked.abort());
asked.signal.addEventListener('abort', () => void servers.stop().finally(() => process.exit(1)));
const scratch = await mkdtemp(join(tmpdir(), 'mtm-test-'));
const suites =
  files.length > 0
    ? { node: () => runMocha(files) }
    : {
        node: () => runMocha(['--parallel', '--jobs', String(FILES_AT_ONCE), ...SPECS]),
        trainer: waitFor(runUnittest()),
      };

try {
  const total = { passed: 0, failed: 0, failing: [] as string[], tests: [] as { name: string; seconds: number }[] };
  for (const [name, run] of Object.entries(suites)) {
    console.log(`\n== ${name}`);
    const { passed, failed, failing = [], tests = [] } = await run();
    total.passed += passed;
    total.failed += failed;
    total.failing.push(...failing);
    total.tests.push(...tests);
  }
  console.log(`\nThe ${SLOWEST} slowest tests:`);
  const bySeconds = total.tests.sort((a, b) => b.seconds - a.seconds);
  for (const { name, seconds } of bySeconds.slice(0, SLOWEST))
    console.log(`${seconds.toFixed(1).padStart(7)} s  ${name}`);
  // Once more where they are found: whoever reads the end of a long log looks for them there.
  for (const test of total.failing) console.log(`\nfailed: ${test}`);
  console.log(`\n${total.passed} passed, ${total.failed} failed`);
  process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
} finally {
  await servers.stop();
  await rm(scratch, { recursive: true, force: true });
}

/** What mocha finds: of a folder its tests, not its modules. */
async function filesOf(argument: string): Promise<string> {
  const found = await stat(argument).catch(() => null);
  return found?.isDirectory() ? join(argument, '**', '*.test.ts') : argument;
}

async function runMocha(args: string[]): Promise<Count> {
  const report = join(scratch, 'mocha.json');
  const { exitCode } = await execa(
    process.execPath,
    [
      'node_modules/mocha/bin/mocha.js',
      '--reporter',
      'tests/support/counting-reporter.cjs',
      '--reporter-option',
      `counts=${report}`,
      ...args,
    ],
    {
      cwd: PROJECT_ROOT,
      stdio: 'inherit',
      reject: false,
      // Several trainers at once on few cores: threads that spin for each other's turn would take it from them.
      env: childEnv({
        ...servers.variables,
        MTM_PYTHON: python,
        MTM_EXPORT_PACKAGES,
        MTM_LOG_LEVEL: 'fatal',
        MTM_TRAINER_THREADS: '1',
      }),
    },
  );
  return await readCount(report, exitCode);
}

/** Beside the first files of the other suite, which mostly wait; what it prints comes when it is its turn. */
async function runUnittest(): Promise<{ said: string; count: Count }> {
  const report = join(scratch, 'unittest.json');
  const running = execa(python, ['-m', 'trainer.tests', report], {
    cwd: PROJECT_ROOT,
    env: { MTM_EXPORT_PACKAGES },
    stdin: 'ignore',
    all: true,
    reject: false,
  });
  if (running.pid) setPriority(running.pid, BEHIND_OTHERS);
  const { exitCode, all } = await running;
  return { said: all, count: await readCount(report, exitCode) };
}

function waitFor(running: Promise<{ said: string; count: Count }>): () => Promise<Count> {
  return async () => {
    const { said, count } = await running;
    console.log(said);
    return count;
  };
}

/** A suite that ends without its report, or with a bad exit code and no failed test, counts as one failure. */
async function readCount(report: string, exitCode: number | undefined): Promise<Count> {
  const text = await readFile(report, 'utf8').catch(() => null);
  if (text === null) return { passed: 0, failed: 1 };
  const count = JSON.parse(text) as Count;
  return exitCode !== 0 && count.failed === 0 ? { ...count, failed: 1 } : count;
}
