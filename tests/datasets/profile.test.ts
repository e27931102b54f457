import assert from 'node:assert/strict';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';
import { csvRows } from '../support/rows.ts';

const ROWS = [
  ['Wie ist das Wetter heute in der Stadt?', 'The weather in the city is sunny today, and it will stay that way.'],
  ['Was gibt es heute zum Mittagessen?', 'There is soup for lunch today, with bread and some cheese.'],
  ['Was gibt es heute zum Mittagessen?', 'There is soup for lunch today, with bread and some cheese.'],
  ['', 'An answer to nothing.'],
  ['Und?', ' '],
] as const;

describe('what is known of a dataset', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let path: string;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
    const csv = ['frage,antwort', ...ROWS.map((cells) => cells.map((cell) => `"${cell}"`).join(','))].join('\n');
    const { body } = await api.upload('rows.csv', csv, { name: 'rows' });
    path = `/datasets/${body.id}`;
    assert.equal(body.mapping, null);
  });
  after(async () => {
    await api.close();
    await database.remove();
  });

  it('says what a mapping would make of every row, and changes nothing', async () => {
    const { body } = await api.call('POST', `${path}/validate`, {
      mapping: { prompt: 'frage', completion: 'antwort' },
    });
    assert.deepEqual(body, {
      valid: false,
      mapping: { prompt: 'frage', completion: 'antwort' },
      rows: 5,
      usable_rows: 3,
      unusable: [
        {
          problem: 'the prompt is empty',
          rows: 1,
          first_row: 3,
          values: { frage: '', antwort: 'An answer to nothing.' },
        },
        { problem: 'the answer is empty', rows: 1, first_row: 4, values: { frage: 'Und?', antwort: ' ' } },
      ],
      unused: [],
    });
    assert.equal((await api.call('GET', path)).body.mapping, null);
    const without = await api.call('POST', `${path}/validate`, {});
    assert.equal(without.status, 400);
    assert.match(String(without.body.detail), /mapping is required.*frage, antwort/);
  });

  it('takes another mapping, and profiles what it makes', async () => {
    const before = (await api.call('GET', `${path}/profile`)).body;
    assert.deepEqual([before.usable_rows, before.roles], [0, []]);
    const { body } = await api.call('PATCH', path, { mapping: { prompt: 'frage', completion: 'antwort' } });
    assert.deepEqual([body.usable_row_count, (body.unusable as unknown[]).length], [3, 2]);

    const profile = (await api.call('GET', `${path}/profile`)).body as {
      rows: number;
      usable_rows: number;
      duplicates: number;
      longest_row: number;
      characters: { min: number; median: number; max: number };
      character_histogram: { from: number; to: number; rows: number }[];
      columns: { name: string; empty: number; distinct: number; characters: { max: number } }[];
      roles: { role: string; messages: number; languages: { language: string }[] }[];
    };
    assert.deepEqual([profile.rows, profile.usable_rows, profile.duplicates, profile.longest_row], [5, 3, 1, 0]);
    const lengths = ROWS.slice(0, 3).map(([question, answer]) => question.length + answer.length);
    assert.deepEqual(
      [profile.characters.min, profile.characters.median, profile.characters.max],
      [lengths[1], lengths[2], lengths[0]],
    );
    assert.deepEqual(
      profile.character_histogram.flatMap(({ from, to, rows }) => Array(rows).fill([from, to])),
      lengths.sort((a, b) => a - b).map((length) => [length - (length % 5), length - (length % 5) + 4]),
    );
    assert.deepEqual(
      profile.columns.map(({ name, empty, characters }) => [name, empty, characters.max]),
      [
        ['frage', 1, ROWS[0][0].length],
        ['antwort', 0, ROWS[0][1].length],
      ],
    );
    assert.deepEqual(
      profile.roles.map(({ role, messages, languages }) => [role, messages, languages[0]?.language]),
      [
        ['assistant', 3, 'eng'],
        ['user', 3, 'deu'],
      ],
    );
  });

  it('is made again where an earlier version kept it, which says nothing of preferences', async () => {
    await api.call('GET', `${path}/profile`);
    await database.sequelize.query("UPDATE datasets SET profile = profile - 'preferences'");
    const { body } = await api.call('GET', `${path}/profile`);
    assert.equal(body.preferences, null);
  });

  it('has no more different values than rows, though it counts them about', async () => {
    const { body: dataset } = await api.upload('rows.csv', csvRows(800), { name: 'many rows' });
    const { body } = await api.call('GET', `/datasets/${dataset.id}/profile`);
    const [input] = body.columns as { distinct: number }[];
    assert.ok(input && input.distinct > 700 && input.distinct <= 800, `${input?.distinct} of 800`);
  });
});
