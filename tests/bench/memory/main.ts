import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import { execa } from 'execa';
import { loadEnv, PROJECT_ROOT } from '../../../src/platform/env.ts';
import { ensureTrainerPython } from '../../../src/platform/python.ts';

const SCRIPT = join(dirname(fileURLToPath(import.meta.url)), 'peak.py');
/** Tokens of a row, and how many of them are learnt. */
const ROWS = [
  [2048, 64],
  [2048, 2048],
  [8192, 8192],
] as const;
const WORK = {
  all_logits: 'step, all logits',
  step: 'step',
  all_logits_of_evaluation: 'evaluation, all logits',
  evaluation: 'evaluation',
};
/** What an evaluation may take, against a training step. */
const MOST_RATIO = 1.2;

/** How much memory a training step and an evaluation take on one row with a vocabulary of 128,256, each in a process of its own. */
export async function main(): Promise<void> {
  const python = await ensureTrainerPython({ env: loadEnv(), onProgress: (line) => console.log(line) });
  const table = new Table({
    head: ['tokens', 'learnt', ...Object.values(WORK), 'evaluation / step'],
    style: { head: [], border: [] },
  });
  const ratios = [];
  for (const [tokens, learnt] of ROWS) {
    const peaks = new Map<string, number>();
    const cells = [];
    for (const what of Object.keys(WORK)) {
      const { bytes, seconds } = await measure(python, what, tokens, learnt);
      peaks.set(what, bytes);
      cells.push(`${(bytes / 1e6).toFixed(0)} MB, ${seconds.toFixed(1)} s`);
    }
    const ratio = (peaks.get('evaluation') ?? 0) / (peaks.get('step') ?? 0);
    ratios.push(ratio);
    table.push([tokens, learnt, ...cells, ratio.toFixed(2)]);
  }
  console.log(table.toString());
  if (Math.max(...ratios) > MOST_RATIO) {
    console.error(`An evaluation takes more than ${MOST_RATIO} x the memory of a training step.`);
    process.exitCode = 1;
  }
}

async function measure(
  python: string,
  what: string,
  tokens: number,
  learnt: number,
): Promise<{ bytes: number; seconds: number }> {
  const env = { PYTHONPATH: PROJECT_ROOT, HF_HUB_OFFLINE: '1' };
  const { stdout } = await execa(python, [SCRIPT, what, `${tokens}`, `${learnt}`], { env, cwd: PROJECT_ROOT });
  return JSON.parse(stdout);
}
