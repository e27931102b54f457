import { rm } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { round } from '../bounds.ts';
import { clean } from './clean.ts';
import { closeWorkflows, type Filled, fill } from './fill.ts';
import { type Figures, measureInTurns } from './measure.ts';
import { type Side, startSide } from './side.ts';

/** Of the one that is called empty: what a page needs to show anything. */
const FEW = { runs: 20, eventsOfRun: 500, others: 10 };
const BOUND = 2;

/**
 * `npm run bench -- year [--runs 20000] [--steps 1000] [--events 500] [--workflows 3000]`: a service as after so many runs, each with so
 * many steps and events, beside one with 20 runs of the same size. Each has servers and a home of its own; both are asked in turns.
 */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: 'string', default: '20000' },
      steps: { type: 'string', default: '1000' },
      events: { type: 'string', default: '500' },
      workflows: { type: 'string', default: '3000' },
    },
  });
  const [runs, stepsOfRun, eventsOfRun] = [Number(values.runs), Number(values.steps), Number(values.events)];
  const sides: Side[] = [];
  try {
    const empty = await startSide();
    sides.push(empty);
    const full = await startSide();
    sides.push(full);
    const filled: [Filled, Filled] = [
      await fill(empty, { ...FEW, stepsOfRun, eventsOfRun }),
      await fill(full, { runs, stepsOfRun, eventsOfRun, others: runs }),
    ];
    await closeWorkflows(full, Number(values.workflows));
    print(await measureInTurns([empty, full], filled));
    await clean(full);
  } finally {
    for (const side of sides) {
      await side.stop();
      await rm(side.env.home, { recursive: true, force: true });
    }
  }
}

function print(figures: Figures): void {
  const head = ['median', '20 runs', 'a year', 'ratio', `within ${BOUND} x`];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const [what, { empty, full }] of figures) {
    const ratio = full / empty;
    const isWithin = ratio <= BOUND;
    if (!isWithin) process.exitCode = 1;
    table.push([what, `${round(empty)} ms`, `${round(full)} ms`, round(ratio), isWithin ? 'yes' : 'no']);
  }
  console.log(table.toString());
}
