import type { Command } from 'commander';
import { action } from './session.ts';
import { wholeNumber } from './whole-number.ts';

export function addModel(program: Command): void {
  const model = program
    .command('model')
    .helpGroup('Models')
    .description('base models: add NAME, list, show, rm, install, import');
  const downloads = () => import('./base-models/downloads.ts');
  model
    .command('add <name>')
    .description('fetch a model from the Hugging Face hub; it goes on where it stopped, whatever was killed')
    .option('--revision <revision>', 'a branch, a tag or a commit; default: main')
    .option('--host <host>', 'into whose cache, where there are several hosts')
    .option('-w, --watch', 'until it is there; Ctrl-C leaves it')
    .action(
      action(async (session, name: string, options: object) => (await downloads()).addModel(session, name, options)),
    );
  model
    .command('downloads')
    .description('models that come in, and those that came')
    .action(action(async (session) => (await downloads()).listDownloads(session)));
  const acts = {
    pause: 'let a download stop until it is resumed',
    resume: 'let a download go on at the byte where it stopped',
    cancel: 'end a download, and remove what it has fetched',
  } as const;
  for (const what of ['pause', 'resume', 'cancel'] as const)
    model
      .command(what)
      .argument('<n>', 'its number, as `mtm model downloads` shows it', wholeNumber)
      .description(acts[what])
      .action(action(async (session, id: number) => (await downloads()).actOnDownload(session, id, what)));
  model
    .command('rm <name>')
    .description('delete a model that no open run uses from the cache')
    .action(action(async (session, name: string) => (await downloads()).removeModel(session, name)));
  model
    .command('show <name>')
    .description('size, context, license, what its chat template can show')
    .action(action(async (session, name: string) => (await import('./base-models/show.ts')).showModel(session, name)));
  program
    .command('chat <model> [question...]')
    .helpGroup('Models')
    .summary('talk with a base model or a tuned one')
    .description('Talk with a base model, or a tuned one as job-1. With a question, print its answer alone.')
    .option('--system <text>', 'a system prompt')
    .option('--temperature <n>', 'how freely it answers', '0.7')
    .option('--max-tokens <n>', 'how much it may say')
    .option('--url <url>', 'as --server, which it was called before')
    .action(
      action(async (session, name: string, question: string[], options: { temperature: string }) =>
        (await import('./openai/chat.ts')).chat(session, name, question, options),
      ),
    );
}

export function addWorker(program: Command): void {
  const load = () => import('./pool/pool.ts');
  const worker = program
    .command('worker')
    .helpGroup('Models')
    .description('start N, stop, restart, drain, undrain, list');
  const does = {
    start: 'start workers, each of which trains one run at a time',
    stop: 'stop workers; their runs are saved and handed back',
    restart: 'restart workers, one after another',
  } as const;
  for (const what of ['start', 'stop', 'restart'] as const)
    worker
      .command(what)
      .argument('[n]', what === 'start' ? 'how many; 1' : 'how many; all', wholeNumber)
      .description(does[what])
      .action(action(async (session, n: number | undefined) => (await load()).control(session, what, n)));
  worker
    .command('drain')
    .argument('<host-or-worker>', 'as `mtm worker list` names it')
    .option('--move', 'save the runs that are trained there, which go on elsewhere; without it they end there')
    .description('let no run begin there, so that somebody can work on it')
    .action(
      action(async (session, name: string, options: { move?: true }) =>
        (await import('./pool/drain.ts')).drain(session, name, options),
      ),
    );
  worker
    .command('undrain')
    .argument('<host-or-worker>')
    .description('let runs begin there again')
    .action(action(async (session, name: string) => (await import('./pool/drain.ts')).undrain(session, name)));
  worker
    .command('list')
    .description('the workers, and what they do')
    .action(action(async (session) => (await load()).listWorkers(session)));
}
