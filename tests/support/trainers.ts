import { processesOf } from './processes.ts';

/** The trainer that runs for this home. @throws Error when there is none, or more than one */
export async function trainerOf(home: string): Promise<number> {
  const trainers = (await processesOf(home)).filter(({ command }) => command.includes('-m trainer '));
  const [trainer] = trainers;
  if (!trainer || trainers.length > 1) throw new Error(`${trainers.length} trainers are running, not one.`);
  return trainer.pid;
}
