import { type Command, Option } from 'commander';
import { ID, type RunName, runNameOf } from './runs/run-name.ts';
import { action } from './session.ts';
import { wholeNumber } from './whole-number.ts';

export function addStorage(program: Command): void {
  const load = () => import('./storage/storage.ts');
  const storage = program
    .command('storage')
    .helpGroup('Service')
    .summary('what fills the disk, and what goes when; clean, pin')
    .description('What takes what, and what the policies remove next. `clean` has it removed now.')
    .action(action(async (session) => (await load()).showStorage(session)));
  storage
    .command('clean')
    .argument('[kinds...]', 'as `mtm storage` names them; default: all')
    .option('--dry-run', 'only say what would go')
    .description('remove what is due by the policies now; nothing that is not due')
    .action(
      action(async (session, kinds: string[], options: { dryRun?: true }) =>
        (await load()).cleanStorage(session, kinds, options),
      ),
    );
  storage
    .command('removals')
    .description('what went, and by which policy, newest first')
    .option('--page <n>', 'of 20 each')
    .action(action(async (session, options: { page?: string }) => (await load()).listRemovals(session, options)));
  const pins = { pin: 'keep what a run has, or one thing of it, from every policy', unpin: 'no longer' } as const;
  for (const [what, description] of Object.entries(pins))
    storage
      .command(what)
      .argument('<id>', ID, runNameOf)
      .option('--checkpoint <step>', 'only the checkpoint of this step, also while the run trains', wholeNumber)
      .addOption(new Option('--export <n>', 'only this export').argParser(wholeNumber).conflicts('checkpoint'))
      .description(description)
      .action(
        action(async (session, name: RunName, part: { checkpoint?: number; export?: number }) =>
          (await load()).pin(session, name, part, what === 'pin'),
        ),
      );
}
