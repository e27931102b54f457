/** One piece of work of the data engine, in a process of its own so that its memory can be told. Prints JSON. */
import { dirname } from 'node:path';
import { convert } from '../../../src/datasets/convert.ts';
import { mix } from '../../../src/datasets/mix.ts';

const SHARES = [30_000, 25_000, 20_000, 15_000, 10_000];
const MAPPING = { prompt: 'prompt', completion: 'completion' };

const WORK: Record<string, (source: string, target: string) => Promise<unknown>> = {
  ingest: (sourcePath, parquetPath) =>
    convert(
      { sourcePath, originalName: sourcePath, parquetPath, workDir: dirname(parquetPath), mapping: null },
      () => {},
    ),
  mix: (sources, dir) => {
    const datasets = sources
      .split(',')
      .map((parquetPath, id) => ({ id, parquetPath, sha256: `${id}`, mapping: MAPPING }));
    const shares = SHARES.map((percentageThousandths, datasetId) => ({ datasetId, percentageThousandths }));
    const choices = { maxRows: 50_000, traits: [{ trait: 'all', datasets: shares }] };
    return mix({ choices, datasets, seed: 1, dir });
  },
};

const [work = '', source = '', target = ''] = process.argv.slice(2);
const from = performance.now();
await WORK[work]?.(source, target);
const seconds = (performance.now() - from) / 1000;
console.log(JSON.stringify({ seconds, peakMb: process.resourceUsage().maxRSS / 1024 }));
