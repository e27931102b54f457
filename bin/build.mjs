/**
 * Compiles src/ into dist/, from which every process of the service is started: compiled, a process starts in half the
 * time that it takes to compile at each start, and the workflows are bundled once instead of by each orchestrator.
 * `node bin/build.mjs` builds; bin/mtm and the tests call `build`, which does nothing where dist/ is of these sources.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const DIST = join(ROOT, 'dist');
/** What is compiled, and what decides how. */
const SOURCES = ['src', 'temporal', 'examples/demo', 'bin/build.mjs', 'package-lock.json'];
/** The processes that are started by a name of their own. */
const ENTRIES = { main: 'src/processes/mtm.ts', 'data-process-main': 'src/processes/data-process.ts' };
const WORKFLOWS = join('src', 'workflows', 'index.ts');
/** Of which sources dist/ is. */
const STAMP = join(DIST, 'sources.sha256');
/** A process that was started before a build still loads parts of the one before. */
const KEEP_OLD_PARTS_MS = 7 * 24 * 3_600_000;

/** Builds dist/ unless it is of these sources already. Safe beside other builds and beside processes that run from it. */
export async function build() {
  const sources = await hashOfSources();
  if ((await readIfThere(STAMP)) === sources) return;
  // Loaded only where they are needed: an image runs what was built into it.
  const [esbuild, { bundleWorkflowCode, DefaultLogger }] = await Promise.all([
    import('esbuild'),
    import('@temporalio/worker'),
  ]);
  const [compiled, workflows] = await Promise.all([
    esbuild.build({
      absWorkingDir: ROOT,
      entryPoints: ENTRIES,
      outdir: DIST,
      entryNames: '[name]',
      chunkNames: '[name]-[hash]',
      bundle: true,
      splitting: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
      target: 'node20.19',
      sourcemap: 'linked',
      write: false,
    }),
    bundleWorkflowCode({ workflowsPath: join(ROOT, WORKFLOWS), logger: new DefaultLogger('WARN') }),
  ]);
  const files = new Map(compiled.outputFiles.map(({ path, contents }) => [relative(DIST, path), contents]));
  files.set('workflows.js', Buffer.from(workflows.code));
  await mkdir(DIST, { recursive: true });
  for (const [name, content] of files) await put(join(DIST, name), content);
  await removeOldParts(files);
  await put(STAMP, Buffer.from(sources));
}

async function hashOfSources() {
  const hash = createHash('sha256');
  for (const source of SOURCES) {
    const path = join(ROOT, source);
    const names = (await stat(path)).isDirectory() ? await readdir(path, { recursive: true }) : [''];
    for (const name of names.filter((name) => name === '' || /\.(ts|json)$/.test(name)).sort())
      hash.update(`${source}/${name}\0`).update(await readFile(join(path, name)));
  }
  return hash.digest('hex');
}

async function readIfThere(path) {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Whoever reads it sees the old file or the new one. */
async function put(path, content) {
  const draft = `${path}.${process.pid}.new`;
  await writeFile(draft, content);
  await rename(draft, path);
}

async function removeOldParts(files) {
  for (const name of await readdir(DIST)) {
    if (files.has(name) || join(DIST, name) === STAMP) continue;
    const { mtimeMs } = await stat(join(DIST, name));
    if (Date.now() - mtimeMs > KEEP_OLD_PARTS_MS) await rm(join(DIST, name), { force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
