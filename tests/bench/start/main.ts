/** Each measures one thing, an old build and this one side by side. */
const PARTS: Record<string, (args: string[]) => Promise<void>> = {
  'first-step': async (args) => (await import('./first-step.ts')).main(args),
  kill: async (args) => (await import('./kill.ts')).main(args),
  runs: async (args) => (await import('./runs.ts')).main(args),
  memory: async (args) => (await import('./memory.ts')).main(args),
  threads: async (args) => (await import('./threads.ts')).main(args),
};

/** `npm run bench -- start [PART] [options]`: how long it takes until something is trained. Without a part, all of them. */
export async function main(args: string[]): Promise<void> {
  const [name, ...rest] = args;
  if (name === undefined || name.startsWith('--')) {
    for (const part of Object.values(PARTS)) await part(args);
    return;
  }
  const part = PARTS[name];
  if (!part) throw new Error(`There is no part ${name}; there are ${Object.keys(PARTS).join(', ')}.`);
  await part(rest);
}
