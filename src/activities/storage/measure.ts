import { basename, join } from 'node:path';
import { Op, QueryTypes } from 'sequelize';
import { connection } from '../../models/runs/run.ts';
import { type Retention, STORAGE_KINDS, type StorageKind } from '../../models/storage/retention.ts';
import { type BigThing, type Figures, StorageFigure } from '../../models/storage/storage-figure.ts';
import type { Env } from '../../platform/env.ts';
import { sizeOf } from '../../platform/folder-size.ts';
import { type BigPlace, named } from './big-things.ts';
import { dueAt, type Held } from './kind.ts';
import { KINDS } from './kinds.ts';
import { currentRetention } from './remove-due.ts';

const HOUR_MS = 3_600_000;
/** It walks through folders: figures are as old as this at most. */
const MEASURE_EVERY_MS = 10 * 60_000;
const MOST_BIGGEST = 5;
/** Forecasts, in hours. */
const WITHIN_HOURS = { now: 0, day: 24, week: 7 * 24, month: 30 * 24 } as const;

/** What else takes room, and is never removed by a policy. */
export const OTHERS = ['uploads', 'datasets', 'outputs', 'base_models', 'database', 'histories'] as const;

/** Measures what was not measured for a while, one kind after the other, with a few things in memory at a time. */
export async function measureStorage(env: Env): Promise<void> {
  const recent = await StorageFigure.findAll({
    where: { measured_at: { [Op.gt]: new Date(Date.now() - MEASURE_EVERY_MS) } },
    attributes: ['kind'],
  });
  const isRecent = (kind: string) => recent.some((figure) => figure.kind === kind);
  const retention = await currentRetention(env);
  for (const kind of STORAGE_KINDS) if (!isRecent(kind)) await keep(kind, await measureKind(env, kind, retention));
  for (const other of OTHERS) if (!isRecent(other)) await keep(other, await measureOther(env, other));
}

/** Has these measured again at the next look: something about them was changed. */
export async function forgetFigures(kinds: readonly StorageKind[]): Promise<void> {
  await StorageFigure.destroy({ where: { kind: [...kinds] } });
}

async function keep(kind: string, figures: Figures): Promise<void> {
  await StorageFigure.upsert({ kind, figures, measured_at: new Date() });
}

async function measureKind(env: Env, kind: StorageKind, retention: Retention): Promise<Figures> {
  const figures = nothing();
  const { held: allOf, size } = KINDS[kind];
  for await (const found of allOf(env)) {
    const held = { ...found, bytes: found.bytes ?? (await size?.(env, found.thing)) ?? null };
    add(figures.held, held);
    if (held.pinned !== null) add(figures.pinned, held);
    const at = dueAt(kind, held, retention[kind]);
    for (const [within, hours] of Object.entries(WITHIN_HOURS))
      if (at !== null && at.getTime() < Date.now() + hours * HOUR_MS)
        add(figures.due[within as keyof typeof WITHIN_HOURS], held);
    figures.biggest = biggestOf([...figures.biggest, bigThing(held, at)]);
  }
  return figures;
}

async function measureOther(env: Env, other: (typeof OTHERS)[number]): Promise<Figures> {
  const figures = nothing();
  let biggest: BigPlace[] = [];
  const folders: Record<Exclude<typeof other, 'database'>, { of: string[]; isThing: (name: string) => boolean }> = {
    uploads: { of: [join(env.home, 'uploads')], isThing: () => true },
    datasets: { of: [join(env.home, 'datasets')], isThing: () => true },
    outputs: { of: env.outputRoots, isThing: (name) => /^(job|project)-\d+-run-\d+$/.test(name) },
    histories: { of: ['', '-wal', '-shm'].map((part) => join(env.home, `temporal.db${part}`)), isThing: () => false },
    base_models: { of: [env.modelCache], isThing: (name) => name.startsWith('models--') },
  };
  if (other === 'database') {
    const [row] = await connection().query<{ bytes: number }>(
      'SELECT pg_database_size(current_database())::bigint AS bytes',
      { type: QueryTypes.SELECT },
    );
    figures.held = { items: 1, bytes: Number(row?.bytes ?? 0) };
  } else
    for (const folder of folders[other].of) {
      const { files, bytes } = await sizeOf(folder, {
        isThing: folders[other].isThing,
        heard: (path, size) => {
          const thing = { name: basename(path), run_id: null, bytes: size, since: '', pinned: null, path };
          biggest = biggestOf([...biggest, thing]);
        },
      });
      figures.held.items += files;
      figures.held.bytes += bytes;
    }
  return { ...figures, biggest: await named(other, biggest) };
}

function nothing(): Figures {
  const none = () => ({ items: 0, bytes: 0 });
  return { held: none(), pinned: none(), due: { now: none(), day: none(), week: none(), month: none() }, biggest: [] };
}

function add(amount: { items: number; bytes: number }, { bytes }: Held): void {
  amount.items += 1;
  amount.bytes += Number(bytes ?? 0);
}

function bigThing({ name, run_id, bytes, since, pinned }: Held, dueAt: Date | null): BigThing {
  const due_at = dueAt?.toISOString() ?? null;
  return { name, run_id, bytes: Number(bytes ?? 0), since: since.toISOString(), pinned, due_at };
}

function biggestOf<Thing extends BigThing>(things: Thing[]): Thing[] {
  return things.sort((one, other) => other.bytes - one.bytes).slice(0, MOST_BIGGEST);
}

/** The biggest things that a person could remove, of all kinds, when they were measured last. */
export async function biggestThings(most: number): Promise<BigThing[]> {
  const figures = await StorageFigure.findAll({ where: { kind: STORAGE_KINDS } });
  const all = figures.flatMap(({ figures: { biggest } }) => biggest.filter(({ bytes }) => bytes > 0));
  return biggestOf(all).slice(0, most);
}
