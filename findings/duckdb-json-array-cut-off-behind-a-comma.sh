#!/usr/bin/env bash
# @duckdb/node-api 1.5.6-r.1 (DuckDB 1.5.6), read_json_objects(format='array') and read_json.
#
# Guess: of a JSON array that was cut off in transit, every prefix is refused, as any JSON parser does.
# Behaviour: a prefix that ends within an object, or behind one, is refused; one that ends behind the comma after an object
# is read as a whole array, without a warning. So whether a truncated download is noticed depends on the byte at which it
# broke off. (Seen where a dataset of many rows had been cut off at a block's border: it was taken as complete.)
#
# Output seen:
#   whole array: 2 rows
#   cut off within an object: refused
#   cut off behind an object: refused
#   cut off behind a comma: 2 rows
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @duckdb/node-api@1.5.6-r.1
cat > look.mjs <<'JS'
import { writeFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';

const connection = await (await DuckDBInstance.create(':memory:')).connect();
const seen = [];
for (const [what, text] of [
  ['whole array', '[{"a": 1}, {"a": 2}]'],
  ['cut off within an object', '[{"a": 1}, {"a": '],
  ['cut off behind an object', '[{"a": 1}, {"a": 2}'],
  ['cut off behind a comma', '[{"a": 1}, {"a": 2},'],
]) {
  writeFileSync('rows.json', text);
  const count = async (source) =>
    Number((await connection.runAndReadAll(`SELECT count(*) FROM ${source}`)).getRows()[0][0]);
  const outcome = await count("read_json_objects('rows.json', format='array')").then((n) => `${n} rows`, () => 'refused');
  seen.push(`${what}: ${outcome}`);
}
console.log(seen.join('\n'));
JS
node look.mjs | tee seen
diff - seen <<'EXPECTED'
whole array: 2 rows
cut off within an object: refused
cut off behind an object: refused
cut off behind a comma: 2 rows
EXPECTED
