/**
 * Compiles src/ and web/ into dist/, from which every process of the service is started, and its page served: compiled, a
 * process starts in half the time that it takes to compile at each start, and the workflows are bundled once instead of by
 * each orchestrator. `node bin/build.mjs` builds; bin/mtm and the tests call `build`, which does nothing where dist/ is of these sources.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const DIST = join(ROOT, 'dist');
/** What either half is compiled of beside its own sources. */
const OF_BOTH = ['bin/build.mjs', 'package-lock.json'];
const SERVICE = {
  folder: DIST,
  sources: ['src', 'temporal', 'examples/demo', ...OF_BOTH],
  compile: compileService,
  finish: writeDocument,
};
const PAGE = {
  folder: join(DIST, 'web'),
  sources: ['web/src', 'web/index.html', 'web/vite.config.ts', ...OF_BOTH],
  compile: compilePage,
};
/** Not the declarations that the type check of the page generates. */
const SOURCE_FILE = /(?<!\.d)\.(ts|tsx|css|svg|json)$/;
/** The processes that are started by a name of their own. */
const ENTRIES = {
  main: 'src/processes/mtm.ts',
  'data-process-main': 'src/processes/data-process.ts',
  'openapi-main': 'src/processes/openapi-document.ts',
};
const WORKFLOWS = join('src', 'workflows', 'index.ts');
const TRACED_WORKFLOWS = join('src', 'workflows', 'traced.ts');
/** Of which sources a folder is. */
const STAMP = 'sources.sha256';
/** A process that was started before a build still loads parts of the one before, and so does a page that is open. */
const KEEP_OLD_PARTS_MS = 7 * 24 * 3_600_000;
/** What compression makes no smaller. */
const LEAST_COMPRESSED_BYTES = 1_000;

/** Builds what is not of these sources already. Safe beside other builds and beside processes that run from it. */
export async function build() {
  await Promise.all([SERVICE, PAGE].map(buildHalf));
}

async function buildHalf({ folder, sources, compile, finish }) {
  const hash = await hashOf(sources);
  if ((await readIfThere(join(folder, STAMP))) === hash) return;
  const files = await compile();
  // The page's document last: it names the others.
  const names = [...files.keys()].sort((a, b) => Number(a === 'index.html') - Number(b === 'index.html'));
  for (const name of names) await put(join(folder, name), files.get(name));
  await finish?.();
  for (const part of new Set(names.map(dirname))) await removeOldParts(join(folder, part), part, files);
  await put(join(folder, STAMP), Buffer.from(hash));
}

async function compileService() {
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
    bundleWorkflowCode({
      workflowsPath: join(ROOT, WORKFLOWS),
      workflowInterceptorModules: [join(ROOT, TRACED_WORKFLOWS)],
      logger: new DefaultLogger('WARN'),
    }),
  ]);
  const files = new Map(compiled.outputFiles.map(({ path, contents }) => [relative(DIST, path), contents]));
  return files.set('workflows.js', Buffer.from(workflows.code));
}

/** What the API's endpoints declare, for the command line: its options come from there. By the defaults, whatever is set here. */
async function writeDocument() {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MTM_')));
  const { stdout } = await promisify(execFile)(process.execPath, [join(DIST, 'openapi-main.js')], {
    env,
    maxBuffer: 1 << 26,
  });
  await put(join(DIST, 'openapi.json'), Buffer.from(stdout));
}

/** The page's files, each also compressed, as most browsers take it: browsers ask for brotli on https alone. */
async function compilePage() {
  const { build: bundle } = await import('vite');
  const { output } = await bundle({ root: join(ROOT, 'web'), logLevel: 'warn', build: { write: false } });
  const files = new Map(
    output.map((part) => [part.fileName, Buffer.from(part.type === 'chunk' ? part.code : part.source)]),
  );
  for (const [name, content] of [...files]) {
    if (content.length >= LEAST_COMPRESSED_BYTES) files.set(`${name}.gz`, await promisify(gzip)(content, { level: 9 }));
  }
  return files;
}

async function hashOf(sources) {
  const hash = createHash('sha256');
  for (const source of sources) {
    const path = join(ROOT, source);
    const isFolder = (await stat(path)).isDirectory();
    const names = isFolder ? (await readdir(path, { recursive: true })).filter((name) => SOURCE_FILE.test(name)) : [''];
    for (const name of names.sort()) hash.update(`${source}/${name}\0`).update(await readFile(join(path, name)));
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
  await mkdir(dirname(path), { recursive: true });
  await writeFile(draft, content);
  await rename(draft, path);
}

async function removeOldParts(folder, part, files) {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isFile() || entry.name === STAMP || files.has(join(part, entry.name))) continue;
    const path = join(folder, entry.name);
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > KEEP_OLD_PARTS_MS) await rm(path, { force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
