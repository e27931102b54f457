// promptfoo: a prompt over two models, with what their answers have to be.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const { OPENAI_BASE_URL: apiBaseUrl, OPENAI_API_KEY: apiKey, BASE_MODEL: model } = process.env;
const format = {
  type: 'json_schema',
  json_schema: {
    name: 'city',
    schema: { type: 'object', properties: { city: { enum: ['Oslo'] } }, required: ['city'] },
  },
};
const provider = (label, more) => ({
  id: `openai:chat:${model}`,
  label,
  config: { apiBaseUrl, apiKey, temperature: 0, max_tokens: 100, ...more },
});
const config = {
  prompts: ['Where does it rain? {{where}}'],
  providers: [provider('text', {}), provider('json', { response_format: format })],
  tests: [{ vars: { where: 'In Oslo.' }, assert: [{ type: 'is-json' }] }],
};
writeFileSync('promptfooconfig.json', JSON.stringify(config));
const command = join(dirname(fileURLToPath(import.meta.url)), 'node_modules', '.bin', 'promptfoo');
const env = {
  ...process.env,
  PROMPTFOO_DISABLE_TELEMETRY: '1',
  PROMPTFOO_DISABLE_UPDATE: '1',
  PROMPTFOO_CONFIG_DIR: process.cwd(),
};
try {
  execFileSync(command, ['eval', '--no-cache', '-c', 'promptfooconfig.json', '-o', 'found.json'], {
    env,
    stdio: 'inherit',
  });
} catch (error) {
  // It ends with 100 where an answer is not as it has to be.
  assert.equal(error.status, 100);
}
const { results } = JSON.parse(readFileSync('found.json', 'utf8')).results;
const passed = Object.fromEntries(results.map(({ provider: { label }, success }) => [label, success]));
assert.equal(passed.json, true);
console.log(JSON.stringify(passed));
