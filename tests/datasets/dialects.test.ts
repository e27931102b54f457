import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { type Converted, convert } from '../../src/datasets/convert.ts';
import { withDuckDb } from '../../src/datasets/duckdb.ts';
import { plainConversations } from '../../src/datasets/plain-conversations.ts';
import { previewRows } from '../../src/datasets/preview.ts';
import { isEmpty } from '../../src/datasets/rows/fields.ts';
import { FORMATS } from '../../src/datasets/rows/formats.ts';
import type { Json, JsonObject } from '../../src/datasets/rows/json-value.ts';
import type { Mapping } from '../../src/datasets/rows/mapping.ts';
import type { Message } from '../../src/datasets/rows/messages.ts';
import { type Cells, readRow } from '../../src/datasets/rows/read-row.ts';
import { loadEnv, PROJECT_ROOT } from '../../src/platform/env.ts';
import { ensureTrainerPython } from '../../src/platform/python.ts';

const DIALECTS = join(PROJECT_ROOT, 'tests', 'fixtures', 'dialects');

interface Case {
  file: string;
  what: string;
  mapping: Mapping | null;
  /** What is given in place of what would be found. */
  given?: Mapping;
  /** Of each row; null where it gives none. */
  conversations: (Message[] | null)[];
  /** Of preferences: what the other answer has. */
  rejected?: (Message[] | null)[];
  unusable?: string[];
  unused?: string[];
  /** Of the first row. */
  tools?: unknown[];
  notes?: string;
}

const CASES = JSON.parse(await readFile(join(DIALECTS, 'table.json'), 'utf8')) as Case[];

/** Files in the dialects that are published, each with what its author meant. */
describe('dialects of data files', function () {
  this.timeout(120_000);
  let dir: string;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'mtm-test-'));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  async function read({
    file,
    given = undefined,
  }: Case): Promise<Converted & { rows: Awaited<ReturnType<typeof previewRows>> }> {
    const workDir = await mkdtemp(join(dir, 'work-'));
    const parquetPath = join(workDir, 'whole.parquet');
    const source = { sourcePath: join(DIALECTS, file), originalName: file, parquetPath, workDir };
    const converted = await convert({ ...source, mapping: given ?? null }, () => {});
    const { columns, mapping } = converted;
    const rows = await previewRows({ dataset: { parquet_path: parquetPath, columns, mapping }, offset: 0, count: 100 });
    return { ...converted, rows };
  }

  for (const one of CASES) {
    it(`${one.what}: ${one.file}`, async () => {
      const { rows, ...found } = await read(one);
      assert.deepEqual(found.mapping, one.mapping);
      assert.deepEqual(
        rows.map(({ messages }) => messages),
        one.conversations,
      );
      assert.deepEqual(
        rows.map(({ rejected }) => rejected),
        one.rejected ?? one.conversations.map(() => null),
      );
      assert.deepEqual(found.unusable.map(({ problem }) => problem).sort(), [...(one.unusable ?? [])].sort());
      assert.deepEqual(found.unused.map(({ part }) => part).sort(), [...(one.unused ?? [])].sort());
      assert.equal(found.usableRowCount, one.conversations.filter(Boolean).length);
      if (one.tools) assert.deepEqual(rows[0]?.tools, one.tools);
      assert.match(found.notes.join(' '), new RegExp(one.notes ?? ''));
    });
  }

  it('are read by DuckDB alone, where they are nothing but texts, in the same way', async () => {
    // Let isNothing (src/datasets/plain-conversations.ts) know no `nan` and the rows differ.
    const texts = [
      'a',
      '',
      ' ',
      '\u00a0',
      '\ufeff',
      'nan',
      ' NaN ',
      '<NA>',
      'None',
      'null',
      'two\nlines',
      '"quoted"',
      'ü\u2028',
      '1e5',
      null,
    ];
    const mappings: Mapping[] = [
      { text: 'p' },
      { prompt: 'p', completion: 'c' },
      { prompt: 'p', completion: 'c', system: 's', context: 'x', reasoning: 'r' },
      { instruction: 'p', input: 'x', output: 'c', system: 's' },
    ];
    const rows: Cells[] = texts.flatMap((one, i) => [
      ...['p', 'c', 's', 'x', 'r'].map((column) => ({
        p: 'P',
        c: 'C',
        s: 'S',
        x: 'X',
        r: 'R',
        id: '7',
        [column]: one,
        u: texts[i] ?? null,
      })),
    ]);
    const workDir = await mkdtemp(join(dir, 'work-'));
    const sourcePath = join(workDir, 'rows.jsonl');
    await writeFile(sourcePath, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const parquetPath = join(workDir, 'whole.parquet');
    for (const mapping of mappings) {
      await convert({ sourcePath, originalName: 'rows.jsonl', parquetPath, workDir, mapping }, () => {});
      const found = await withDuckDb({ memory: '256MB', folders: [workDir] }, async (connection) => {
        const plain = await plainConversations(connection, { parquetPath, mapping });
        assert.ok(plain !== null);
        const read = await connection.runAndReadAll(
          `SELECT problem, CASE WHEN problem IS NULL THEN messages END AS messages, unused FROM ${plain} ORDER BY row`,
        );
        return read.getRowObjects();
      });
      const expected = rows.map((row) => {
        const { conversation, problem, unused } = readRow(mapping, row);
        return { problem, messages: conversation?.messages ?? null, unused: [...unused].sort() };
      });
      assert.deepEqual(
        found.map(({ problem, messages, unused }) => ({
          problem,
          messages: messages === null ? null : JSON.parse(String(messages)),
          unused: (JSON.parse(String(unused ?? '[]')) as string[]).sort(),
        })),
        expected,
      );
    }
  });

  it('are read in the same way by the trainer by hand', async () => {
    const python = await ensureTrainerPython({ env: loadEnv(), onProgress: (line) => console.log(line) });
    // By hand there is no mapping that takes one answer of two.
    const files = CASES.filter(({ mapping, given }) => mapping !== null && !(given && 'chosen' in given));
    const code = `
import json, sys
from pathlib import Path
from trainer.datasets.rows import read_file
print(json.dumps([[[row.messages, row.rejected] for row in read_file(Path(path), "skip").conversations] for path in sys.argv[1:]]))`;
    const paths = files.map(({ file }) => join(DIALECTS, file));
    const { stdout } = await execa(python, ['-c', code, ...paths], { cwd: PROJECT_ROOT });
    const found = JSON.parse(stdout) as (Message[] | null)[][][];
    for (const [i, { file, conversations, rejected }] of files.entries()) {
      const both = conversations.flatMap((one, row) => (one ? [[one, rejected?.[row] ?? null]] : []));
      assert.deepEqual(
        found[i],
        both.map((sides) => sides.map((side) => side && withObjects(side))),
        file,
      );
    }
  });

  it('lose nothing in silence: what makes no difference to the conversation is reported, or known to mean nothing', async () => {
    let tried = 0;
    const lost: string[] = [];
    for (const one of CASES.filter(
      ({ file, mapping }) => file.endsWith('.jsonl') && mapping !== null && file !== 'oasst.jsonl',
    )) {
      const text = (await readFile(join(DIALECTS, one.file), 'utf8')).replaceAll('NaN', 'null');
      for (const line of text.trim().split('\n')) {
        const cells = JSON.parse(line) as Cells;
        const whole = readRow(one.mapping as Mapping, cells);
        if (whole.conversation === null) continue;
        for (const { path, value, without } of deletions(cells)) {
          tried += 1;
          const less = readRow(one.mapping as Mapping, without as Cells);
          if (JSON.stringify(less.conversation) !== JSON.stringify(whole.conversation)) continue;
          const named = [...whole.unused].some(
            (part) => path.some((key) => part.split(/[.[\] ]+/).includes(key)) || part.includes('behind'),
          );
          if (!named && !path.some(meansNothing) && !isDefault(path, value))
            lost.push(`${one.file}: ${path.join('.')}`);
        }
      }
    }
    assert.deepEqual([...new Set(lost)], Object.keys(SAYS_NOTHING));
    assert.ok(tried > 200, `${tried} parts were taken out`);
  });
});

