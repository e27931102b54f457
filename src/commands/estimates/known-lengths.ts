import type { Lengths } from '../../estimates/training.ts';
import type { RunSpec } from '../../models/runs/run-spec.ts';

/** What decides which rows a training has, and how many tokens. */
export type Counted = Pick<RunSpec, 'base_model' | 'max_rows' | 'mixing' | 'traits' | 'hyperparameters'>;

const MOST = 256;
const lengths = new Map<string, Lengths>();

/** Keeps what a plan has counted: who plans often starts what was planned. */
export function rememberLengths(counted: Counted, found: Lengths): void {
  lengths.set(keyOf(counted), found);
  const [oldest] = lengths.keys();
  if (lengths.size > MOST && oldest !== undefined) lengths.delete(oldest);
}

/** Null where no plan of this process has counted them. */
export function knownLengths(counted: Counted): Lengths | null {
  return lengths.get(keyOf(counted)) ?? null;
}

function keyOf({ base_model, max_rows, mixing, traits, hyperparameters: h }: Counted): string {
  const shares = traits.map(({ trait, weight_thousandths, datasets, held_out_from }) => [
    ...[trait, weight_thousandths ?? null, held_out_from?.dataset_id ?? null],
    datasets.map(({ dataset_id, percentage_thousandths, filters }) => [
      dataset_id,
      percentage_thousandths,
      filters ?? null,
    ]),
  ]);
  const shown = [h.max_length, h.too_long, h.reasoning, h.tool_calls, h.train_on, h.new_tokens].map(
    (chosen) => chosen ?? null,
  );
  return JSON.stringify([base_model, max_rows, mixing ?? {}, shares, shown, h.seed]);
}
