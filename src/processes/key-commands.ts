import { type Command, Option } from 'commander';
import { addAudit } from '../cli/keys/audit-command.ts';
import { type AddOptions, ROLES } from '../cli/keys/roles.ts';
import { addNotify } from '../cli/notification-commands.ts';
import { action } from '../cli/session.ts';

interface Local {
  local?: true;
}

/** One line of the overview for both. */
const KEYS_AND_NOTIFY = 'who may use it, and is told of ends and trouble: add, list';

/** `mtm key`: through the API; with --local in the database of this machine, for whoever lost every key. */
export function addKeyCommands(program: Command): void {
  const key = program
    .command('key')
    .helpGroup('Service')
    .summary(KEYS_AND_NOTIFY)
    .description('Who may use it: add NAME --role R, list, limit, revoke; audit.');
  const through = async ({ local }: Local) => await (local ? import('./local-keys.ts') : import('../cli/keys/keys.ts'));
  const local = () => new Option('--local', 'past the API, in the database of this MTM_HOME or DATABASE_URL');
  key
    .command('add <name>')
    .description('make a key, which is printed this once; the first one closes the service to all who have none')
    .addOption(new Option('--role <role>', 'what it may do').choices(ROLES).makeOptionMandatory())
    .option('--expires <when>', '90d, 12h, 2w, 1y, a date, or never', 'never')
    .option('--max-runs <n>', 'how many of its runs may wait or be under way at a time, or none', 'none')
    .addOption(local())
    .action(
      action(async (session, name: string, options: AddOptions & Local) =>
        (await through(options)).addKey(session, name, options),
      ),
    );
  key
    .command('list')
    .description('who has which role, and when each key was used')
    .option('-a, --all', 'with those that were revoked')
    .addOption(local())
    .action(
      action(async (session, options: Local & { all?: true }) => (await through(options)).listKeys(session, options)),
    );
  key
    .command('limit <key>')
    .description('how much a key, by its name or id, may have; what it has stays')
    .requiredOption('--max-runs <n>', 'how many of its runs may wait or be under way at a time, or none')
    .action(
      action(async (session, key: string, options: Pick<AddOptions, 'maxRuns'>) =>
        (await import('../cli/keys/keys.ts')).limitKey(session, key, options),
      ),
    );
  key
    .command('revoke <key>')
    .description('by its name or id; it opens nothing any more within a second')
    .addOption(local())
    .action(action(async (session, key: string, options: Local) => (await through(options)).revokeKey(session, key)));
  addAudit(key);
  addNotify(program, KEYS_AND_NOTIFY);
}
