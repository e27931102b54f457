import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { bodyOf } from '../api/client.ts';
import type { Export, NewExport } from '../api/types.ts';
import { CommandFailure, EXIT } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { createBar } from '../terminal/bar.ts';
import { leavingByCtrlC } from '../terminal/leaving.ts';
import { bytes } from '../terminal/numbers.ts';
import { columns } from '../terminal/table.ts';
import { downloadFiles } from './download.ts';
import type { RunName } from './run-name.ts';

const LOOK_EVERY_MS = 1_000;
const OPEN = ['pending', 'running'];
/** How much of an export is done when a stage begins. */
const DONE_BEFORE = { merging: 0, converting: 0.1, quantising: 0.4, verifying: 0.7, pushing: 0 };

interface ExportOptions extends NewExport {
  public?: true;
  watch?: true;
  download?: string | true;
}

/** `mtm export ID`: asks for a model in another format. With `watch` or `download` until that has ended; the exit code tells how. */
export async function askForExport(session: Session, name: RunName, options: ExportOptions): Promise<void> {
  const { watch, download, public: isPublic, ...wanted } = options;
  if (download !== undefined && wanted.format === 'hub')
    throw new CommandFailure(
      'A push has no files to download. Leave out --download; --watch waits for its end.',
      EXIT.usage,
    );
  const { params } = placeOf(name);
  const body = isPublic ? { ...wanted, private: false } : wanted;
  const { client, print } = session;
  const asked = await bodyOf(
    name.kind === 'job'
      ? client.POST('/api/v1/jobs/{id}/exports', { params, body })
      : client.POST('/api/v1/projects/{id}/exports', { params, body }),
  );
  if (!watch && download === undefined)
    return print(asked, () => `${textOf(asked)}\n\`mtm exports ${name.kind}-${name.id}\` shows how far it is.`);
  const done = await watchExport(session, name, asked);
  if (download === undefined) return print(done, () => told(done));
  const { kind, id } = name;
  const urlOf = (file: string) =>
    `${session.server.url}/api/v1/${kind}s/${id}/exports/${done.id}/files/${file}?run=${done.run_number}`;
  const folder = await downloadFiles(session, done.files, download === true ? '.' : download, urlOf);
  print(done, () => `${told(done)}\n${done.files.map(({ path }) => join(folder, path)).join('\n')}`);
}

/** `mtm exports ID`: those of a run, newest first. */
export async function listExports({ client, print }: Session, name: RunName): Promise<void> {
  const { params } = placeOf(name);
  const page = await bodyOf(
    name.kind === 'job'
      ? client.GET('/api/v1/jobs/{id}/exports', { params })
      : client.GET('/api/v1/projects/{id}/exports', { params }),
  );
  print(page, () => (page.items.length > 0 ? columns(page.items.map(cellsOf)) : 'Nothing was exported.'));
}

function placeOf({ id, run }: RunName) {
  return { params: { path: { id }, query: run === undefined ? {} : { run } } };
}

/** Until it has ended. Ctrl-C leaves the watch; the export goes on. */
async function watchExport({ client }: Session, { kind, id }: RunName, begun: Export): Promise<Export> {
  const params = { path: { id, export_id: begun.id }, query: { run: begun.run_number } };
  const left = leavingByCtrlC();
  const bar = createBar();
  let now = begun;
  try {
    while (OPEN.includes(now.status) && !left.signal.aborted) {
      bar.show(partOf(now), textOf(now), now.waiting_for ?? '');
      await after(LOOK_EVERY_MS, null, { signal: left.signal }).catch(() => {});
      now = await bodyOf(
        kind === 'job'
          ? client.GET('/api/v1/jobs/{id}/exports/{export_id}', { params })
          : client.GET('/api/v1/projects/{id}/exports/{export_id}', { params }),
      );
    }
  } finally {
    bar.end();
    left.end();
  }
  if (left.signal.aborted && OPEN.includes(now.status))
    throw new CommandFailure('Left. The export goes on.', EXIT.left);
  if (now.status === 'failed') throw new CommandFailure(now.error_message ?? 'The export failed.', EXIT.failed);
  return now;
}

function partOf({ stage, progress }: Export): number {
  return stage === null ? 0 : DONE_BEFORE[stage] + (stage === 'pushing' ? 1 : 0.3) * (progress ?? 0);
}

function told(done: Export): string {
  return [done.verification_summary, ...done.warnings].filter(Boolean).join('\n');
}

function textOf(each: Export): string {
  return cellsOf(each).filter(Boolean).join('  ');
}

function cellsOf(each: Export): string[] {
  const { id, format, quantization, repository, status, stage, files, error_message, waiting_for, pushed } = each;
  const size = files.reduce((sum, file) => sum + file.bytes, 0);
  const how = stage === null ? status : `${status}, ${stage}`;
  const where = pushed?.url ?? bytes(size || null) ?? '';
  return [String(id), format, quantization ?? repository ?? '', how, where, error_message ?? waiting_for ?? ''];
}
