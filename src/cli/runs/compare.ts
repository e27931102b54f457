import { progressOf, reportOf } from '../api/runs.ts';
import type { Job, Project, Run } from '../api/types.ts';
import type { Session } from '../session.ts';
import { loss, percent } from '../terminal/numbers.ts';
import { table } from '../terminal/table.ts';
import { type RunName, textOf } from './run-name.ts';

/** `mtm compare A B`: what two runs were asked for differently, and how they did. */
export async function compareRuns({ client, print }: Session, a: RunName, b: RunName): Promise<void> {
  const names = [a, b];
  const runs = await Promise.all(names.map((name) => progressOf(client, name)));
  const reports = await Promise.all(names.map((name) => reportOf(client, name)));
  print({ runs, reports }, () => {
    const settings = runs.map(settingsOf);
    const keys = [...new Set(settings.flatMap((each) => Object.keys(each)))];
    const differ = keys
      .map((key) => [key, ...settings.map((each) => each[key] ?? 'default')])
      .filter(([, left, right]) => left !== right);
    const traits = [...new Set(reports.flatMap((report) => report?.traits.map(({ trait }) => trait) ?? []))];
    const results = traits.flatMap((trait) => {
      const found = reports.map((report) => report?.traits.find((each) => each.trait === trait)?.tuned);
      return [
        [`held-out loss, ${trait}`, ...found.map((tuned) => loss(tuned?.loss) ?? '')],
        [
          `exact, ${trait}`,
          ...found.map((tuned) => (typeof tuned?.exact_match === 'number' ? percent(tuned.exact_match) : '')),
        ],
      ];
    });
    const facts = [
      ['status', ...runs.map(({ status }) => status)],
      ['steps', ...runs.map(({ current_step }) => String(current_step))],
      ['last loss', ...runs.map(({ current_loss }) => loss(current_loss) ?? '')],
      ['verdict', ...runs.map(({ verdict }) => verdict ?? '')],
    ];
    return table(['', ...names.map(textOf)], [...differ, ...facts, ...results]);
  });
}

/** What a run was asked for, as text by name; of a run, what it was started with. */
function settingsOf(run: Job | Project | Run): Record<string, string> {
  const given: Record<string, unknown> =
    'spec' in run
      ? { ...run.spec }
      : {
          base_model: 'model_name' in run ? run.model_name : run.base_model,
          training_type: run.training_type,
          ...('dataset_id' in run ? { dataset_id: run.dataset_id } : {}),
          ...run.hyperparameters,
        };
  const { hyperparameters, ...others } = given;
  const all = { ...others, ...(typeof hyperparameters === 'object' ? hyperparameters : {}) };
  return Object.fromEntries(
    Object.entries(all).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
}
