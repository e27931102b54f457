import { literal, type WhereOptions } from 'sequelize';
import { patternOf } from './conditions.ts';
import { connection } from './runs/run.ts';

const LARGEST_ID = 2_147_483_647;
/** As outputs and workflows are named: `job-3-run-1`. */
const NUMBERED = /\b(job|project|dataset)-(\d+)(-run-\d+)?\b/gi;

/** Where a search looks, in SQL. */
interface Searched {
  /** Its name, and other columns of text: a part of either is enough. */
  name: string;
  texts: string[];
  number: string;
  /** The same as a condition that an index answers, where `number` is no column. */
  isNumber?: (number: number) => string;
  /** Words for all of a kind, so that `job 3` is the job with that number. */
  kinds: Record<string, string>;
  /** Whether it trains on one of these datasets, which a subquery gives. */
  trainsOn?: (datasets: string) => string;
  /** Whether it is of one whose texts, or those of its data, have this pattern: in place of looking for it in `name` and `texts`. */
  ofOwners?: (pattern: string, datasets: string) => string;
}

/** One of those that a subquery gives. Unlike IN, each of several that are joined by OR finds its rows by an index. */
const oneOf = (column: string, subquery: string) => `${column} = ANY (ARRAY(${subquery}))`;
const ofProject = (id: string, datasets: string) =>
  oneOf(id, `SELECT project_id FROM trait_datasets WHERE ${oneOf('dataset_id', datasets)}`);

const SEARCHED = {
  dataset: {
    name: '"Dataset"."name"',
    texts: ['"Dataset"."filename"'],
    number: '"Dataset"."id"',
    kinds: { dataset: 'TRUE' },
  },
  job: {
    name: '"Job"."name"',
    texts: ['"Job"."model_name"'],
    number: '"Job"."id"',
    kinds: { job: 'TRUE' },
    trainsOn: (datasets) => oneOf('"Job"."dataset_id"', datasets),
  },
  project: {
    name: '"Project"."name"',
    texts: ['"Project"."base_model"'],
    number: '"Project"."id"',
    kinds: { project: 'TRUE' },
    trainsOn: (datasets) => ofProject('"Project"."id"', datasets),
  },
  run: {
    name: 'coalesce(job.name, project.name)',
    texts: [],
    number: 'coalesce("Run"."job_id", "Run"."project_id")',
    kinds: { run: 'TRUE', job: '"Run"."job_id" IS NOT NULL', project: '"Run"."project_id" IS NOT NULL' },
    isNumber: (number) => `"Run"."job_id" = ${number} OR "Run"."project_id" = ${number}`,
    ofOwners: (pattern, datasets) =>
      [
        oneOf(
          '"Run"."job_id"',
          `SELECT id FROM jobs WHERE name ILIKE ${pattern} OR model_name ILIKE ${pattern} OR ${oneOf('dataset_id', datasets)}`,
        ),
        oneOf(
          '"Run"."project_id"',
          `SELECT id FROM projects WHERE name ILIKE ${pattern} OR base_model ILIKE ${pattern} OR ${ofProject('id', datasets)}`,
        ),
      ].join(' OR '),
  },
} satisfies Record<string, Searched>;

/** What a search finds: things of which each word is in a name, is their number, or is in the name of what they train on. */
export function found(
  text: string,
  kind: keyof typeof SEARCHED,
): { where: WhereOptions; first: [ReturnType<typeof literal>, 'DESC'][] } {
  const searched: Searched = SEARCHED[kind];
  const words = wordsOf(text);
  const numbers = words.flatMap((word) => numberOf(word) ?? []);
  return {
    where: literal(words.map((word) => `(${placesOf(word, searched).join(' OR ')})`).join(' AND ')),
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

function placesOf(word: string, searched: Searched): string[] {
  const { name, texts, number: column, isNumber, kinds, trainsOn, ofOwners } = searched;
  const pattern = escaped(word);
  const datasets = `SELECT id FROM datasets WHERE name ILIKE ${pattern}`;
  const number = numberOf(word);
  const kind = kinds[word.toLowerCase()];
  return [
    ...(ofOwners === undefined
      ? [name, ...texts].map((text) => `${text} ILIKE ${pattern}`)
      : [ofOwners(pattern, datasets)]),
    ...(number === null ? [] : [isNumber?.(number) ?? `${column} = ${number}`]),
    ...(kind === undefined ? [] : [kind]),
    ...(trainsOn === undefined ? [] : [trainsOn(datasets)]),
  ];
}

function numberOf(word: string): number | null {
  const [, digits] = /^#?(\d{1,10})$/.exec(word) ?? [];
  return digits !== undefined && Number(digits) <= LARGEST_ID ? Number(digits) : null;
}
