import { type Command, Option } from 'commander';
import type { WhenOptions } from './runs/queue.ts';
import { ID, OF_A_RUN, type RunName, runNameOf } from './runs/run-name.ts';
import { addChanges } from './runs/when-options.ts';
import { action } from './session.ts';

export function addRunActions(program: Command): void {
  const acts = {
    pause: 'Let a run save and hand back its worker, until it is resumed.',
    resume: 'Let a paused run go on, from its last checkpoint.',
    cancel: 'End a run. `mtm retry` lets it go on from its last checkpoint.',
  } as const;
  const load = () => import('./runs/actions.ts');
  for (const what of ['pause', 'resume', 'cancel'] as const)
    program
      .command(what)
      .helpGroup('Train')
      .argument('<id>', ID, runNameOf)
      .summary(OF_A_RUN)
      .description(acts[what])
      .action(action(async (session, name: RunName) => (await load()).act(session, name, what)));
  program
    .command('retry')
    .helpGroup('Train')
    .argument('<id>', ID, runNameOf)
    .summary(OF_A_RUN)
    .description('Run it again after it failed or was cancelled, from its last checkpoint.')
    .option('--fresh', 'from step 0, with the settings of now')
    .option('--force', 'although it would not fit into memory or on the disk')
    .option('--download-model', 'fetch the base model first if it is not there')
    .action(action(async (session, name: RunName, options: object) => (await load()).retry(session, name, options)));
}

function addQueue(run: Command): void {
  const load = () => import('./runs/queue.ts');
  run
    .command('queue')
    .description('The runs that wait to be trained in the order in which they begin, and why they wait.')
    .action(action(async (session) => (await load()).showQueue(session)));
  const ofRun = (name: string, does: string) => run.command(name).argument('<id>', ID, runNameOf).description(does);
  addChanges(ofRun('when', 'Change when a run begins that waits.')).action(
    action(async (session, name: RunName, options: WhenOptions) => (await load()).changeWhen(session, name, options)),
  );
  ofRun('front', 'Let a run begin before all others of its priority.').action(
    action(async (session, name: RunName) => (await load()).changeWhen(session, name, { front: true })),
  );
  ofRun('hold', 'Keep a run that waits from beginning; it keeps its place. One that trains is paused.').action(
    action(async (session, name: RunName) => (await load()).hold(session, name, true)),
  );
  ofRun('release', 'Let a held run begin when its turn comes.').action(
    action(async (session, name: RunName) => (await load()).hold(session, name, false)),
  );
}

export function addLooks(program: Command): void {
  const run = program
    .command('run')
    .helpGroup('Look')
    .description('watch ID: until its result; queue: those that wait');
  addQueue(run);
  run
    .command('watch')
    .argument('<id>', ID, runNameOf)
    .description('Show a run until its end, also over lost connections. Ctrl-C leaves the watch, and the run goes on.')
    .action(action(async (session, name: RunName) => (await import('./runs/watch.ts')).watchRun(session, name)));
  program
    .command('logs')
    .helpGroup('Look')
    .argument('<id>', ID, runNameOf)
    .description("the trainer's last lines; -f: and those that come")
    .option('-f, --follow', 'until the run has ended')
    .option('--tail <n>', 'how many of the last lines', '100')
    .option('--validation', 'of the validation instead of the training')
    .action(
      action(async (session, name: RunName, options: { tail: string }) =>
        (await import('./runs/logs.ts')).showLogs(session, name, options),
      ),
    );
  program
    .command('compare')
    .helpGroup('Look')
    .argument('<a>', ID, runNameOf)
    .argument('<b>', ID, runNameOf)
    .description('what two runs were asked for, and how they did')
    .action(
      action(async (session, a: RunName, b: RunName) => (await import('./runs/compare.ts')).compareRuns(session, a, b)),
    );
  // One line of the help.
  const fetched = 'a model as files, or as GGUF';
  program
    .command('download')
    .helpGroup('Look')
    .argument('<id>', ID, runNameOf)
    .argument('[dir]', 'default: a folder named after the run')
    .summary(fetched)
    .description('Fetch a model, checked. Goes on where it broke off.')
    .action(
      action(async (session, name: RunName, dir: string | undefined) =>
        (await import('./runs/download.ts')).download(session, name, dir),
      ),
    );
  program
    .command('export')
    .helpGroup('Look')
    .argument('<id>', ID, runNameOf)
    .summary(fetched)
    .description(
      'Have a model made into a file for where it is used, and compared with the model; or pushed to a repository of the Hugging Face hub.',
    )
    .addOption(
      new Option('--format <format>', 'a file, or a push')
        .choices(['gguf', 'gguf_adapter', 'merged_4bit', 'hub'])
        .default('gguf'),
    )
    .addOption(
      new Option('--quantization <bits>', 'of gguf: f16 keeps all (default: q8_0)').choices([
        'f16',
        'q8_0',
        'q6_k',
        'q5_k_m',
        'q4_k_m',
      ]),
    )
    .option('--repository <owner/name>', 'of hub: where to')
    .option('--revision <branch>', 'of hub (default: main)')
    .option('--public', 'of hub: others may see it')
    .option('--watch', 'until it has ended')
    .option('--download [dir]', 'and fetch its files')
    .action(
      action(async (session, name: RunName, options: never) =>
        (await import('./runs/exports.ts')).askForExport(session, name, options),
      ),
    );
  program
    .command('exports')
    .helpGroup('Look')
    .argument('<id>', ID, runNameOf)
    .summary(fetched)
    .description('The exports of a model, newest first.')
    .action(action(async (session, name: RunName) => (await import('./runs/exports.ts')).listExports(session, name)));
  program
    .command('query')
    .helpGroup('Look')
    .argument('<id>', ID, runNameOf)
    .argument('<question...>')
    .summary('ask what a run of the type rag has made')
    .description('The passages that fit a question best, of what a run of the type rag made.')
    .option('--answer', 'and an answer of the base model from them')
    .option('--top <n>', 'how many passages', '5')
    .option('--hybrid', 'by the words in common as well')
    .action(
      action(async (session, name: RunName, words: string[], options: { top: string }) =>
        (await import('./runs/query.ts')).query(session, name, words, options),
      ),
    );
}
