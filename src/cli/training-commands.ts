import type { Command } from 'commander';
import { addHyperparameters, type JobComponent } from './jobs/hyperparameter-options.ts';
import { checkpointIn, startIn } from './jobs/start-name.ts';
import { ID, OF_A_RUN, type RunName, runNameOf } from './runs/run-name.ts';
import { addAfter, addWhen } from './runs/when-options.ts';
import { action } from './session.ts';
import { wholeNumber } from './whole-number.ts';

export function addTrain(program: Command): void {
  const train = program
    .command('train <file...>')
    .helpGroup('Train')
    .summary('from FILE… to a model: --model NAME --watch')
    .description(
      'Upload files, train a base model on them, and say how it did. Several files are mixed, all rows of each.',
    )
    .option('-w, --watch', 'until its result; the exit code tells the outcome')
    .option('--download [dir]', 'watch, and fetch the model when it is there');
  startable(jobOptions(train)).action(
    action(async (session, files: string[], options: object) =>
      (await import('./jobs/train.ts')).train(session, files, { ...options }),
    ),
  );
}

function jobOptions(command: Command, of: JobComponent = 'JobCreate'): Command {
  return addHyperparameters(
    addAfter(command)
      .option('-m, --model <name>', 'base model: `mtm model list` shows them; default: that of the configuration')
      .option('--name <name>', 'of the job; default: that of the file')
      .option('--description <text>')
      .option('--validation <dataset>', 'file, number or name of a dataset that the held-out rows come from'),
    of,
  );
}

function startable(command: Command): Command {
  return command.option(
    '--starts-from <what>',
    'job-1, project-2-run-3, a checkpoint as job-1@100 or job-1@best, or a folder with an adapter or a model',
    startIn,
  );
}

export function addFork(program: Command): void {
  const fork = program
    .command('fork')
    .helpGroup('Train')
    .argument('<id>', ID, runNameOf)
    .summary(OF_A_RUN)
    .description(
      'Train on from a run, or from a checkpoint of it, with other data or other settings. What is not said stays.',
    )
    .option('-w, --watch', 'until its result; the exit code tells the outcome')
    .option('--checkpoint <step|best>', 'a step of which there is a checkpoint; default: the result', checkpointIn)
    .option('--dataset <dataset>', 'file, number or name; default: that of the job');
  jobOptions(fork).action(
    action(async (session, name: RunName, options: object) =>
      (await import('./jobs/fork.ts')).fork(session, name, { ...options }),
    ),
  );
}

export function addProject(program: Command): void {
  const load = () => import('./projects/projects.ts');
  const project = program
    .command('project')
    .helpGroup('Train')
    .description('of many datasets: create -f, start, list, versions');
  const fromFile = (name: string, does: string) =>
    project
      .command(name)
      .description(does)
      .requiredOption('-f, --file <project.yaml>', 'YAML or JSON; `mtm project schema` has its form');
  fromFile('create', 'create a project from a file').action(
    action(async (session, options: { file: string }) => (await load()).projectCreate(session, options)),
  );
  fromFile('plan', 'what would come of it: rows, steps, tokens; nothing is created').action(
    action(async (session, options: { file: string }) => (await load()).projectPlan(session, options)),
  );
  addWhen(project.command('start'))
    .argument('<id>', 'project-1', runNameOf)
    .description('train it, from step 0')
    .option('-w, --watch', 'until its result')
    .option('--force', 'although it would not fit into memory or on the disk')
    .option('--download-model', 'fetch the base model first if it is not there')
    .action(
      action(async (session, name: RunName, options: object) => (await load()).projectStart(session, name, options)),
    );
  project
    .command('list')
    .description('all projects, newest first')
    .action(action(async (session) => (await load()).projectList(session)));
  addShow(project);
  addVersions(project);
  project
    .command('schema')
    .description('the JSON schema of a project file, for editors')
    .action(async () => (await load()).printSchema());
}

function addVersions(project: Command): void {
  const load = () => import('./projects/versions.ts');
  const onProject = (name: string, does: string) =>
    project.command(name).argument('<id>', 'project-1', runNameOf).description(does);
  onProject('versions', 'its versions: which is served, and why others are not').action(
    action(async (session, name: RunName) => (await load()).projectVersions(session, name)),
  );
  onProject('promote', 'make a version the latest, whatever its gate said')
    .argument('<version>', 'the number of its run', wholeNumber)
    .requiredOption('--reason <text>', 'why; kept in the history')
    .action(
      action(async (session, name: RunName, version: number, options: { reason: string }) =>
        (await load()).projectPromote(session, name, version, options),
      ),
    );
  onProject('rollback', 'make the version before the latest again')
    .requiredOption('--reason <text>', 'why; kept in the history')
    .action(
      action(async (session, name: RunName, options: { reason: string }) =>
        (await load()).projectRollBack(session, name, options),
      ),
    );
}

export function addJob(program: Command): void {
  const load = () => import('./jobs/jobs.ts');
  const job = program.command('job').helpGroup('Train').description('one dataset: create, plan, list, show');
  const onDataset = (name: string, does: string, of?: JobComponent) =>
    startable(jobOptions(job.command(name).description(does).argument('<dataset>', 'file, number or name'), of));
  onDataset('create', 'create a job and start its run: it is queued at once').action(
    action(async (session, dataset: string, options: object) =>
      (await load()).jobCreate(session, dataset, { ...options }),
    ),
  );
  onDataset('plan', 'what it would be trained on: rows, steps, tokens; nothing is created', 'JobPlanRequest').action(
    action(async (session, dataset: string, options: object) =>
      (await load()).jobPlan(session, dataset, { ...options }),
    ),
  );
  job
    .command('list')
    .description('all jobs, newest first')
    .action(action(async (session) => (await load()).jobList(session)));
  addShow(job);
}

function addShow(group: Command): void {
  group
    .command('show')
    .argument('<id>', ID, runNameOf)
    .description('its settings, and where it stands')
    .action(action(async (session, name: RunName) => (await import('./jobs/jobs.ts')).ownerShow(session, name)));
}
