import type { Command } from 'commander';
import type { WhenOptions } from './runs/queue.ts';
import { addChanges } from './runs/when-options.ts';
import { action } from './session.ts';
import { wholeNumber } from './whole-number.ts';

const ACTS = {
  pause: 'its runs save and give their workers back',
  resume: 'let it go on',
  cancel: 'end it, with its runs',
} as const;

export function addSweep(program: Command): void {
  const load = () => import('./sweeps/sweeps.ts');
  const sweep = program
    .command('sweep')
    .helpGroup('Train')
    .summary('the best of many settings: create -f, list, show, watch')
    .description('Train one job or project with many settings or mixtures, and find the best by held-out loss.');
  sweep
    .command('create')
    .description('begin a sweep, as a file says')
    .requiredOption('-f, --file <sweep.yaml>', 'YAML or JSON with the fields of POST /sweeps/; docs/sweeps.md has one')
    .option('-w, --watch', 'until its winner is known; the exit code tells the outcome')
    .option('--plan', 'what it would be, and what it would take; nothing is created')
    .action(
      action(async (session, options: { file: string; watch?: true; plan?: true }) =>
        (await load()).sweepCreate(session, options),
      ),
    );
  sweep
    .command('list')
    .description('all sweeps, newest first')
    .action(action(async (session) => (await load()).sweepList(session)));
  const onOne = (name: string, does: string) =>
    sweep.command(name).description(does).argument('<number>', 'of the sweep', wholeNumber);
  onOne('show', 'its runs, their settings and held-out losses, and the winner').action(
    action(async (session, id: number) => (await load()).sweepShow(session, id)),
  );
  onOne('watch', 'until its winner is known; Ctrl-C leaves it').action(
    action(async (session, id: number) => (await load()).sweepWatch(session, id)),
  );
  addChanges(onOne('when', 'change when those of its runs begin that wait')).action(
    action(async (session, id: number, options: WhenOptions) => (await load()).sweepWhen(session, id, options)),
  );
  onOne('front', 'let its runs that wait begin before all others of their priority').action(
    action(async (session, id: number) => (await load()).sweepWhen(session, id, { front: true })),
  );
  // As of a run: to hold is to pause.
  onOne('hold', ACTS.pause).action(
    action(async (session, id: number) => (await load()).sweepAct(session, id, 'pause')),
  );
  onOne('release', ACTS.resume).action(
    action(async (session, id: number) => (await load()).sweepAct(session, id, 'resume')),
  );
  for (const what of ['pause', 'resume', 'cancel'] as const)
    onOne(what, ACTS[what]).action(action(async (session, id: number) => (await load()).sweepAct(session, id, what)));
}
