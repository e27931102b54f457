import type { Command } from 'commander';
import type { NewTargetOptions } from './notifications/notifications.ts';
import { action } from './session.ts';
import { wholeNumber } from './whole-number.ts';

/** `mtm notify`: who is told of what happens, and what came of it. */
export function addNotify(program: Command, summary: string): void {
  const load = () => import('./notifications/notifications.ts');
  const notify = program
    .command('notify')
    .helpGroup('Service')
    .summary(summary)
    .description(
      'Who is told when a run ends or pauses, a worker is lost, or a disk is nearly full; docs/notifications.md.',
    );
  notify
    .command('add <name>')
    .description('a webhook, whose secret is printed this once, or an e-mail address')
    .option('--url <url>', 'of a webhook')
    .option('--email <address>', 'where e-mails go')
    .option('--event <events...>', 'of which it is told, as run.failed; default: all')
    .option('--runs-of <key>', 'of runs, those alone that the key of this name asked for')
    .action(
      action(async (session, name: string, options: NewTargetOptions) =>
        (await load()).addTarget(session, name, options),
      ),
    );
  notify
    .command('list')
    .description('who is told of what')
    .action(action(async (session) => (await load()).listTargets(session)));
  notify
    .command('test <target>')
    .description('send a test, by name or id, and say what came of it')
    .action(action(async (session, target: string) => (await load()).testTarget(session, target)));
  for (const [name, enabled, says] of [
    ['enable', true, 'tell it again of what happens from now on'],
    ['disable', false, 'tell it nothing, until it is enabled'],
  ] as const)
    notify
      .command(`${name} <target>`)
      .description(says)
      .action(action(async (session, target: string) => (await load()).enableTarget(session, target, enabled)));
  notify
    .command('rm <target>')
    .description('tell it nothing more, and forget what it was told')
    .action(action(async (session, target: string) => (await load()).removeTarget(session, target)));
  notify
    .command('deliveries [target]')
    .description('what was or is to be told, newest first, and what came of it')
    .option('-n, --last <n>', 'so many', wholeNumber, 20)
    .action(
      action(async (session, target: string | undefined, options: { last: number }) =>
        (await load()).listDeliveries(session, target, options),
      ),
    );
  notify
    .command('redeliver')
    .argument('<id>', 'of a delivery', wholeNumber)
    .description('try one now, whatever came of it')
    .action(action(async (session, id: number) => (await load()).redeliver(session, id)));
}