/** What makes no difference and is not reported, and why. */
const SAYS_NOTHING = {
  'gemini.jsonl: systemInstruction.role': 'the name of its column says the same',
  'argilla.jsonl: response.0': 'its status says that it does not count',
  'deleted.jsonl: deleted': 'false is what holds without it',
  'pairs-scored.jsonl: prompt': 'both answers begin with it',
  'pairs-scored.jsonl: chosen.0': 'the prompt says the same',
  'pairs-scored.jsonl: rejected.0': 'the prompt says the same',
  'nan.jsonl: input': 'it stands for a value that is missing',
};

/** Every object without one of its keys, and every list without one of its entries, unless that is empty. */
function* deletions(value: Json, path: string[] = []): Generator<{ path: string[]; value: Json; without: Json }> {
  if (Array.isArray(value)) {
    for (const [i, one] of value.entries()) {
      if (isEmpty(one)) continue;
      yield { path: [...path, String(i)], value: one, without: value.filter((_one, j) => j !== i) };
      for (const { without, ...part } of deletions(one, [...path, String(i)]))
        yield { ...part, without: value.map((other, j) => (j === i ? without : other)) };
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, one] of Object.entries(value)) {
      if (isEmpty(one)) continue;
      const { [key]: _gone, ...others } = value as JsonObject;
      yield { path: [...path, key], value: one, without: others };
      for (const { without, ...part } of deletions(one, [...path, key]))
        yield { ...part, without: { ...value, [key]: without } };
    }
  }
}

const MEAN_NOTHING = new Set([
  ...FORMATS.columns.meaningless,
  ...FORMATS.message.meaningless,
  'signature',
  'type',
  'toolUseId',
]);

/** A mark that says what holds without it as well. */
function isDefault(path: string[], value: Json): boolean {
  return FORMATS.message.learnt.includes(path.at(-1) ?? '') && (value === 1 || value === true);
}

function meansNothing(key: string): boolean {
  return MEAN_NOTHING.has(key.toLowerCase()) || MEAN_NOTHING.has(key);
}

/** As the trainer has them: arguments of calls as objects. */
function withObjects(messages: Message[]): unknown[] {
  return messages.map(({ tool_calls, ...message }) =>
    tool_calls === undefined
      ? message
      : {
          ...message,
          tool_calls: tool_calls.map((call) => {
            const { arguments: given } = call.function;
            return {
              ...call,
              function: { ...call.function, arguments: typeof given === 'string' ? JSON.parse(given) : given },
            };
          }),
        },
  );
}
