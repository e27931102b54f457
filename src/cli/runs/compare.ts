import { progressOf, reportOf } from '../api/runs.ts';
import type { Session } from '../session.ts';
import { loss, percent } from '../terminal/numbers.ts';
import { table } from '../terminal/table.ts';
import { type RunName, textOf } from './run-name.ts';
import { settingsOf } from './settings.ts';

/** `mtm compare A B`: what two runs were asked for differently, and how they did. */
export async function compareRuns({ client, print }: Session, a: RunName, b: RunName): Promise<void> {
  const names = [a, b];
  const runs = await Promise.all(names.map((name) => progressOf(client, name)));
  const reports = await Promise.all(names.map((name) => reportOf(client, name)));
  const settings = await Promise.all(names.map((name) => settingsOf(client, name)));
  print({ runs, reports }, () => {
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
