import { Command, CommanderError, type ErrorOptions, Help, Option } from 'commander';
import { VERSION } from '../platform/version.ts';
import { CommandFailure, EXIT } from './exit-codes.ts';
import { overview } from './overview.ts';

/** Commander suggests options that are spelled alike. Where there is none, this one suggests those with the same word in them. */
class SuggestingCommand extends Command {
  override createCommand(name?: string): Command {
    return new SuggestingCommand(name);
  }

  override error(message: string, options?: ErrorOptions): never {
    const [, word = null] = /unknown option '--([\w-]+)'$/.exec(message) ?? [];
    const alike = this.options.flatMap(({ long, hidden }) =>
      word !== null && !hidden && long && `${long}-`.includes(`-${word}-`) ? [long] : [],
    );
    const suggestion = alike.length === 0 ? '' : `\n(Did you mean ${alike.join(' or ')}?)`;
    return super.error(`${message}${suggestion}`, options);
  }
}

/** The command `mtm`, without its commands: what all of them share. */
export function createProgram(): Command {
  return new SuggestingCommand('mtm')
    .description('Fine-tune language models on your own machines, and never lose a run.')
    .usage('COMMAND [OPTIONS]')
    .version(VERSION)
    .option('--json', "print the API's answer, and nothing else, on standard output")
    .option('--server <url>', 'the service to talk to (MTM_SERVER)')
    .addOption(new Option('--debug', 'print the stack of an error').hideHelp())
    .helpCommand('help [command]', 'what a command does, and its options')
    .showHelpAfterError('(--help after a command says what it takes)')
    .configureHelp({
      showGlobalOptions: true,
      // The frame of each command's help, and one screen for all of them.
      formatHelp: (command, helper) =>
        command.parent === null ? overview(command, helper) : Help.prototype.formatHelp.call(helper, command, helper),
    })
    .exitOverride();
}

/** Runs what the arguments of this process ask for. @returns its exit code, where it did not end the process itself */
export async function run(program: Command, argv = process.argv): Promise<number> {
  try {
    await program.parseAsync(argv);
    return Number(process.exitCode ?? EXIT.done);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    // A sentence for people; the stack only for whoever looks for a bug.
    console.error(error instanceof Error ? error.message : String(error));
    if (program.opts<{ debug?: true }>().debug && error instanceof Error) console.error(error.stack);
    return error instanceof CommandFailure ? error.exitCode : EXIT.failed;
  }
}
