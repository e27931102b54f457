import { type Command, Option } from 'commander';
import { action } from '../session.ts';
import { wholeNumber } from '../whole-number.ts';
import type { AuditOptions } from './audit.ts';

/** `mtm key audit`, as a part of `mtm key`. */
export function addAudit(key: Command): void {
  key
    .command('audit')
    .description('who changed what, and who was refused; newest first')
    .option('--who <name>', 'the name of a key; (nobody): without one, or with a wrong one')
    .option('--entity <kind>', 'a kind of thing: job, project, dataset, key, settings, …')
    .option('--id <id>', 'one thing of that kind')
    .addOption(new Option('--outcome <outcome>', 'how it ended').choices(['done', 'refused', 'failed', 'unknown']))
    .option('--since <time>', 'from this time on, as 2026-01-31 or 2026-01-31T08:00:00Z')
    .option('--until <time>', 'before this time')
    .option('-n, --last <n>', 'so many', wholeNumber, 50)
    .action(action(async (session, options: AuditOptions) => (await import('./audit.ts')).listAudit(session, options)));
}
