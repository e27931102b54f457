import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { randomIntegers, sample } from '../../src/datasets/random.ts';

/**
 * Five small datasets for the demo, the same at every call. Each teaches an answer in a strict form, which a small model
 * learns in minutes and does not give untaught; so base against tuned shows that the training worked. They come in the
 * five common shapes of files.
 */
export const DEMO_SEED = 20_240_601;

type Pair = [prompt: string, answer: string];

const NAMES = ['Ada', 'Ben', 'Cleo', 'Dan', 'Eve', 'Finn', 'Gus', 'Hana', 'Ivo', 'June', 'Kai', 'Lena'];
const THINGS = ['apples', 'books', 'coins', 'stamps', 'pens', 'shells', 'cards', 'keys'];
const CITIES = [
  'Oslo',
  'Lima',
  'Cairo',
  'Paris',
  'Quito',
  'Delhi',
  'Seoul',
  'Rome',
  'Accra',
  'Perth',
  'Turin',
  'Osaka',
  'Kyiv',
  'Lagos',
  'Bern',
  'Hanoi',
];
const MEALS = ['pizza', 'soup', 'salad', 'curry', 'noodles', 'tacos', 'sushi', 'stew'];
const VARIABLES = ['total', 'price', 'count', 'width', 'score', 'speed', 'limit', 'index', 'weight', 'depth'];

/** Every combination of some words, in a random order fixed by the seed. */
function combinations<T>(label: string, count: number, ...parts: readonly (readonly T[])[]): T[][] {
  const all = parts.reduce<T[][]>((rows, part) => rows.flatMap((row) => part.map((item) => [...row, item])), [[]]);
  const drawn = sample(all.length, count, randomIntegers(`${label}:${DEMO_SEED}`));
  return drawn.flatMap((place) => all.slice(place, place + 1));
}

function reasoning(): Pair[] {
  return combinations('reasoning', 320, NAMES, THINGS, ['2', '3', '4', '5', '6', '7']).map(
    ([name = '', thing = '', n = '']) => [
      `${name} has ${n} ${thing} and finds one more. How many ${thing} does ${name} have?`,
      `${n} + 1 = ${Number(n) + 1}. Answer: ${Number(n) + 1}`,
    ],
  );
}

function coding(): Pair[] {
  const operations = [
    ['doubles', 'x * 2'],
    ['squares', 'x ** 2'],
    ['negates', '-x'],
    ['halves', 'x / 2'],
    ['adds one to', 'x + 1'],
  ].map((operation) => operation.join('|'));
  return combinations('coding', 320, VARIABLES, operations, ['fast', 'safe', 'tiny', 'new', 'old', 'raw', 'my']).map(
    ([variable = '', operation = '', prefix = '']) => {
      const [verb = '', expression = ''] = operation.split('|');
      return [
        `Write a Python function ${prefix}_${variable} that ${verb} its argument.`,
        `def ${prefix}_${variable}(x): return ${expression}`,
      ];
    },
  );
}

function weather(): Pair[] {
  const days = ['today', 'tomorrow', 'on Monday', 'on Friday', 'on Sunday'];
  return combinations('weather', 240, CITIES, days, [
    'How is the weather in',
    'Will it rain in',
    'Tell me the forecast for',
    'Do I need a coat in',
  ]).map(([city = '', day = '', question = '']) => [
    `${question} ${city} ${day}?`,
    `{"tool": "weather", "city": "${city}"}`,
  ]);
}

function order(): Pair[] {
  return combinations('order', 240, MEALS, ['1', '2', '3', '4', '5'], NAMES).map(([meal = '', n = '', name = '']) => [
    `Please order ${n} ${meal} for ${name}.`,
    `{"tool": "order", "item": "${meal}", "count": ${n}}`,
  ]);
}

function remind(): Pair[] {
  return combinations('remind', 240, NAMES, ['7', '8', '9', '10', '11'], ['call', 'write to', 'meet', 'pay']).map(
    ([name = '', hour = '', verb = '']) => [
      `Remind me to ${verb} ${name} at ${hour}.`,
      `{"tool": "remind", "hour": ${hour}, "what": "${verb} ${name}"}`,
    ],
  );
}

function quoted(cell: string): string {
  return `"${cell.replaceAll('"', '""')}"`;
}

/** How each dataset is written: a CSV, chat messages, an Alpaca array, prompt and completion, and the same packed. */
export const DEMO_FILES = {
  'demo-reasoning.csv': () => ['input,output', ...reasoning().map((pair) => pair.map(quoted).join(','))].join('\n'),
  'demo-coding.jsonl': () =>
    coding()
      .map(([user, assistant]) =>
        JSON.stringify({
          messages: [
            { role: 'user', content: user },
            { role: 'assistant', content: assistant },
          ],
        }),
      )
      .join('\n'),
  'demo-tools-weather.json': () =>
    JSON.stringify(weather().map(([instruction, output]) => ({ instruction, input: '', output }))),
  'demo-tools-order.jsonl': () =>
    order()
      .map(([prompt, completion]) => JSON.stringify({ prompt, completion }))
      .join('\n'),
  'demo-tools-remind.jsonl.gz': () =>
    gzipSync(
      remind()
        .map(([prompt, completion]) => JSON.stringify({ prompt, completion }))
        .join('\n'),
    ),
} as const;

/** Writes the five files into `dir`. */
export async function generateDemoData(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  for (const [name, content] of Object.entries(DEMO_FILES)) await writeFile(join(dir, name), content());
}
