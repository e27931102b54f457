import type { Command } from 'commander';

/** Of a program of its own, since the library adds commands of these names. */
type MakeProgram = () => Command;

/**
 * `mtm completion bash|zsh|fish`: a script for a shell, which asks `mtm complete` what fits at each Tab. The library makes both
 * from the commands themselves; it is loaded when one of the two is asked for.
 */
export function addCompletion(program: Command, makeProgram: MakeProgram): Command {
  const complete = async () => {
    const [{ default: tab }, whole] = [await import('@bomb.sh/tab/commander'), makeProgram()];
    tab(whole, { completionCommandName: 'completion' });
    await whole.parseAsync(process.argv);
  };
  program
    .command('completion')
    .helpGroup('Help')
    .addArgument(program.createArgument('<shell>').choices(['bash', 'zsh', 'fish']))
    .summary('for bash, zsh, fish: source <(mtm completion bash)')
    .description('Print the completion script of a shell. For bash: `source <(mtm completion bash)` in ~/.bashrc.')
    .action(complete);
  program.command('complete', { hidden: true }).allowUnknownOption().argument('[words...]').action(complete);
  return program;
}
