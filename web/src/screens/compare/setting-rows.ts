import { fieldsOf } from '../../parts/differences.ts';

/** A setting by its name, with its value in each run; null: the run has no such setting. */
export interface SettingRow {
  name: string;
  values: (string | null)[];
  differs: boolean;
}

/**
 * All settings of all runs: first those in which the runs differ, each part in the order of the runs' own. `found`: what each run finds out as it goes, so that
 * one that has not come so far is no difference.
 */
export function settingRows(asked: object[], found: object[] = []): SettingRow[] {
  const rows = [
    ...rowsOf(asked, (values) => new Set(values).size > 1),
    ...rowsOf(found, (values) => new Set(values.filter((value) => value !== null)).size > 1),
  ];
  return [...rows.filter(({ differs }) => differs), ...rows.filter(({ differs }) => !differs)];
}

function rowsOf(runs: object[], differs: (values: (string | null)[]) => boolean): SettingRow[] {
  const fields = runs.map((run) => fieldsOf(run));
  const names = [...new Set(fields.flatMap((each) => [...each.keys()]))];
  return names.map((name) => {
    const values = fields.map((each) => each.get(name) ?? null);
    return { name, values, differs: differs(values) };
  });
}

/** Those of which every word is in the name. */
export function found(rows: SettingRow[], search: string): SettingRow[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)));
}

/** As a spreadsheet takes it: a line for each row, with tabs between the cells. */
export function asText(heads: string[], rows: SettingRow[]): string {
  const cell = (text: string | null) => (text ?? '').replace(/[\t\r\n]+/g, ' ');
  return [['setting', ...heads], ...rows.map(({ name, values }) => [name, ...values])]
    .map((cells) => cells.map(cell).join('\t'))
    .join('\n');
}

const THOUSANDTHS = /_thousandths$/;

/** Percentages as people write them, where they are kept in thousandths. */
export function inPercent(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inPercent);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) =>
      THOUSANDTHS.test(name) && typeof part === 'number'
        ? [name.replace(THOUSANDTHS, '_percent').replace(/percentage_percent$/, 'percent'), part / 1_000]
        : [name, inPercent(part)],
    ),
  );
}
