import type { Command } from 'commander';
import { addClientCommands } from '../cli/client-commands.ts';
import { addCompletion } from '../cli/completion.ts';
import { createProgram, run } from '../cli/program.ts';
import { addKeyCommands } from './key-commands.ts';
import { addMachineCommands, addPartCommands, addServiceCommands } from './process-commands.ts';

/** All commands but those of completion. */
function commands(): Command {
  const program = createProgram();
  addServiceCommands(program);
  addClientCommands(program);
  addKeyCommands(program);
  addMachineCommands(program);
  addPartCommands(program);
  return program;
}

const exitCode = await run(addCompletion(commands(), commands));
// What a part that failed has begun, as connections and timers, would keep the process alive.
if (exitCode !== 0) process.exit(exitCode);
