import assert from 'node:assert/strict';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { childEnv, loadEnv, PROJECT_ROOT } from '../../src/platform/env.ts';
import { choosePort } from '../../src/platform/ports.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, TINY_EMBEDDER, TINY_MODEL } from '../support/service.ts';
import { putTinyModel } from '../support/tiny-models.ts';

/**
 * The examples of the guides, as they are written. Break one by another name for an option in docs/training.md.
 * Models are the tiny ones of the tests under the names of the guides, and the address is that of a service of the test's own.
 */
const GUIDES = [
  'api',
  'cli',
  'data',
  'estimates',
  'exports',
  'mixing',
  'models',
  'operating',
  'promotion',
  'rag',
  'storage',
  'sweeps',
  'training',
  'workers',
];
/** The tiny models, and the names of the guides' models that they go by. */
const MODELS = [
  [TINY_MODEL, 'HuggingFaceTB/SmolLM2-135M-Instruct-dequantized-q4_1'],
  [TINY_EMBEDDER, 'sentence-transformers/all-MiniLM-L6-v2'],
] as const;
const COMMAND = join(PROJECT_ROOT, 'bin', 'mtm');
const ADDRESS = 'http://127.0.0.1:8000';
/** Files that the guides take for granted. */
const FILES = ['rows', 'sums', 'functions', 'searches', 'calls'];

describe('guides', function () {
  this.timeout(300_000);

  for (const guide of GUIDES)
    it(`${guide}.md: what it shows works`, async () => {
      const { files, scripts } = examplesOf(await readFile(join(PROJECT_ROOT, 'docs', `${guide}.md`), 'utf8'));
      assert.ok(scripts.length > 0, 'a guide has an example behind <!-- tested -->');
      const script = scripts.join('\n');
      const place = script.includes('mtm up') ? await emptyPlace() : await runningService();
      const folder = await mkdtemp(join(tmpdir(), 'mtm-test-'));
      try {
        for (const name of FILES) await writeFile(join(folder, `${name}.csv`), csvRows(24, name));
        for (const [name, content] of files) await writeFile(join(folder, name), content);
        await writeFile(join(folder, 'mtm'), `#!/bin/sh\nexec ${process.execPath} ${COMMAND} "$@"\n`, { mode: 0o755 });
        const { exitCode, all } = await execa(
          'bash',
          ['-euo', 'pipefail', '-c', script.replaceAll(ADDRESS, place.address)],
          {
            cwd: folder,
            env: childEnv({ ...place.variables, PATH: `${folder}:${process.env.PATH}` }),
            stdin: 'ignore',
            all: true,
            reject: false,
          },
        );
        assert.equal(exitCode, 0, all);
      } finally {
        await place.remove();
        await rm(folder, { recursive: true, force: true });
      }
    });
});

/** The scripts that are marked, and the files that a guide shows: a block whose first line is a comment with a name. */
function examplesOf(guide: string): { files: [name: string, content: string][]; scripts: string[] } {
  const blocks = [...guide.matchAll(/^(<!-- tested -->\n)?```\w+\n(.*?)^```$/gms)];
  const files: [string, string][] = [];
  const scripts: string[] = [];
  for (const [, tested, content = ''] of blocks) {
    const name = /^# ([\w-]+\.\w+)\n/.exec(content)?.[1];
    if (tested) scripts.push(content);
    else if (name) files.push([name, content]);
  }
  return { files, scripts };
}

interface Place {
  address: string;
  variables: Record<string, string>;
  remove: () => Promise<void>;
}

/** A service with the tiny models, under the names that the guides use. */
async function runningService(): Promise<Place> {
  const { service, remove } = await startTestService();
  const cache = service.env.modelCache;
  await putTinyModel({ ...service.env, python: loadEnv().python }, 'tiny-embedder');
  for (const [tiny, name] of MODELS) await rename(join(cache, folderOf(tiny)), join(cache, folderOf(name)));
  return {
    address: service.apiUrl,
    variables: { MTM_SERVER: service.apiUrl, MTM_HOME: service.env.home, HF_HUB_CACHE: cache },
    remove,
  };
}

/** Where a service can be started: an empty home and free ports. */
async function emptyPlace(): Promise<Place> {
  const home = await mkdtemp(join(tmpdir(), 'mtm-test-'));
  const port = String(await choosePort(0));
  const anyPort = { MTM_POSTGRES_PORT: '0', MTM_TEMPORAL_PORT: '0', MTM_TEMPORAL_UI_PORT: '0' };
  return {
    address: `http://127.0.0.1:${port}`,
    variables: { MTM_HOME: home, MTM_PORT: port, ...anyPort },
    remove: () => rm(home, { recursive: true, force: true }),
  };
}

function folderOf(model: string): string {
  return `models--${model.replace('/', '--')}`;
}
