import { type Env, loadEnv } from '../platform/env.ts';

/** One command of `mtm`: what it does, and the module that does it, loaded only when asked for. */
interface Command {
  does: string;
  run: (env: Env, args: string[]) => Promise<void>;
}

const COMMANDS: Record<string, Command> = {
  start: {
    does: 'run all of the service on this machine; Ctrl-C ends it',
    run: async (env) => (await import('./start/start-command.ts')).main(env),
  },
  demo: {
    does: 'train and validate a small model on demo data [--type lora|qlora|standard|rag] [--kill] [--model NAME] [--data DIR] [--max-rows N]',
    run: async (env, args) => (await import('../../examples/demo/demo.ts')).main(env, args),
  },
  doctor: {
    does: 'say what is there, what is missing, and the remedy',
    run: async (env) => (await import('./doctor.ts')).main(env),
  },
  model: {
    does: 'model list | model install smollm2-135m',
    run: async (env, args) => (await import('./model-command.ts')).main(env, args),
  },
  openapi: {
    does: 'print the OpenAPI document of the API; nothing has to run for it',
    run: async (env) => (await import('./openapi-command.ts')).main(env),
  },
  api: {
    does: 'run the API alone (needs DATABASE_URL)',
    run: async (env) => (await import('./api.ts')).main(env),
  },
  orchestrator: {
    does: 'run workflows and light activities alone (needs DATABASE_URL and TEMPORAL_ADDRESS)',
    run: async (env) => (await import('./orchestrator/orchestrator.ts')).main(env),
  },
  host: {
    does: "run this machine's agent alone, which starts and watches training workers",
    run: async (env) => (await import('./host-agent/host-agent.ts')).main(env),
  },
  worker: {
    does: 'run one training worker (started by the agent)',
    run: async (env, args) => (await import('./training-worker.ts')).main(env, args),
  },
  migrate: {
    does: "bring the database's schema up to date (needs DATABASE_URL), and set up the Temporal of TEMPORAL_ADDRESS",
    run: async (env) => {
      const { requireDatabaseUrl } = await import('../platform/postgres/database-url.ts');
      const { migrate } = await import('../models/migrate.ts');
      const { keepIdsUnique } = await import('../runs/ids-on-disk.ts');
      const applied = await migrate(requireDatabaseUrl(env));
      for (const sentence of await keepIdsUnique(requireDatabaseUrl(env), env.home)) console.log(sentence);
      console.log(applied.length > 0 ? `Applied: ${applied.join(', ')}` : 'The schema is up to date.');
      if (!env.temporalAddress) return;
      const { setUpOutsideTemporal } = await import('../platform/temporal/set-up.ts');
      await setUpOutsideTemporal(env, (sentence) => console.log(sentence));
      console.log(`Temporal's namespace ${env.temporalNamespace} is set up.`);
    },
  },
};

function usage(): string {
  const lines = Object.entries(COMMANDS).map(([name, { does }]) => `  ${name.padEnd(13)} ${does}`);
  return ['Usage: mtm <command>', '', ...lines].join('\n');
}

const [name = 'help', ...args] = process.argv.slice(2);
const command = COMMANDS[name];
if (!command) {
  const asked = ['help', '--help', '-h'].includes(name);
  console.log(asked ? usage() : `There is no command ${JSON.stringify(name)}.\n\n${usage()}`);
  process.exit(asked ? 0 : 2);
}
try {
  const env = loadEnv();
  await command.run(env, args);
} catch (error) {
  // A sentence for people; the stack only for whoever looks for a bug.
  console.error(error instanceof Error ? error.message : String(error));
  if (process.argv.includes('--debug') && error instanceof Error) console.error(error.stack);
  process.exit(1);
}
