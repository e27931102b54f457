import { randomUUID } from 'node:crypto';
import { bodyOf } from '../api/client.ts';
import type { Cleaned, CleanRequest, Storage } from '../api/types.ts';
import { type RunName, textOf } from '../runs/run-name.ts';
import type { Session } from '../session.ts';
import { bytes } from '../terminal/numbers.ts';
import { columns } from '../terminal/table.ts';

/** `mtm storage`: what takes what, and what goes when. */
export async function showStorage({ client, print }: Session): Promise<void> {
  const storage = await bodyOf(client.GET('/api/v1/storage'));
  print(storage, () => storageText(storage));
}

export function storageText({ kinds, others, disks, going }: Storage): string {
  const rows = kinds.map(({ kind, held, pinned, keep_days, frees }) => [
    kind,
    held ? (bytes(held.bytes) ?? '') : 'not measured yet',
    held ? `${held.items}` : '',
    pinned ? (bytes(pinned.bytes) ?? '') : '',
    keep_days === null ? 'for ever' : `${keep_days} days`,
    frees ? (bytes(frees.day.bytes) ?? '') : '',
    frees ? (bytes(frees.month.bytes) ?? '') : '',
  ]);
  const rest = others.map(({ name, held }) => [name, held ? (bytes(held.bytes) ?? '') : 'not measured yet']);
  return [
    columns([
      ['', 'takes', 'things', 'pinned', 'kept for', 'goes in 24 h', 'in 30 days'],
      ...rows,
      ...rest.map(padded),
    ]),
    ...disks.map(({ path, bytes: all, free_bytes }) => `${path}: ${bytes(free_bytes)} of ${bytes(all)} are free`),
    ...(going > 0 ? [`${going} things are being removed.`] : []),
  ].join('\n');
}

/** As long as the rows above it. */
function padded(row: string[]): string[] {
  return [...row, ...Array.from({ length: 7 - row.length }, () => '')];
}

/** `mtm storage clean [KIND…] [--dry-run]` */
export async function cleanStorage(
  { client, print }: Session,
  kinds: string[],
  { dryRun = false }: { dryRun?: boolean },
): Promise<void> {
  // What is no kind is refused by the service, which names those that there are.
  const chosen = kinds.length > 0 ? { kinds: kinds as NonNullable<CleanRequest['kinds']> } : {};
  const cleaned = await bodyOf(
    client.POST('/api/v1/storage/clean', {
      params: { header: { 'Idempotency-Key': randomUUID() } },
      body: { ...chosen, dry_run: dryRun },
    }),
  );
  // An answer that is not there yet was asked for again until it was.
  print(cleaned, () => cleanedText(cleaned as Cleaned));
}

function cleanedText({ dry_run, items, bytes: all, is_more }: Cleaned): string {
  if (items.length === 0) return 'Nothing is due.';
  const rows = items.map((item) => [bytes(item.bytes) ?? '', item.name, item.why]);
  const more = is_more ? ' More is due: ask again, or leave it to the next pass.' : '';
  return `${columns(rows)}\n${items.length} things, ${bytes(all)}, ${dry_run ? 'would go' : 'go now'}.${more}`;
}

/** `mtm storage removals` */
export async function listRemovals({ client, print }: Session, { page }: { page?: string }): Promise<void> {
  const query = page === undefined ? {} : { page: Number(page) };
  const removals = await bodyOf(client.GET('/api/v1/storage/removals', { params: { query } }));
  print(removals, () =>
    removals.items.length === 0
      ? 'Nothing was removed.'
      : columns(
          removals.items.map(({ decided_at, bytes: size, name, why, kept_because }) => [
            decided_at.slice(0, 16).replace('T', ' '),
            bytes(size) ?? '',
            name,
            kept_because === null ? why : `stays: ${kept_because}`,
          ]),
        ),
  );
}

const UNPINNED = 'is not pinned any more';

/** `mtm storage pin ID | unpin ID` */
async function pinRun({ client, print }: Session, name: RunName, pinned: boolean): Promise<void> {
  const params = { path: { id: name.id }, query: name.run === undefined ? {} : { run: name.run } };
  const body = { pinned };
  const pin = await bodyOf(
    name.kind === 'job'
      ? client.POST('/api/v1/jobs/{id}/pin', { params, body })
      : client.POST('/api/v1/projects/{id}/pin', { params, body }),
  );
  const before = pin.removed_before === null ? '' : ` Its checkpoints were ${pin.removed_before}.`;
  const now = pinned ? 'is pinned: no policy removes anything of it' : UNPINNED;
  print(pin, () => `${textOf({ ...name, run: pin.run_number })} ${now}.${before}`);
}

/** The same with --checkpoint STEP or --export N: of that alone. */
export async function pin(
  session: Session,
  name: RunName,
  part: { checkpoint?: number; export?: number },
  pinned: boolean,
): Promise<void> {
  if (part.checkpoint !== undefined) await pinCheckpoint(session, name, part.checkpoint, pinned);
  else if (part.export !== undefined) await pinExport(session, name, part.export, pinned);
  else await pinRun(session, name, pinned);
}

async function pinCheckpoint({ client, print }: Session, name: RunName, step: number, pinned: boolean) {
  const params = { path: { id: name.id, step }, query: name.run === undefined ? {} : { run: name.run } };
  const body = { pinned };
  const checkpoint = await bodyOf(
    name.kind === 'job'
      ? client.POST('/api/v1/jobs/{id}/checkpoints/{step}/pin', { params, body })
      : client.POST('/api/v1/projects/{id}/checkpoints/{step}/pin', { params, body }),
  );
  const now = pinned ? 'is pinned: neither its trainer nor a policy removes it' : UNPINNED;
  print(checkpoint, () => `The checkpoint of step ${step} of ${textOf(name)} ${now}.`);
}

async function pinExport({ client, print }: Session, name: RunName, id: number, pinned: boolean) {
  const params = { path: { id: name.id, export_id: id }, query: name.run === undefined ? {} : { run: name.run } };
  const body = { pinned };
  const made = await bodyOf(
    name.kind === 'job'
      ? client.POST('/api/v1/jobs/{id}/exports/{export_id}/pin', { params, body })
      : client.POST('/api/v1/projects/{id}/exports/{export_id}/pin', { params, body }),
  );
  const now = pinned ? 'is pinned: no policy removes it' : UNPINNED;
  print(made, () => `Export ${id} of ${textOf(name)} ${now}.`);
}
