import assert from 'node:assert/strict';
import { type ApiOnly, startTestApi } from './api.ts';
import type { TestDatabase } from './database.ts';
import { sharedServers } from './shared-servers.ts';

export type Labels = Record<string, string>;
export interface Sample {
  labels: Labels;
  value: number;
}

/** What a scrape told, by the names of its samples: of a histogram those that end in `_count`, `_sum` and `_bucket`. */
export interface Scrape {
  text: string;
  names: Set<string>;
  samples(name: string): Sample[];
  /** The value of the one sample that has all of these labels. Undefined where there is none. */
  value(name: string, labels?: Labels): number | undefined;
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** An API that reads the figures anew for each scrape. It asks the Temporal of the tests: to ask one that is away takes its time. */
export async function startScrapedApi(database: TestDatabase): Promise<ApiOnly> {
  const temporal = sharedServers()?.temporalAddress;
  return await startTestApi(database, temporal ? { temporalAddress: temporal } : {}, { figuresFreshMs: 0 });
}

/** Asks a service for its metrics, in the text format of Prometheus: whose own reading of it is tried in tests/service/monitoring.test.ts. */
export async function scrape(url: string, headers: Record<string, string> = {}): Promise<Scrape> {
  const response = await fetch(`${url}/metrics`, { headers });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  const all = new Map<string, Sample[]>();
  for (const line of text.split('\n').filter((each) => each !== '' && !each.startsWith('#'))) {
    const [, name = '', labels = '', value] = SAMPLE.exec(line) ?? assert.fail(`No sample: ${line}`);
    const pairs = [...labels.matchAll(LABEL)].map(([, label, text]) => [label, text]);
    const sample = { labels: Object.fromEntries(pairs) as Labels, value: Number(value) };
    all.set(name, [...(all.get(name) ?? []), sample]);
  }
  const samples = (name: string) => all.get(name) ?? [];
  return {
    text,
    names: new Set(all.keys()),
    samples,
    value: (name, labels = {}) => {
      const found = samples(name).filter((sample) =>
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
      );
      assert.ok(found.length <= 1, `${found.length} samples of ${name} have ${JSON.stringify(labels)}`);
      return found[0]?.value;
    },
  };
}
