import { Export, type ExportedFile } from '../../models/exports/export.ts';
import { requestExport } from '../../models/exports/export-transitions.ts';
import type { Run } from '../../models/runs/run.ts';
import type { Env } from '../../platform/env.ts';
import { notFound, UserError } from '../../platform/failure.ts';
import { RunFolder } from '../../runs/run-folder.ts';

/**
 * Asks for a run's model in another format, once; an orchestrator has it made.
 * @throws UserError where the run has no model of which there could be one
 */
export async function askForExport(
  run: Run,
  wanted: Pick<Export, 'format' | 'quantization'>,
): Promise<{ made: Export; isNew: boolean }> {
  const { id, number, status, output_path, spec } = run;
  if (spec.training_type === 'rag')
    throw new UserError(
      `Run ${number} is of the type rag and made an index, not a model: there is nothing to export as ${wanted.format}. Download its files instead.`,
    );
  if (output_path === null)
    throw new UserError(`Run ${number} is ${status} and has no model; export it once it has completed.`);
  return await requestExport({ run_id: id, ...wanted });
}

/** @throws NotFoundError where the run has no such export */
export async function findExport(run: Run, id: number): Promise<Export> {
  const found = await Export.findOne({ where: { id, run_id: run.id } });
  if (!found) throw notFound(`Export of run ${run.number} with id`, id);
  return found;
}

/** Also one that is being made: its host sees within a second or two that it is gone, and ends. @throws NotFoundError */
export async function deleteExport(env: Env, run: Run, id: number): Promise<void> {
  await (await findExport(run, id)).destroy();
  await new RunFolder(env, run).removeExport(id);
}

/** One of its files. @throws NotFoundError where it is not made yet, or has no such file */
export function exportedFile({ id, status, files }: Export, path: string): ExportedFile {
  const file = files?.find((each) => each.path === path);
  if (file) return file;
  if (status !== 'completed') throw new UserError(`Export ${id} is ${status}; it has files once it has completed.`);
  throw new UserError(
    `Export ${id} has no file ${JSON.stringify(path)}. It has ${files?.map((each) => each.path).join(', ')}.`,
  );
}
