import { createHash } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { PROJECT_ROOT } from '../../src/platform/env.ts';
import { bearer } from './api-keys.ts';
import { stepsIn } from './jobs.ts';

/** Has what each released version left on a disk, as record-release.ts beside the test of upgrades recorded it. */
export const RELEASES = join(PROJECT_ROOT, 'tests', 'fixtures', 'releases');

/** Opens the service of every recorded release: what it has is made for tests. */
export const RELEASE_KEY = 'the-key-of-recorded-releases';

/** The job that each run under way is compared with; a checkpoint is behind it when it is stopped in the middle. */
export const RELEASE_JOB = { batch_size: 2, epochs: 2, save_steps: 10, lora_r: 2, max_length: 64, merge: false };
export const RELEASE_SWEEP_JOB = {
  training_type: 'lora',
  batch_size: 2,
  max_steps: 8,
  max_length: 64,
  lora_r: 2,
  merge: false,
};

/** What is in a recorded release beside `backup/`, `temporal.db*` and `models/`. */
export const ReleaseSchema = z.object({
  version: z.string(),
  /** The names of its migrations. */
  schema: z.array(z.string()),
  recorded_at: z.string(),
  /** Of the trainer's requirements: with other libraries the same training may end with other weights. */
  requirements_sha256: z.string(),
  dataset_id: z.number(),
  /** Of the job that nobody disturbed. */
  weights_sha256: z.string(),
  /** Jobs by how they were when the service was stopped. */
  jobs: z.object({
    completed: z.number(),
    failed: z.number(),
    cancelled: z.number(),
    /** It had a worker, and its checkpoint is of this step or later. */
    running: z.number(),
    paused: z.number(),
    /** In the line. */
    waiting: z.number(),
    /** Begins once `running` is completed. */
    after: z.number(),
  }),
  /** Of the newest checkpoint of `running`, and of `paused`. */
  checkpoint_steps: z.object({ running: z.number(), paused: z.number() }),
  sweep_id: z.number(),
  keys: z.array(z.string()),
  audit_rows: z.number(),
});
export type Release = z.infer<typeof ReleaseSchema>;

/** The names of the recorded releases, oldest first. */
export async function recordedReleases(): Promise<string[]> {
  return (await readdir(RELEASES)).filter((name) => name.endsWith('.tar.gz')).sort();
}

/** What a recorded release has, in a folder of its own. */
export async function unpackRelease(
  name: string,
): Promise<{ release: Release; folder: string; backup: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'mtm-test-release-'));
  await execa('tar', ['-xzf', join(RELEASES, name), '-C', folder]);
  const release = ReleaseSchema.parse(JSON.parse(await readFile(join(folder, 'release.json'), 'utf8')));
  const [made = ''] = await readdir(join(folder, 'backup'));
  return {
    release,
    folder,
    backup: join(folder, 'backup', made),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Puts Temporal's database, as it was, beside what was restored. */
export async function putTemporal(from: string, to: string): Promise<void> {
  for (const name of await readdir(from))
    if (name.startsWith('temporal.db')) await cp(join(from, name), join(to, name));
}

/** The steps from which trainers went on with a job, which has ended. */
export async function resumedFrom(apiUrl: string, job: number): Promise<number[]> {
  const answer = await fetch(`${apiUrl}/api/v1/jobs/${job}/events`, { headers: bearer(RELEASE_KEY) });
  return stepsIn(await answer.text(), 'resumed');
}

export async function requirementsSha256(): Promise<string> {
  const hash = createHash('sha256');
  for (const name of ['requirements.txt', 'requirements-torch.txt'])
    hash.update(await readFile(join(PROJECT_ROOT, 'trainer', name)));
  return hash.digest('hex');
}
