import type { Command } from 'commander';
import { addModel, addWorker } from './model-commands.ts';
import { addLooks, addRunActions } from './run-commands.ts';
import { action } from './session.ts';
import { addStorage } from './storage-commands.ts';
import { addSweep } from './sweep-commands.ts';
import { addFork, addJob, addProject, addTrain } from './training-commands.ts';
import { wholeNumber } from './whole-number.ts';

/** Every command that asks the service, in the order of the overview. */
export function addClientCommands(program: Command): void {
  addServiceViews(program);
  addStorage(program);
  addDataset(program);
  addTrain(program);
  addProject(program);
  addJob(program);
  addSweep(program);
  addRunActions(program);
  addFork(program);
  addLooks(program);
  addModel(program);
  addWorker(program);
}

const SEEN = 'what runs and waits, here (--watch) or on the page';

function addServiceViews(program: Command): void {
  program
    .command('status')
    .helpGroup('Service')
    .summary(SEEN)
    .description('One screen: the service, its workers, what runs with its progress, what waits and why, problems.')
    .option('-w, --watch', 'draw it again every two seconds, until Ctrl-C')
    .action(
      action(async (session, options) => (await import('./service/status.ts')).showStatus(session, options as object)),
    );
  program
    .command('open')
    .helpGroup('Service')
    .summary(SEEN)
    .description("print the page's address, and show it in a browser")
    .action(action(async (session) => (await import('./service/open.ts')).openPage(session)));
}

function addDataset(program: Command): void {
  const load = () => import('./datasets/datasets.ts');
  const dataset = program.command('dataset').helpGroup('Data').description('add FILE…, list, show, preview, rm');
  dataset
    .command('add <file...>')
    .description('upload CSV, TSV, JSON, JSON lines or Parquet, also as gzip or zstd')
    .option('--name <name>', "default: the file's name")
    .option('--description <text>')
    .option('--mapping <json>', 'which column is what, such as {"prompt": "ask", "completion": "reply"}')
    .option('--on-bad-rows <refuse|skip>', 'what becomes of rows that cannot be read')
    .action(
      action(async (session, files: string[], options: object) => (await load()).addDatasets(session, files, options)),
    );
  dataset
    .command('list')
    .description('all datasets, newest first')
    .option('--search <words>')
    .option('--page <n>', 'of 100 each')
    .action(action(async (session, options: object) => (await load()).listDatasets(session, options)));
  dataset
    .command('show <dataset>')
    .description('rows, mapping, what is unusable and unused; by number or name')
    .action(action(async (session, name: string) => (await load()).showDataset(session, name)));
  dataset
    .command('preview <dataset>')
    .description('rows, and the conversations that they give')
    .option('--rows <n>', 'how many', '5')
    .action(
      action(async (session, name: string, options: { rows: string }) =>
        (await load()).previewDataset(session, name, options),
      ),
    );
  dataset
    .command('rm')
    .argument('<id>', 'its number', wholeNumber)
    .description('delete a dataset that no job or project uses')
    .action(action(async (session, id: number) => (await load()).removeDataset(session, id)));
}
