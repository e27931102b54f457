import { literal, type WhereOptions } from 'sequelize';
import { patternOf } from './conditions.ts';
import { connection } from './runs/run.ts';

const LARGEST_ID = 2_147_483_647;
/** As outputs and workflows are named: `job-3-run-1`. */
const NUMBERED = /\b(job|project|dataset)-(\d+)(-run-\d+)?\b/gi;

/** Where a search looks, in SQL. */
interface Searched {
  id: string;
  name: string;
  number: string;
  /** Selects of ids: whose texts, or those of what they are of and train on, have a pattern. Each finds its rows by an index, which one condition over several tables does not. */
  having: (pattern: string) => string[];
  /** A select of the ids of what has this number. */
  numbered: (number: number) => string;
  /** Words for all of a kind, so that `job 3` is the job with that number; null: all that is searched is of it. */
  kinds: Record<string, string | null>;
}

const DATA_OF_PROJECTS =
  'trait_datasets AS used JOIN datasets AS data ON data.id = used.dataset_id WHERE data.name ILIKE';

const SEARCHED: Record<'dataset' | 'job' | 'project' | 'run', Searched> = {
  dataset: {
    id: '"Dataset"."id"',
    name: '"Dataset"."name"',
    number: '"Dataset"."id"',
    having: (pattern) => [`SELECT id FROM datasets WHERE name ILIKE ${pattern} OR filename ILIKE ${pattern}`],
    numbered: (number) => `SELECT id FROM datasets WHERE id = ${number}`,
    kinds: { dataset: null },
  },
  job: {
    id: '"Job"."id"',
    name: '"Job"."name"',
    number: '"Job"."id"',
    having: (pattern) => [
      `SELECT id FROM jobs WHERE name ILIKE ${pattern} OR model_name ILIKE ${pattern}`,
      `SELECT jobs.id FROM jobs JOIN datasets AS data ON data.id = jobs.dataset_id WHERE data.name ILIKE ${pattern}`,
    ],
    numbered: (number) => `SELECT id FROM jobs WHERE id = ${number}`,
    kinds: { job: null },
  },
  project: {
    id: '"Project"."id"',
    name: '"Project"."name"',
    number: '"Project"."id"',
    having: (pattern) => [
      `SELECT id FROM projects WHERE name ILIKE ${pattern} OR base_model ILIKE ${pattern}`,
      `SELECT used.project_id FROM ${DATA_OF_PROJECTS} ${pattern}`,
    ],
    numbered: (number) => `SELECT id FROM projects WHERE id = ${number}`,
    kinds: { project: null },
  },
  run: {
    id: '"Run"."id"',
    name: 'coalesce(job.name, project.name)',
    number: 'coalesce("Run"."job_id", "Run"."project_id")',
    having: (pattern) => [
      ...SEARCHED.job.having(pattern).map((jobs) => `SELECT id FROM runs WHERE job_id IN (${jobs})`),
      ...SEARCHED.project.having(pattern).map((projects) => `SELECT id FROM runs WHERE project_id IN (${projects})`),
    ],
    numbered: (number) => `SELECT id FROM runs WHERE job_id = ${number} OR project_id = ${number}`,
    kinds: {
      run: null,
      job: 'SELECT id FROM runs WHERE job_id IS NOT NULL',
      project: 'SELECT id FROM runs WHERE project_id IS NOT NULL',
    },
  },
};

/** What a search finds: things of which each word is in a name, is their number, or is in the name of what they train on. */
export function found(
  text: string,
  kind: keyof typeof SEARCHED,
): { where: WhereOptions; first: [ReturnType<typeof literal>, 'DESC'][] } {
  const searched = SEARCHED[kind];
  const words = wordsOf(text);
  const numbers = words.flatMap((word) => numberOf(word) ?? []);
  return {
    where: literal(words.map((word) => isPlaceOf(word, searched)).join(' AND ')),
    // Whoever types a number means that one, and not all whose names have it too; and whoever types a name, not what trains on data of that name.
    first: [
      ...numbers.map((number) => `${searched.number} = ${number}`),
      words.map((word) => `${searched.name} ILIKE ${escaped(word)}`).join(' AND '),
    ].map((condition) => [literal(`(${condition})`), 'DESC']),
  };
}

function wordsOf(text: string): string[] {
  return text
    .replaceAll(NUMBERED, '$1 $2')
    .split(/\s+/)
    .filter((word) => word !== '');
}

function escaped(word: string): string {
  return connection().escape(patternOf(word));
}

function isPlaceOf(word: string, { id, having, numbered, kinds }: Searched): string {
  const number = numberOf(word);
  const kind = kinds[word.toLowerCase()];
  if (kind === null) return 'TRUE';
  const places = having(escaped(word));
  if (number !== null) places.push(numbered(number));
  if (kind !== undefined) places.push(kind);
  return `${id} IN (${places.join(' UNION ALL ')})`;
}

function numberOf(word: string): number | null {
  const [, digits] = /^#?(\d{1,10})$/.exec(word) ?? [];
  return digits !== undefined && Number(digits) <= LARGEST_ID ? Number(digits) : null;
}
