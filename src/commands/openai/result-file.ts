import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { readLosses, type StepLosses } from '../../models/openai/job-events.ts';
import { OpenAiFile } from '../../models/openai/openai-file.ts';
import { OpenAiJob } from '../../models/openai/openai-job.ts';
import { connection } from '../../models/runs/run.ts';
import { writeDurably } from '../../platform/durable-files.ts';
import type { Env } from '../../platform/env.ts';
import type { FoundJob } from './fine-tuning-jobs.ts';

/**
 * Writes the figures of a job that has succeeded as a file of OpenAI's API, when somebody first looks at the job. Writing it twice
 * writes the same.
 */
export async function ensureResultFile({ asked, job }: FoundJob, env: Env): Promise<void> {
  const run = job?.latestRun;
  if (run?.status !== 'completed' || asked.result_written_at !== null) return;
  // Users and tools decode it: the download of that API is the base64 of the CSV.
  const content = Buffer.from(csvOf(await readLosses(run.id))).toString('base64');
  const path = join(env.home, 'uploads', `${asked.result_file}.csv`);
  await writeDurably(path, content);
  await connection().transaction(async (transaction) => {
    await OpenAiFile.bulkCreate(
      [
        {
          id: asked.result_file,
          purpose: 'fine-tune-results',
          filename: 'step_metrics.csv',
          bytes: content.length,
          sha256: createHash('sha256').update(content).digest('hex'),
          path,
        },
      ],
      { ignoreDuplicates: true, transaction },
    );
    await OpenAiJob.update({ result_written_at: new Date() }, { where: { id: asked.id }, transaction });
  });
}

/** As that API names its columns. An accuracy by tokens is not measured here: its cells are empty. */
function csvOf(steps: StepLosses[]): string {
  const lines = steps.map(({ step, loss, eval_loss }) => `${step},${loss ?? ''},,${eval_loss ?? ''},`);
  return `${['step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy', ...lines].join('\n')}\n`;
}
