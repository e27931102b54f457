import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { Context } from 'koa';
import { BUILT } from '../../platform/built-files.ts';
import { ifThere } from '../../platform/files.ts';
import { ApiError } from '../http/errors.ts';
import type { Routes } from '../http/routes.ts';

/** First parts of the page's addresses; web/src/screens.tsx says which screen each shows. All are answered with the same document. */
const SCREENS = [
  'compare',
  'datasets',
  'jobs',
  'keys',
  'models',
  'new',
  'projects',
  'queue',
  'runs',
  'settings',
  'storage',
  'sweeps',
];

/** The build names files after their content, so what has such a name never changes. */
const FILE_NAME = /^[\w.-]+$/;
const FOR_EVER = 'public, max-age=31536000, immutable';

/** The page (web/), as bin/build.mjs built it. Open: its files hold no secrets, and ask the API with the visitor's key. */
export function addPage(routes: Routes): void {
  const show = (path: string, handle: (ctx: Context) => Promise<void>) =>
    routes.add({ method: 'get', path, open: true, handle });
  show('/', sendDocument);
  for (const screen of SCREENS) for (const path of [`/${screen}`, `/${screen}/*rest`]) show(path, sendDocument);
  show('/assets/:name', sendAsset);
}

async function sendDocument(ctx: Context): Promise<void> {
  await send(ctx, 'index.html');
  ctx.set('Cache-Control', 'no-cache');
  if (ctx.fresh) ctx.status = 304;
}

async function sendAsset(ctx: Context): Promise<void> {
  const { name } = ctx.params as { name: string };
  if (!FILE_NAME.test(name)) throw new ApiError(404, `There is no ${ctx.path}.`);
  await send(ctx, join('assets', name));
  ctx.set('Cache-Control', FOR_EVER);
}

/** Compressed where the browser takes that: the build compresses each file once. @throws ApiError 404 */
async function send(ctx: Context, name: string): Promise<void> {
  const path = join(BUILT.page, name);
  ctx.vary('Accept-Encoding');
  const compressed = ctx.acceptsEncodings('gzip') ? await ifThere(readFile(`${path}.gz`)) : null;
  const content = compressed ?? (await ifThere(readFile(path)));
  if (content === null)
    throw new ApiError(404, `There is no ${ctx.path}. Load the page again: it may have been updated.`);
  ctx.status = 200;
  ctx.type = extname(name);
  if (compressed !== null) ctx.set('Content-Encoding', 'gzip');
  ctx.set('ETag', `"${createHash('sha256').update(content).digest('base64url')}"`);
  ctx.body = content;
}
