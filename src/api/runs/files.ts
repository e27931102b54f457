import { open, readFile, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type MixtureManifest, type MixturePart, readMixtureManifest } from '../../datasets/mixture.ts';
import type { Run } from '../../models/runs/run.ts';
import type { Env } from '../../platform/env.ts';
import { ifThere, ifUsable } from '../../platform/files.ts';
import { runPaths } from '../../runs/run-paths.ts';
import { runStoreOf } from '../../runs/run-store.ts';
import { type Download, filePiece } from '../http/download.ts';
import { ApiError, badRequest } from '../http/errors.ts';
import { tarArchive } from '../http/tar-archive.ts';

/** No more of a log than this is read, however long its lines are. */
const MOST_LOG_BYTES = 8 * 1024 ** 2;

/** The last lines of what the trainer of a run wrote. @throws ApiError 404 while there is none */
export async function readLog(env: Env, run: Run, task: 'train' | 'validate', lines: number): Promise<string> {
  const store = runStoreOf(env, run);
  const stored = store && (await store.readLog(task, MOST_LOG_BYTES));
  if (stored !== null) return lastLines(stored, lines);
  const file = await ifThere(open(join(runPaths(env, run).dir, 'logs', `${task}.log`)));
  if (!file) throw new ApiError(404, `Run ${run.number} has no log of the task ${task} yet.`);
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - MOST_LOG_BYTES);
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(size - from), position: from });
    return lastLines(buffer.toString('utf8', 0, bytesRead), lines);
  } finally {
    await file.close();
  }
}

function lastLines(text: string, lines: number): string {
  const whole = text.replace(/\n$/, '');
  return whole === '' ? '' : `${whole.split('\n').slice(-lines).join('\n')}\n`;
}

/** A file of a run's report. @throws ApiError 404 until it has been validated */
export async function readReport(env: Env, run: Run, name: string): Promise<Buffer> {
  const report = await ifThere(readFile(join(runPaths(env, run).report, name)));
  if (report === null)
    throw new ApiError(404, `Run ${run.number} is ${run.status} and has no ${name}; validation writes it.`);
  return report;
}

/** A run's mixture. @throws ApiError 404 until it is written */
export async function findMixture(env: Env, run: Run): Promise<{ dir: string; manifest: MixtureManifest }> {
  const dir = runPaths(env, run).mixture;
  const manifest = await readMixtureManifest(dir);
  if (!manifest)
    throw new ApiError(
      404,
      `Run ${run.number} is ${run.status} and has no mixture; its data is prepared when it starts.`,
    );
  return { dir, manifest };
}

/** A part of a run's mixture. @throws ApiError 404 until it is written, or when it is gone */
export async function mixtureFile(env: Env, run: Run, part: MixturePart): Promise<Download> {
  const { dir, manifest } = await findMixture(env, run);
  return {
    name: `${run.workflow_id}-${part}.parquet`,
    contentType: 'application/vnd.apache.parquet',
    pieces: [await filePiece(join(dir, manifest[part].file), mixtureIsGone(run))],
  };
}

export function mixtureIsGone(run: Run): string {
  return `The mixture of run ${run.number} is not there any more: its file was moved or deleted.`;
}

/** The published model as a tar archive that is made while it is sent. @throws ApiError 400 or 404 when there is none */
export async function archiveOutput(run: Run): Promise<Download> {
  const output = outputOf(run);
  const pieces = await ifThere(tarArchive(output));
  if (pieces === null)
    throw new ApiError(
      404,
      `The output of run ${run.number} is not in its directory any more: it was moved or deleted.`,
    );
  return { name: `${basename(output)}.tar`, contentType: 'application/x-tar', pieces };
}

/** The files of the published model, as training wrote them. @throws ApiError 400 when there is none */
export function outputFiles(run: Run): { path: string; bytes: number; sha256: string }[] {
  outputOf(run);
  return run.result?.files ?? [];
}

/** One of them. @throws ApiError 400 when there is no model, 404 when it is none of its files, or is not there any more */
export async function outputFile(run: Run, path: string): Promise<Download> {
  const output = outputOf(run);
  if (!outputFiles(run).some((file) => file.path === path))
    throw new ApiError(
      404,
      `The model of run ${run.number} has no file ${JSON.stringify(path)}. GET …/files lists those that it has.`,
    );
  const gone = `${path} of run ${run.number} is not in the model's directory any more: it was moved or deleted.`;
  const directory = await ifThere(realpath(output));
  const file = directory && join(directory, path);
  // Through a link it would be a file of somebody else's.
  if (file === null || (await ifUsable(realpath(file))) !== file) throw new ApiError(404, gone);
  return { name: basename(path), contentType: 'application/octet-stream', pieces: [await filePiece(file, gone)] };
}

function outputOf({ number, status, output_path }: Run): string {
  if (output_path === null)
    throw badRequest(`Run ${number} is ${status} and has no output; download it once it has completed.`);
  return output_path;
}
