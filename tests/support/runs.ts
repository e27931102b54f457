import { Job } from '../../src/models/jobs/job.ts';
import { newWorker, newWorkerId, Worker } from '../../src/models/pool/worker.ts';
import { createRun } from '../../src/models/runs/create-run.ts';
import type { Run } from '../../src/models/runs/run.ts';
import { resolveRunSpec } from '../../src/models/runs/run-spec.ts';
import { TrainingConfig } from '../../src/models/settings/training-config.ts';
import { buildDataset, type TestDatabase } from './database.ts';

/** So many jobs, each with a pending run. @returns the ids of the runs, in their order */
export async function buildRuns(database: TestDatabase, count: number): Promise<number[]> {
  const ids: number[] = [];
  for (let i = 0; i < count; i++) ids.push((await buildRun(database)).id);
  return ids;
}

/** A job with a pending run. */
export async function buildRun({ sequelize }: TestDatabase): Promise<Run> {
  const dataset = await buildDataset();
  const config = await TrainingConfig.current();
  const job = await Job.create({
    name: 'job',
    description: null,
    dataset_id: dataset.id,
    training_type: 'qlora',
    model_name: 'none/such',
    batch_size: 4,
    learning_rate: 0.001,
    epochs: 1,
    lora_r: 8,
    lora_alpha: 16,
    lora_dropout: 0,
    hyperparameters: {},
  });
  const spec = resolveRunSpec(
    {
      training_type: 'qlora',
      base_model: 'none/such',
      max_rows: null,
      threads: 1,
      output_directory: '/nowhere/job',
      traits: [{ trait: 'all', datasets: [{ dataset_id: dataset.id, percentage_thousandths: 100_000 }] }],
      hyperparameters: {},
    },
    config,
  );
  return await sequelize.transaction((transaction) => createRun({ kind: 'job', id: job.id }, spec, transaction));
}

/** Rows of workers that are free, of which there are no processes. */
export async function addWorkers(count: number, status: 'idle' | 'busy' = 'idle'): Promise<void> {
  const ids = Array.from({ length: count }, () => newWorkerId());
  await Worker.bulkCreate(ids.map((id) => ({ ...newWorker(id, 'nowhere'), status })));
}
