import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { findChromium, NO_CHROMIUM, startBrowser } from '../../support/browser.ts';
import { addDatasets, addRuns } from '../../support/many-rows.ts';
import { csvRows } from '../../support/rows.ts';
import { startTestService, TINY_MODEL } from '../../support/service.ts';
import { judge } from '../bounds.ts';
import { figuresOfAnHour } from './hour.ts';
import { figuresOfLists } from './lists.ts';
import { figuresOfLongRun } from './long-run.ts';
import { figuresOfScripts } from './scripts.ts';

const DATASETS = 10_000;
const RUNS = 5_000;

const PARTS = {
  scripts: figuresOfScripts,
  'long-run': figuresOfLongRun,
  hour: figuresOfAnHour,
  lists: figuresOfLists,
};

/**
 * `npm run bench -- page [--parts scripts,long-run,hour,lists]`: the page as a real Chromium shows it, of a real service: what is loaded for each screen, how long
 * a run of 100,000 steps takes to draw and to zoom, what an hour of events leaves in the browser's memory, and how soon lists of 10,000
 * datasets and 5,000 runs are there.
 */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { parts: { type: 'string', default: Object.keys(PARTS).join(',') } },
  });
  const parts = values.parts.split(',').map((name) => {
    const part = Object.entries(PARTS).find(([known]) => known === name)?.[1];
    if (!part) throw new Error(`--parts: ${name}; known are ${Object.keys(PARTS).join(', ')}`);
    return part;
  });
  const chromium = await findChromium();
  if (chromium === null) throw new Error(NO_CHROMIUM);
  const { service, remove } = await startTestService();
  const database = new pg.Client(service.databaseUrl);
  const browser = await startBrowser(chromium);
  try {
    await database.connect();
    const datasetId = Number((await service.upload('rows.csv', csvRows(100))).body.id);
    const addJob = async (name: string) => {
      const job = { name, dataset_id: datasetId, model_name: TINY_MODEL };
      const { status, body } = await service.call('POST', '/jobs/', job);
      if (status !== 201) throw new Error(`POST /jobs/: ${status} ${JSON.stringify(body)}`);
      const jobId = Number(body.id);
      const { rows } = await database.query<{ id: number }>('SELECT id FROM runs WHERE job_id = $1', [jobId]);
      return { jobId, runId: rows[0]?.id ?? 0 };
    };
    await addDatasets(database, datasetId, DATASETS);
    await addRuns(database, (await addJob('of which there are many')).jobId, RUNS);
    console.log(
      `${browser.browserType().name()} ${browser.version()}, ${availableParallelism()} cores (${cpus()[0]?.model}), load ${loadavg()[0]?.toFixed(1)}`,
    );
    const origin = new URL(service.apiUrl).origin;
    for (const part of parts) judge(await part({ browser, origin, service, database, addJob }));
  } finally {
    await browser.close();
    await database.end();
    await remove();
  }
}
