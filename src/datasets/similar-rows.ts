import type { DuckDBConnection } from '@duckdb/node-api';

/**
 * Rows are similar when at least this part, in percent, of the word triples that occur in one of them occurs in both
 * (Jaccard index). Higher than what is usual for web pages: rows are short, and those made from a template share a lot.
 */
const SIMILAR_PERCENT = 80;

/**
 * MinHash with bands (Broder 1997; Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, 3.4): rows are compared
 * when five minima of one of twelve bands are equal. Of rows with a Jaccard index s that are 1 - (1 - s^5)^12: 99 % at
 * 0.8, and all but one in 10,000 at 0.9; a third at 0.5, which the comparison then sorts out.
 */
const BANDS = 12;
const HASHES_PER_BAND = 5;

/** Of each part, so many rows of a band are compared with: where a template fills it, not each with each. */
const COMPARED_PER_BAND = 4;

/** What is beyond is not compared: 2048 rows at a time are in memory, at some ten bytes a character. */
const MOST_CHARACTERS = 20_000;

/** What two conversations are compared by: what is said and called in them, but for the system prompt, which many rows share. */
const TEXT = `concat_ws(' ', array_to_string(json_extract_string(messages, '$[*].content')[CASE messages ->> '$[0].role' WHEN 'system' THEN 2 ELSE 1 END:], ' '),
  array_to_string(json_extract_string(messages, '$[*].tool_calls'), ' '))`;

/** Words in lower case; where words are written without spaces, each character of Chinese. */
const WORDS = `regexp_extract_all(lower((${TEXT})[:${MOST_CHARACTERS}]), '\\p{Han}|[\\p{L}\\p{N}]+')`;

/** A text of one or two words has one triple, which ends in nothing; one without words has none. */
const TRIPLES = `list_distinct(list_transform(range(1, greatest(len(words) - 1, least(len(words), 1) + 1)), lambda i: hash(words[i], words[i + 1], words[i + 2])))`;

/**
 * Makes the table `similar_rows` (id, other, same) of pairs of rows from different parts, `other` from the one with the lower
 * number: the conversations are the same, or similar. Where many rows are half alike, each is compared with some of them
 * alone, so that a few pairs may be missed.
 * @param documents a query for id BIGINT, part INTEGER, messages (JSON text)
 */
export async function findSimilarRows(connection: DuckDBConnection, documents: string): Promise<void> {
  const minima = Array.from({ length: BANDS }, (_, band) => {
    const hashes = Array.from(
      { length: HASHES_PER_BAND },
      (_, i) => `min(hash(triple, ${band * HASHES_PER_BAND + i}))`,
    );
    return `hash(${band}, ${hashes.join(', ')})`;
  });
  for (const table of ['bands', 'candidates', 'compared', 'similar_rows'])
    await connection.run(`DROP TABLE IF EXISTS ${table}`);
  const triplesOf = (rows: string) =>
    `(SELECT id, part, messages, ${TRIPLES} AS triples FROM (SELECT id, part, messages, ${WORDS} AS words FROM (${rows})))`;
  await connection.run(
    `CREATE TABLE bands AS
       SELECT id, part, unnest([${minima.join(', ')}]) AS band FROM (SELECT id, part, unnest(triples) AS triple FROM ${triplesOf(documents)}) GROUP BY id, part
       UNION ALL SELECT id, part, hash('same', messages) FROM (${documents})`,
  );
  await connection.run(
    `CREATE TABLE candidates AS
       WITH shared AS (FROM bands WHERE band IN (SELECT band FROM bands GROUP BY band HAVING min(part) < max(part))),
         first_rows AS (FROM shared QUALIFY row_number() OVER (PARTITION BY band, part ORDER BY id) <= ${COMPARED_PER_BAND})
       SELECT DISTINCT shared.id, first_rows.id AS other FROM shared JOIN first_rows ON shared.band = first_rows.band AND first_rows.part < shared.part`,
  );
  await connection.run(
    `CREATE TABLE compared AS SELECT id, messages, triples, len(triples) AS size FROM
       ${triplesOf(`FROM (${documents}) WHERE id IN (SELECT id FROM candidates UNION SELECT other FROM candidates)`)}`,
  );
  await connection.run(
    `CREATE TABLE similar_rows AS
       SELECT id, other, same FROM (
         SELECT c.id, c.other, a.messages = b.messages AS same, a.size + b.size AS sizes, len(list_intersect(a.triples, b.triples)) AS shared
         FROM candidates c JOIN compared a ON a.id = c.id JOIN compared b ON b.id = c.other
         -- Where one is so much longer, they are not, and their triples need not be looked at.
         WHERE a.messages = b.messages OR 100 * least(a.size, b.size) >= ${SIMILAR_PERCENT} * greatest(a.size, b.size))
       WHERE same OR 100 * shared >= ${SIMILAR_PERCENT} * (sizes - shared)`,
  );
}
