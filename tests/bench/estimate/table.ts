import type { Figures } from '../../../src/estimates/correction.ts';
import type { Combination } from './combinations.ts';

/** A combination with what the plan said of it, what its shapes alone say, and what was measured. */
export interface Compared extends Combination {
  estimate: { memory: { bytes: number }; time: { seconds: number }; certainty: string; within_percent: number };
  computed: Figures;
  measured: Figures;
}

export const HEAD = `| model | type | steps × batch × tokens | memory computed | estimated | measured | off | time estimated | measured | off |
|---|---|---|---|---|---|---|---|---|---|`;

const MODELS = { tiny: 'tiny-random', smol: 'SmolLM2-135M', larger: 'of 360M' };

export function rowOf(found: Compared): string {
  const { model, training_type, steps, batch_size, max_length, weights, activation_checkpointing, estimate } = found;
  const type = [training_type, weights, activation_checkpointing && 'checkpointing'].filter(Boolean).join(', ');
  const { memory, seconds } = measuredOf(found);
  const cells = [
    ...[MODELS[model], type, `${steps} × ${batch_size} × ${max_length}`],
    ...[mb(found.computed.memory_bytes ?? Number.NaN), mb(estimate.memory.bytes), mb(memory)],
    ...[off(estimate.memory.bytes, memory), `${estimate.time.seconds.toFixed(1)} s`, `${seconds.toFixed(1)} s`],
    off(estimate.time.seconds, seconds),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** The largest differences, without a sign. */
export function summaryOf(compared: Compared[]): string {
  const most = (of: (found: Compared) => number) => `${(100 * Math.max(...compared.map(of))).toFixed(0)} %`;
  const ratio = (told: number, is: number) => Math.abs(told / is - 1);
  const computed = most((found) => ratio(found.computed.memory_bytes ?? 0, measuredOf(found).memory));
  const memory = most((found) => ratio(found.estimate.memory.bytes, measuredOf(found).memory));
  const time = most((found) => ratio(found.estimate.time.seconds, measuredOf(found).seconds));
  return `At most: memory by shapes alone ${computed} off, estimated ${memory}, time estimated ${time}.`;
}

function measuredOf({ measured }: Compared): { memory: number; seconds: number } {
  const seconds = Object.values(measured.seconds).reduce((sum: number, part) => sum + (part ?? Number.NaN), 0);
  return { memory: measured.memory_bytes ?? Number.NaN, seconds };
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

function off(told: number, is: number): string {
  const percent = 100 * (told / is - 1);
  return `${percent >= 0 ? '+' : '−'}${Math.abs(percent).toFixed(0)} %`;
}
