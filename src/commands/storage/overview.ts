import { QueryTypes } from 'sequelize';
import { OTHERS } from '../../activities/storage/measure.ts';
import { currentRetention } from '../../activities/storage/remove-due.ts';
import { connection } from '../../models/runs/run.ts';
import { TrainingConfig } from '../../models/settings/training-config.ts';
import { Removal } from '../../models/storage/removal.ts';
import { RETENTION, STORAGE_KINDS } from '../../models/storage/retention.ts';
import { type Figures, StorageFigure } from '../../models/storage/storage-figure.ts';
import { type Disk, disksOf } from '../../platform/disks.ts';
import type { Env } from '../../platform/env.ts';

/** In words, what of the rest of the disk is what. */
const OTHERS_IN_WORDS: Record<(typeof OTHERS)[number], string> = {
  uploads: 'files as they were uploaded, also those of uploaded_originals',
  datasets: 'datasets as Parquet, and conversations made of them',
  outputs: 'published models and bundles, with those that are being made',
  base_models: 'base models in the Hugging Face cache, which other programs may use as well',
  database: 'the database of the service',
  histories:
    'histories of workflows in the local Temporal server, which drops those that ended 90 days ago; none where TEMPORAL_ADDRESS names another server',
};

/** Something that a person keeps from every policy. */
export interface Pin {
  what: 'run' | 'checkpoint' | 'export';
  run: string;
  step: number | null;
  export_id: number | null;
}

const MOST_PINS = 200;

/** Each part by an index of what is pinned alone (0047-pins.ts). */
async function allPins(): Promise<Pin[]> {
  return await connection().query<Pin>(
    `(SELECT 'run' AS what, workflow_id AS run, NULL::int AS step, NULL::int AS export_id
        FROM runs WHERE pinned ORDER BY id DESC LIMIT ${MOST_PINS})
     UNION ALL (SELECT 'checkpoint', run.workflow_id, one.step, NULL
        FROM checkpoints AS one JOIN runs AS run ON run.id = one.run_id WHERE one.pinned ORDER BY one.id DESC LIMIT ${MOST_PINS})
     UNION ALL (SELECT 'export', run.workflow_id, NULL, export.id
        FROM exports AS export JOIN runs AS run ON run.id = export.run_id WHERE export.pinned ORDER BY export.id DESC LIMIT ${MOST_PINS})`,
    { type: QueryTypes.SELECT },
  );
}

interface Measured {
  what: string;
  figures: Figures | null;
  measured_at: Date | null;
}

export interface Overview {
  kinds: (Measured & { kind: string; keep_days: number | null; is_default: boolean })[];
  others: (Measured & { name: string })[];
  pins: Pin[];
  disks: Disk[];
  /** Decided, and not removed yet. */
  going: number;
}

/** What takes what, as it was measured last: nothing is walked through for an answer. */
export async function storageOverview(env: Env): Promise<Overview> {
  const [retention, config, figures, pins, disks, going] = await Promise.all([
    currentRetention(env),
    TrainingConfig.current(),
    StorageFigure.findAll(),
    allPins(),
    disksOf(env),
    Removal.count({ where: { finished_at: null } }),
  ]);
  const measured = (kind: string) => {
    const found = figures.find((figure) => figure.kind === kind);
    return { figures: found?.figures ?? null, measured_at: found?.measured_at ?? null };
  };
  return {
    kinds: STORAGE_KINDS.map((kind) => ({
      kind,
      what: RETENTION[kind].what,
      keep_days: retention[kind],
      is_default: config.retention[kind] === undefined,
      ...measured(kind),
    })),
    others: OTHERS.map((name) => ({ name, what: OTHERS_IN_WORDS[name], ...measured(name) })),
    pins,
    disks,
    going,
  };
}
